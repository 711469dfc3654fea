/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wires the board and routes accesses to it: see board.h. A port finds its device by two table
 * lookups, an address by a short search; what an access may have changed (deadline, interrupt) is
 * looked at for the device concerned only.
 */
#include "vmm/board.h"

#include <stddef.h>

#include "vmm/devemu/irq.h"
#include "vmm/memmap.h"

/*
 * The port map: name of the model's functions, member of struct board, first port, ports, reach,
 * timer. Mechanism 1 of PCI decodes only double words at CF8h; in between lies the reset register.
 */
#define BOARD_PORT_MAP(X)                                                                     \
    X(i8259_master, pic, I8259_MASTER_PORT, I8259_PORTS, I8259_PORTS, NONE)                   \
    X(i8259_slave, pic, I8259_SLAVE_PORT, I8259_PORTS, I8259_PORTS, NONE)                     \
    X(i8259_elcr, pic, I8259_ELCR_PORT, I8259_PORTS, I8259_PORTS, NONE)                       \
    X(i8254, pit, I8254_PORT, I8254_PORTS, I8254_PORTS, PIT)                                  \
    X(i8254_port61, pit, I8254_PORT61, 1, 1, PIT)                                             \
    X(mc146818, rtc, MC146818_PORT, MC146818_PORTS, MC146818_PORTS, RTC)                      \
    X(uart16550, uart, UART16550_COM1, UART16550_PORTS, UART16550_PORTS, UART)                \
    X(i8042_data, kbc, I8042_DATA_PORT, 1, 1, NONE)                                           \
    X(i8042_command, kbc, I8042_COMMAND_PORT, 1, 1, NONE)                                     \
    X(i8042_fast92, kbc, I8042_FAST92_PORT, 1, 1, NONE)                                       \
    X(acpi_pm, pm, MEMMAP_PM1A_EVT, ACPI_PM_PORTS, ACPI_PM_PORTS, PM)                         \
    X(acpi_pm_reset, pm, ACPI_PM_RESET_PORT, 1, 1, NONE)                                      \
    X(pci_host_address, pci, PCI_HOST_ADDRESS_PORT, 1, 4, NONE)                               \
    X(pci_host_data, pci, PCI_HOST_DATA_PORT, PCI_HOST_DATA_PORTS, PCI_HOST_DATA_PORTS, NONE) \
    X(debug_exit, debug_exit, DEBUG_EXIT_PORT, 1, DEBUG_EXIT_PORTS, NONE)

_Static_assert(MEMMAP_PM1A_CNT == MEMMAP_PM1A_EVT + ACPI_PM_CONTROL &&
                   MEMMAP_PM_TMR == MEMMAP_PM1A_EVT + ACPI_PM_TIMER,
               "the FADT says where the blocks of the ACPI hardware are");

/* The models' functions, with the device as a plain pointer. */
#define BOARD_PORT_FUNCTIONS(name, member, first, ports, reach, timer)                 \
    static uint32_t name##_in(void *ctx, unsigned offset, unsigned size, uint64_t now) \
    {                                                                                  \
        return name##_read(ctx, offset, size, now);                                    \
    }                                                                                  \
    static void name##_out(void *ctx, unsigned offset, unsigned size, uint32_t value,  \
                           uint64_t now)                                               \
    {                                                                                  \
        name##_write(ctx, offset, size, value, now);                                   \
    }
BOARD_PORT_MAP(BOARD_PORT_FUNCTIONS)

struct port_map {
    struct board_port claim; /* ctx: none yet */
    size_t member;           /* offset of the device in struct board */
};

