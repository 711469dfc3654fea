/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's threads and the requests of the main thread. Rings of VMs are taken in small
 * pieces, and only while the queue to the device has room for the most that a piece can become; a
 * VM that prints faster than the line is held back by its own full ring.
 */
#include "vmm/root/console.h"

#include <string.h>

#include "vmm/lib/format.h"
#include "vmm/root/thread.h"

#define PRIORITY  200u
#define BUDGET_US 2000u
#define PERIOD_US 10000u

#define PIECE         32u
#define SOURCE_REPORT CONSOLE_PORTS        /* of the first VM */
#define SOURCE_ROOT   (2u * CONSOLE_PORTS) /* the manager */
_Static_assert(SOURCE_ROOT + 1 == LINES_SOURCES, "every source has its place");
_Static_assert(LINES_GROWTH(PIECE) < CONSOLE_QUEUE && 2 * CONSOLE_TEXT_MAX < CONSOLE_QUEUE,
               "a piece fits the empty queue");

/* Longest wait for a transmitter whose interrupt does not come: 16 characters at 115200 baud. */
#define TRANSMIT_US 1400u

static void queue_put(void *ctx, char c)
{
    struct console *console = ctx;
    if (console->queue_head - console->queue_tail < CONSOLE_QUEUE) {
        console->queue[console->queue_head++ % CONSOLE_QUEUE] = c;
    }
}

static uint64_t queue_room(const struct console *console)
{
    return CONSOLE_QUEUE - (console->queue_head - console->queue_tail);
}

static bool queue_is_empty(const struct console *console)
{
    return console->queue_head == console->queue_tail;
}

/* The first attached VM, which has the keyboard; CONSOLE_PORTS if there is none. */
static uint32_t front_port(const struct console *console)
{
    uint32_t i = 0;
    while (i < CONSOLE_PORTS && !console->port[i].attached) {
        i++;
    }
    return i;
}

/* Moves one piece of a ring into the queue. False: it is empty, or there is no room now. */
static bool take_piece(struct console *console, struct ring_end *ring, uint32_t source)
{
    char piece[PIECE];
    if (queue_room(console) < LINES_GROWTH(PIECE)) {
        return false;
    }
    size_t n = ring_get(ring, piece, sizeof(piece));
    lines_put(&console->lines, source, piece, n);
    return n != 0;
}

/* Output goes before reports, which mostly are about what the VM has just written. */
static bool collect_port(struct console *console, uint32_t i)
{
    struct console_port *port = &console->port[i];
    /* A VMM that found its ring full waits for room. Between full and empty a ring is seen here at
     * least once while it is more than half full, however the VMM goes on writing. */
    bool moved = false;
    bool tell = false;
    bool more = true;
    while (more) {
        bool was_full = ring_used(&port->output) >= VM_RING_SIZE / 2;
        more = take_piece(console, &port->output, i);
        moved |= more;
        tell |= more && was_full;
    }
    if (tell) {
        (void)bh_sm_up(port->input_semaphore);
    }
    while (take_piece(console, &port->report, SOURCE_REPORT + i)) {
        moved = true;
    }
    return moved;
}

/* The ports take turns at being first, since the first may fill the queue. */
static bool collect(struct console *console)
{
    bool progress = false;
    console->turn = (console->turn + 1) % CONSOLE_PORTS;
    for (uint32_t i = 0; i < CONSOLE_PORTS; i++) {
        uint32_t port = (console->turn + i) % CONSOLE_PORTS;
        if (console->port[port].attached) {
            progress |= collect_port(console, port);
        }
    }
    return progress;
}

/* Characters received go to the VM in front as far as its ring has room; without one they are lost.
 */
static void forward_input(struct console *console)
{
    uint8_t piece[PIECE];
    uint32_t front = front_port(console);
    struct console_port *port = front < CONSOLE_PORTS ? &console->port[front] : NULL;
    for (;;) {
        size_t room = port == NULL ? sizeof(piece) : ring_room(&port->input);
        size_t n =
            ring_get(&console->received_out, piece, room < sizeof(piece) ? room : sizeof(piece));
        if (n == 0) {
            return;
        }
        if (port != NULL) {
            (void)ring_put(&port->input, piece, n);
            (void)bh_sm_up(port->input_semaphore);
        }
    }
}