#define BOARD_PORT_ENTRY(name, device, first, ports, width, clock) \
    {{.base = (first),                                             \
      .count = (ports),                                            \
      .reach = (width),                                            \
      .timer = BOARD_TIMER_##clock,                                \
      .read = name##_in,                                           \
      .write = name##_out},                                        \
     offsetof(struct board, device)},
static const struct port_map port_map[] = {BOARD_PORT_MAP(BOARD_PORT_ENTRY)};

/* Deadlines. */

static uint64_t due_of(const struct board *b, enum board_timer timer)
{
    switch (timer) {
    case BOARD_TIMER_PIT:
        return i8254_deadline(&b->pit);
    case BOARD_TIMER_RTC:
        return mc146818_deadline(&b->rtc);
    case BOARD_TIMER_UART:
        return uart16550_deadline(&b->uart);
    case BOARD_TIMER_PM:
        return acpi_pm_deadline(&b->pm);
    case BOARD_TIMER_LAPIC:
        return lapic_deadline(&b->lapic);
    default:
        return UINT64_MAX;
    }
}

static uint64_t first_due(const struct board *b)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < BOARD_TIMERS; i++)
        first = b->due[i] < first ? b->due[i] : first;
    return first;
}

/* All are looked at only when the first one goes. */
static inline void set_due(struct board *b, enum board_timer timer, uint64_t due)
{
    const uint64_t before = b->due[timer];

    if (due == before)
        return;
    b->due[timer] = due;
    if (due <= b->deadline)
        b->deadline = due;
    else if (before == b->deadline)
        b->deadline = first_due(b);
}

static inline void refresh(struct board *b, enum board_timer timer)
{
    if (timer == BOARD_TIMER_UART) /* most accesses by far are to it */
        set_due(b, timer, uart16550_deadline(&b->uart));
    else if (timer != BOARD_TIMER_NONE)
        set_due(b, timer, due_of(b, timer));
}

static void advance_one(struct board *b, enum board_timer timer, uint64_t now)
{
    switch (timer) {
    case BOARD_TIMER_PIT:
        i8254_advance(&b->pit, now);
        break;
    case BOARD_TIMER_RTC:
        mc146818_advance(&b->rtc, now);
        break;
    case BOARD_TIMER_UART:
        uart16550_advance(&b->uart, now);
        break;
    case BOARD_TIMER_PM:
        acpi_pm_advance(&b->pm, now);
        break;
    case BOARD_TIMER_LAPIC:
        lapic_advance(&b->lapic, now);
        b->changed = true;
        break;
    default:
        break;
    }
    refresh(b, timer);
}

void board_advance(struct board *b, uint64_t now)
{
    if (now < b->deadline)
        return;
    for (unsigned i = 0; i < BOARD_TIMERS; i++) {
        if (now >= b->due[i])
            advance_one(b, (enum board_timer)i, now);
    }
}

void board_uart_changed(struct board *b)
{
    refresh(b, BOARD_TIMER_UART);
}

/* Ports. Claim 0 is of no reach: nobody's. */

static const struct board_port *find_port(const struct board *b, uint16_t port)
{
    return &b->port[b->leaf[b->leaf_of[port / BOARD_PORT_BLOCK]][port % BOARD_PORT_BLOCK]];
}

static bool covers(const struct board_port *p, uint16_t port, unsigned size)
{
    return (unsigned)(port - p->base) + size <= p->reach;
}

static __attribute__((noinline, cold)) uint32_t read_bytes(struct board *b, uint16_t port,
                                                           unsigned size, uint64_t now)
{
    uint32_t value = 0;

    if (size == 1)
        return UINT32_MAX;
    for (unsigned i = 0; i < size; i++)
        value |= (board_port_read(b, (uint16_t)(port + i), 1, now) & UINT8_MAX) << (8 * i);
    return value;
}

uint32_t board_port_read(struct board *b, uint16_t port, unsigned size, uint64_t now)
{
    const struct board_port *p = find_port(b, port);
    uint32_t value;

    if (!covers(p, port, size))
        return read_bytes(b, port, size, now);
    value = p->read(p->ctx, (unsigned)(port - p->base), size, now);
    refresh(b, p->timer);
    return value;
}

static __attribute__((noinline, cold)) void write_bytes(struct board *b, uint16_t port,
                                                        unsigned size, uint32_t value, uint64_t now)
{
    for (unsigned i = 0; size > 1 && i < size; i++)
        board_port_write(b, (uint16_t)(port + i), 1, (value >> (8 * i)) & UINT8_MAX, now);
}

void board_port_write(struct board *b, uint16_t port, unsigned size, uint32_t value, uint64_t now)
{
    const struct board_port *p = find_port(b, port);

    if (covers(p, port, size)) {
        p->write(p->ctx, (unsigned)(port - p->base), size, value, now);
        refresh(b, p->timer);
    } else {
        write_bytes(b, port, size, value, now);
    }
}

static bool claim_port(struct board *b, const struct board_port *claim)
{
    const unsigned index = b->ports + 1;

    if (index == BOARD_PORT_CLAIMS)
        return false;
    for (unsigned i = 0; i < claim->count; i++) {
        const unsigned port = claim->base + i;
        uint8_t *leaf = &b->leaf_of[port / BOARD_PORT_BLOCK];

        if (*leaf == 0) {
            if (b->leaves + 1 >= BOARD_PORT_LEAVES)
                return false;
            *leaf = (uint8_t)++b->leaves;
        }
        if (b->leaf[*leaf][port % BOARD_PORT_BLOCK] != 0)
            return false;
        b->leaf[*leaf][port % BOARD_PORT_BLOCK] = (uint8_t)index;
    }
    b->port[index] = *claim;
    b->ports++;
    return true;
}

/* Addresses. */

static void lapic_changed(struct board *b)
{
    b->changed = true;
    set_due(b, BOARD_TIMER_LAPIC, lapic_deadline(&b->lapic));
}

static uint64_t lapic_in(void *ctx, unsigned offset, unsigned size, uint64_t now)
{
    struct board *b = ctx;
    const uint64_t value = lapic_mmio_read(&b->lapic, offset, size, now);

    if (now >= b->due[BOARD_TIMER_LAPIC])
        lapic_changed(b);
    return value;
}

static void lapic_out(void *ctx, unsigned offset, unsigned size, uint64_t value, uint64_t now)
{
    struct board *b = ctx;

    lapic_mmio_write(&b->lapic, offset, size, value, now);
    lapic_changed(b);
}

static uint64_t ioapic_in(void *ctx, unsigned offset, unsigned size, uint64_t now)
{
    struct board *b = ctx;

    return ioapic_read(&b->ioapic, offset, size, now);
}

static void ioapic_out(void *ctx, unsigned offset, unsigned size, uint64_t value, uint64_t now)
{
    struct board *b = ctx;

    ioapic_write(&b->ioapic, offset, size, value, now);
    b->changed = true;
}

static const struct board_mmio mmio_map[] = {
    {LAPIC_BASE, LAPIC_PAGE_SIZE, lapic_in, lapic_out, NULL},
    {IOAPIC_BASE, IOAPIC_PAGE_SIZE, ioapic_in, ioapic_out, NULL},
};

_Static_assert(MEMMAP_LAPIC == LAPIC_BASE && MEMMAP_IOAPIC == IOAPIC_BASE,
               "the MADT says where the APICs are");

static const struct board_mmio *find_mmio(const struct board *b, uint64_t gpa)
{
    for (unsigned i = 0; i < b->mmios; i++) {
        if (gpa - b->mmio[i].base < b->mmio[i].size)
            return &b->mmio[i];
    }
    return NULL;
}

uint64_t board_mmio_read(struct board *b, uint64_t gpa, unsigned size, uint64_t now)
{
    const struct board_mmio *m = find_mmio(b, gpa);

    return m == NULL ? UINT64_MAX : m->read(m->ctx, (unsigned)(gpa - m->base), size, now);
}

void board_mmio_write(struct board *b, uint64_t gpa, unsigned size, uint64_t value, uint64_t now)
{
    const struct board_mmio *m = find_mmio(b, gpa);

    if (m != NULL)
        m->write(m->ctx, (unsigned)(gpa - m->base), size, value, now);
}

static bool claim_mmio(struct board *b, const struct board_mmio *claim)
{
    if (b->mmios == BOARD_MMIO_CLAIMS)
        return false;
    for (unsigned i = 0; i < b->mmios; i++) {
        const struct board_mmio *other = &b->mmio[i];

        if (claim->base < other->base + other->size && other->base < claim->base + claim->size)
            return false;
    }
    b->mmio[b->mmios] = *claim;
    b->mmio[b->mmios].ctx = b;
    b->mmios++;
    return true;
}