/* Hands the queue to the device as far as that takes it. */
static bool transmit(struct console *console)
{
    bool progress = false;
    while (!queue_is_empty(console)) {
        uint64_t at = console->queue_tail % CONSOLE_QUEUE;
        uint64_t n = console->queue_head - console->queue_tail;
        n = n < CONSOLE_QUEUE - at ? n : CONSOLE_QUEUE - at;
        if (console->device == CONFIG_CONSOLE_VGA) {
            for (uint64_t i = 0; i < n; i++) {
                vga_put(&console->vga, console->queue[at + i]);
            }
        } else {
            n = uart_transmit(&console->uart, (const uint8_t *)&console->queue[at], n);
        }
        if (n == 0) {
            break;
        }
        console->queue_tail += n;
        progress = true;
    }
    return progress;
}

static void set_device(struct console *console, enum config_console device)
{
    console->device = device;
    if (device == CONFIG_CONSOLE_VGA) {
        vga_init(&console->vga, (volatile uint16_t *)(uintptr_t)(BH_ROOT_PHYS + VGA_ADDRESS));
    } else {
        uart_init(&console->uart, device == CONFIG_CONSOLE_COM1 ? UART_COM1 : UART_COM2);
    }
}

static void attach(struct console *console, uint32_t i, const struct console_vm *vm)
{
    struct console_port *port = &console->port[i];
    *port = (struct console_port){.attached = true, .input_semaphore = vm->input};
    ring_init(&port->output, &vm->rings->output);
    ring_init(&port->input, &vm->rings->input);
    ring_init(&port->report, vm->report);
    lines_tag(&console->lines, i, vm->tag);
    console->lines.front = front_port(console);
}

/* False: there is more to show first. */
static bool detach(struct console *console, uint32_t i)
{
    struct console_port *port = &console->port[i];
    bool room = queue_room(console) >= LINES_GROWTH(PIECE);
    if (!room || ring_used(&port->output) != 0 || ring_used(&port->report) != 0) {
        return false;
    }
    lines_finish(&console->lines, i);
    lines_finish(&console->lines, SOURCE_REPORT + i);
    port->attached = false;
    console->lines.front = front_port(console);
    return true;
}

/* Performs the request as far as possible now; true when it is done. */
static bool perform(struct console *console, const struct console_request *request)
{
    switch (request->kind) {
    case CONSOLE_REQUEST_SELECT:
        set_device(console, request->device);
        return true;
    case CONSOLE_REQUEST_ATTACH:
        attach(console, request->port, request->vm);
        return true;
    case CONSOLE_REQUEST_DETACH:
        return detach(console, request->port);
    case CONSOLE_REQUEST_PRINT:
        if (queue_room(console) < 2 * CONSOLE_TEXT_MAX) {
            return false;
        }
        lines_put(&console->lines, SOURCE_ROOT, request->text, request->length);
        return true;
    default:
        return queue_is_empty(console) &&
               (console->device == CONFIG_CONSOLE_VGA || uart_is_idle(&console->uart));
    }
}

static bool serve_request(struct console *console)
{
    struct console_request *request = &console->request;
    if (__atomic_load_n(&request->kind, __ATOMIC_ACQUIRE) == CONSOLE_REQUEST_NONE ||
        !perform(console, request)) {
        return false;
    }
    __atomic_store_n(&request->kind, CONSOLE_REQUEST_NONE, __ATOMIC_RELEASE);
    (void)bh_sm_up(console->done);
    return true;
}

static void console_thread(void *ctx)
{
    struct console *console = ctx;
    uint64_t transmit_ticks = thread_ticks(console->info, TRANSMIT_US);
    for (;;) {
        forward_input(console);
        bool progress = collect(console);
        progress |= serve_request(console);
        progress |= transmit(console);
        if (progress) {
            continue;
        }
        bool waits =
            !queue_is_empty(console) ||
            __atomic_load_n(&console->request.kind, __ATOMIC_ACQUIRE) != CONSOLE_REQUEST_NONE;
        uint64_t count;
        (void)bh_sm_down_zero(console->wake, waits ? bh_rdtsc() + transmit_ticks : BH_NEVER,
                              &count);
    }
}

/* What came before the interrupt was unmasked is answered first: an edge that was missed leaves the
 * line up, and no other would follow. */
static void input_thread(void *ctx)
{
    struct console *console = ctx;
    uint8_t bytes[PIECE];
    for (;;) {
        size_t n;
        do {
            n = uart_receive(&console->uart, bytes, sizeof(bytes));
            (void)ring_put(&console->received_in, bytes, n);
        } while (n == sizeof(bytes));
        (void)bh_sm_up(console->wake);
        (void)bh_sm_down(console->interrupt, BH_NEVER);
    }
}