bool board_msr_read(struct board *b, uint32_t msr, uint64_t *value, uint64_t now)
{
    const bool known = lapic_msr_read(&b->lapic, msr, value, now);

    if (now >= b->due[BOARD_TIMER_LAPIC])
        lapic_changed(b);
    return known;
}

bool board_msr_write(struct board *b, uint32_t msr, uint64_t value, uint64_t now)
{
    const bool done = lapic_msr_write(&b->lapic, msr, value, now);

    lapic_changed(b);
    return done;
}

void board_tsc_deadline(struct board *b, uint64_t deadline, uint64_t now)
{
    lapic_set_tsc_deadline(&b->lapic, deadline, now);
    if (b->lapic.requests_changed)
        b->changed = true;
    set_due(b, BOARD_TIMER_LAPIC, lapic_deadline(&b->lapic));
}

void board_apic_eoi(struct board *b, unsigned vector)
{
    lapic_eoi_done(&b->lapic, vector);
    b->changed = true;
}

void board_apic_written(struct board *b, unsigned offset, uint64_t now)
{
    lapic_write_done(&b->lapic, offset, now);
    lapic_changed(b);
}

void board_set_tpr(struct board *b, uint8_t tpr)
{
    lapic_set_tpr(&b->lapic, tpr);
    b->changed = true;
}

/* Interrupts. */

/* A device's ISA interrupt: the 8259A's input and the IOAPIC's pin. */
static void isa_set(void *ctx, unsigned line, bool level)
{
    struct board *b = ctx;

    i8259_set(&b->pic, line, level);
    ioapic_set(&b->ioapic, line == 0 ? MEMMAP_PIT_GSI : line, level);
    b->changed = true;
}

/* The 8259A's INTR: wired to LINT0, and to the IOAPIC's first pin as on most boards. */
static void intr_set(void *ctx, unsigned line, bool level)
{
    struct board *b = ctx;

    (void)line;
    lapic_lint(&b->lapic, 0, level);
    ioapic_set(&b->ioapic, 0, level);
    b->changed = true;
}

static struct irq_line isa_line(struct board *b, unsigned line)
{
    return (struct irq_line){isa_set, b, line};
}

/* A message on the way to the one CPU. */
static bool deliver(struct board *b, enum lapic_delivery mode, unsigned vector, bool level)
{
    b->changed = true;
    switch (mode) {
    case LAPIC_DELIVERY_FIXED:
    case LAPIC_DELIVERY_LOWEST:
        return lapic_accept(&b->lapic, vector, level);
    case LAPIC_DELIVERY_NMI:
        b->nmi = true;
        return true;
    default:
        /* ExtINT is looked up when the CPU asks; SMI has no handler; INIT and SIPI concern other
         * CPUs. */
        return true;
    }
}

static bool ioapic_deliver(void *ctx, const struct ioapic_msg *msg)
{
    struct board *b = ctx;

    return lapic_matches(&b->lapic, msg->destination, msg->logical) &&
           deliver(b, msg->mode, msg->vector, msg->level);
}

static void lapic_icr(void *ctx, const struct lapic_ipi *ipi)
{
    struct board *b = ctx;

    if (ipi->shorthand == LAPIC_SHORTHAND_NONE &&
        lapic_matches(&b->lapic, ipi->destination, ipi->logical))
        (void)deliver(b, ipi->mode, ipi->vector, false);
}

static void lapic_eoi_of(void *ctx, unsigned vector)
{
    struct board *b = ctx;

    ioapic_eoi(&b->ioapic, vector);
}

static void lapic_nmi(void *ctx)
{
    struct board *b = ctx;

    b->nmi = true;
    b->changed = true;
}

static bool extint(const struct board *b)
{
    return i8259_pending(&b->pic) &&
           (lapic_accepts_extint(&b->lapic) || ioapic_routes_extint(&b->ioapic, 0));
}

bool board_wakes(const struct board *b)
{
    return lapic_pending(&b->lapic) >= 0 || extint(b);
}

bool board_interrupt(const struct board *b)
{
    return b->processor_delivers ? extint(b) : board_wakes(b);
}

int board_acknowledge(struct board *b)
{
    int vector;

    /* The local APIC passes ExtINT on whatever its priorities are. */
    if (extint(b))
        return i8259_ack(&b->pic);
    if (b->processor_delivers)
        return -1;
    vector = lapic_pending(&b->lapic);
    if (vector >= 0)
        lapic_ack(&b->lapic, (unsigned)vector);
    return vector;
}

/* What the guest does to its machine. */

static void end(struct board *b, enum vm_end how, uint64_t detail)
{
    b->changed = true;
    if (b->end.how == 0)
        b->end = (struct board_end){how, detail};
}

static void on_sleep(void *ctx, unsigned slp_typ)
{
    if (slp_typ == MEMMAP_SLP_TYP_S5)
        end(ctx, VM_END_POWEROFF, 0);
}

static void on_reset(void *ctx)
{
    end(ctx, VM_END_REBOOT, 0);
}

static void on_reset_register(void *ctx, bool hard)
{
    (void)hard;
    end(ctx, VM_END_REBOOT, 0);
}

static void on_debug_exit(void *ctx, uint32_t value)
{
    end(ctx, VM_END_DEBUG_EXIT, value);
}

static bool claim_all(struct board *b, bool with_debug_exit)
{
    for (unsigned i = 0; i < sizeof port_map / sizeof port_map[0]; i++) {
        struct board_port claim = port_map[i].claim;

        claim.ctx = (char *)b + port_map[i].member;
        if (claim.base == DEBUG_EXIT_PORT && !with_debug_exit)
            continue;
        if (!claim_port(b, &claim))
            return false;
    }
    for (unsigned i = 0; i < sizeof mmio_map / sizeof mmio_map[0]; i++) {
        if (!claim_mmio(b, &mmio_map[i]))
            return false;
    }
    return true;
}

static void init_apics(struct board *b, const struct board_config *config)
{
    const struct ioapic_output to_lapic = {b, ioapic_deliver};
    const struct lapic_config lapic = {
        .page = config->lapic_page,
        .id = 0,
        .bsp = true,
        .tsc_hz = config->tsc_hz,
        .bus_hz = config->lapic_hz,
        .output = {.ctx = b, .icr = lapic_icr, .eoi = lapic_eoi_of, .nmi = lapic_nmi},
    };

    lapic_init(&b->lapic, &lapic);
    lapic_virtual_wire(&b->lapic);
    ioapic_init(&b->ioapic, &to_lapic, 0);
}

bool board_init(struct board *b, const struct board_config *config)
{
    const uint64_t hz = config->tsc_hz;
    const struct acpi_pm_power power = {on_sleep, on_reset_register, b};
    const struct i8042_reset reset = {on_reset, b};

    *b = (struct board){
        .deadline = UINT64_MAX, .changed = true, .processor_delivers = config->processor_delivers};
    init_apics(b, config);
    i8259_init(&b->pic, (struct irq_line){intr_set, b, 0});
    i8254_init(&b->pit, hz, isa_line(b, 0));
    mc146818_init(&b->rtc, config->epoch, hz, isa_line(b, MC146818_IRQ));
    mc146818_set_memory(&b->rtc, config->ram_low, config->ram_high);
    uart16550_init(&b->uart, hz, config->sink, isa_line(b, UART16550_COM1_IRQ));
    i8042_init(&b->kbc, false, reset, isa_line(b, I8042_KEYBOARD_IRQ));
    acpi_pm_init(&b->pm, hz, true, power, isa_line(b, ACPI_PM_SCI));
    pci_host_init(&b->pci);
    debug_exit_init(&b->debug_exit, on_debug_exit, b);
    for (unsigned i = 0; i < BOARD_TIMERS; i++)
        b->due[i] = UINT64_MAX;
    for (unsigned i = 0; i < BOARD_TIMERS; i++)
        refresh(b, (enum board_timer)i);
    return claim_all(b, config->debug_exit);
}