/* Main thread: hands the prepared request over and waits until it is done. */
static void submit(struct console *console, enum console_kind kind)
{
    __atomic_store_n(&console->request.kind, kind, __ATOMIC_RELEASE);
    (void)bh_sm_up(console->wake);
    (void)bh_sm_down(console->done, BH_NEVER);
}

bool console_start(struct console *console, const struct bh_info *info,
                   struct selector_pool *selectors)
{
    console->info = info;
    lines_init(&console->lines, queue_put, console);
    ring_init(&console->received_in, &console->received);
    ring_init(&console->received_out, &console->received);
    set_device(console, CONFIG_CONSOLE_COM1);
    console->wake = selector_alloc(selectors, 2);
    console->done = console->wake + 1;
    struct thread_plan plan = {.function = console_thread,
                               .argument = console,
                               .stack = console->stack,
                               .stack_size = sizeof(console->stack),
                               .utcb = THREAD_UTCB_CONSOLE,
                               .priority = PRIORITY,
                               .budget = thread_ticks(info, BUDGET_US),
                               .period = thread_ticks(info, PERIOD_US)};
    return bh_create_sm(console->wake, 0) == BH_OK && bh_create_sm(console->done, 0) == BH_OK &&
           thread_start(&plan, selectors) == BH_OK;
}

/* Waits for the UART's interrupt in a thread of its own. */
static enum bh_status listen(struct console *console, struct selector_pool *selectors)
{
    uint32_t irq = console->device == CONFIG_CONSOLE_COM2 ? UART_COM2_IRQ : UART_COM1_IRQ;
    uint32_t gsi = console->info->isa_gsi[irq];
    if (gsi >= console->info->irqs) {
        return BH_ERR_SELECTOR;
    }
    console->interrupt = BH_SEL_IRQ + gsi;
    struct thread_plan plan = {.function = input_thread,
                               .argument = console,
                               .stack = console->input_stack,
                               .stack_size = sizeof(console->input_stack),
                               .utcb = THREAD_UTCB_INPUT,
                               .priority = PRIORITY,
                               .budget = thread_ticks(console->info, BUDGET_US),
                               .period = thread_ticks(console->info, PERIOD_US)};
    enum bh_status status = bh_irq_route(console->interrupt, 0);
    return status == BH_OK ? thread_start(&plan, selectors) : status;
}

void console_select(struct console *console, struct selector_pool *selectors,
                    enum config_console device)
{
    uint64_t held = 0;
    uint64_t rights = 0;
    uint64_t page = (BH_ROOT_PHYS + VGA_ADDRESS) / BH_UTCB_SIZE;
    if (device == CONFIG_CONSOLE_VGA &&
        (bh_lookup(BH_SPACE_MEM, page, &held, &rights) != BH_OK || held == 0)) {
        console_log(console, "console: no VGA text buffer: com1 is used");
        device = CONFIG_CONSOLE_COM1;
    }
    if (device != console->device) {
        console->request.device = device;
        submit(console, CONSOLE_REQUEST_SELECT);
    }
    enum bh_status status = device == CONFIG_CONSOLE_VGA ? BH_OK : listen(console, selectors);
    if (status != BH_OK) {
        console_log(console, "console: no input: %s", status_text(status));
    }
}

void console_attach(struct console *console, uint32_t port, const struct console_vm *vm)
{
    console->request.port = port;
    console->request.vm = vm;
    submit(console, CONSOLE_REQUEST_ATTACH);
}

void console_detach(struct console *console, uint32_t port)
{
    console->request.port = port;
    submit(console, CONSOLE_REQUEST_DETACH);
}

void console_log(struct console *console, const char *format, ...)
{
    static const char begin[] = "root: ";
    static const char end[] = "\r\n";
    char *text = console->request.text;
    size_t room = CONSOLE_TEXT_MAX - sizeof(end);
    memcpy(text, begin, sizeof(begin));
    va_list args;
    va_start(args, format);
    int wanted = format_print(text + sizeof(begin) - 1, room - sizeof(begin), format, args);
    va_end(args);
    size_t length = sizeof(begin) - 1 + (wanted > 0 ? (size_t)wanted : 0);
    length = length < room - 2 ? length : room - 2;
    memcpy(text + length, end, sizeof(end));
    console->request.length = (uint32_t)(length + sizeof(end) - 1);
    submit(console, CONSOLE_REQUEST_PRINT);
}

void console_flush(struct console *console)
{
    submit(console, CONSOLE_REQUEST_FLUSH);
}
