/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests make: selectors are handed out in order and revoked together at the end of the test,
 * which destroys every thread, domain and vCPU that it has made. Threads of all domains use stacks
 * of this program, because the domains share its memory.
 */
#include "tests/system/calls/test.h"

#include <string.h>

#define SEL_FIRST   512u
#define SEL_COUNT   4096u
#define SEL_LEAF    128u /* capabilities for which the kernel takes one page */
#define SEL_PARK    72u
#define SEL_DONE    73u
#define THREADS     40u
#define STACK_SIZE  8192u
#define SERVICES    40u
#define AGENTS      4u
#define RAM_BOTTOM  0x1000000ull /* tests take RAM from here up */
#define MAP_SPACING 0x10000ull   /* pages between the addresses that free_page gives */

static struct {
    uint32_t next_sel;
    uint32_t threads, services, agents;
    uint64_t ram_next, ram_end; /* physical, bytes */
    uint64_t map_next;          /* page number */
    uint64_t image_pages;
} state;

static struct thread thread[THREADS];
static struct service service[SERVICES];
static struct agent agent_of[AGENTS];
static uint8_t stack[THREADS + SERVICES][STACK_SIZE] __attribute__((aligned(16)));

static void find_ram(void)
{
    const struct bh_info *info = test_info();
    for (uint32_t i = 0; i < info->regions; i++) {
        const struct bh_region *r = &info->region[i];
        uint64_t end = r->base + r->size;
        uint64_t base = r->base > RAM_BOTTOM ? r->base : RAM_BOTTOM;
        if (r->type == BH_REGION_RAM && end > base && end - base > state.ram_end - state.ram_next) {
            state.ram_next = base;
            state.ram_end = end;
        }
    }
}

static uint64_t ram_begin;

void objects_init(void)
{
    uint64_t held = 1;
    uint64_t rights;
    while (held != 0) {
        bh_lookup(BH_SPACE_MEM, IMAGE_PAGE + state.image_pages, &held, &rights);
        state.image_pages += held;
    }
    find_ram();
    ram_begin = state.ram_next;
    bh_create_sm(SEL_PARK, 0);
    bh_create_sm(SEL_DONE, 0);
    /* The pages of capabilities stay for good: take them before anything is counted. */
    for (uint32_t s = SEL_FIRST; s < SEL_FIRST + SEL_COUNT; s += SEL_LEAF) {
        bh_create_sm(s, 0);
    }
    bh_revoke(BH_SPACE_OBJ, SEL_FIRST, SEL_COUNT, 1);
}

void objects_begin(void)
{
    uint64_t count;
    state.next_sel = SEL_FIRST;
    state.threads = 0;
    state.services = 0;
    state.agents = 0;
    state.ram_next = ram_begin;
    state.map_next = PAGE_TEST;
    memset(my_utcb(), 0, sizeof(struct bh_utcb));
    bh_sm_down_zero(SEL_DONE, 0, &count);
}

void objects_end(void)
{
    bh_revoke(BH_SPACE_OBJ, SEL_FIRST, state.next_sel - SEL_FIRST, 1);
    if (state.map_next != PAGE_TEST) {
        bh_revoke(BH_SPACE_MEM, PAGE_TEST, state.map_next - PAGE_TEST, 1);
    }
    if (state.ram_next != ram_begin) {
        bh_revoke(BH_SPACE_MEM, (BH_ROOT_PHYS + ram_begin) >> PAGE_SHIFT,
                  (state.ram_next - ram_begin) >> PAGE_SHIFT, 0);
    }
}

uint64_t objects_used(void)
{
    uint64_t quota = 0;
    uint64_t used = 0;
    /* A revocation of nothing returns when all that was being destroyed is gone. */
    bh_revoke(BH_SPACE_OBJ, SEL_FIRST + SEL_COUNT, 1, 1);
    bh_pd_ctrl(BH_SEL_PD, &quota, &used);
    return used;
}

/* The next of `limit` things, or the end of the test. */
static uint32_t claim(uint32_t *next, uint32_t limit, const char *what)
{
    if (*next >= limit) {
        give_up(what);
    }
    return (*next)++;
}

uint32_t sel_range(uint32_t count)
{
    uint32_t s = state.next_sel;
    if (s + count > SEL_FIRST + SEL_COUNT) {
        give_up("the test library's selectors");
    }
    state.next_sel += count;
    return s;
}

uint32_t sel(void)
{
    return sel_range(1);
}

void *ram(uint32_t pages, uint32_t align)
{
    uint64_t mask = ((uint64_t)align << PAGE_SHIFT) - 1;
    uint64_t base = (state.ram_next + mask) & ~mask;
    uint64_t size = (uint64_t)pages << PAGE_SHIFT;
    if (base + size > state.ram_end) {
        give_up("the test library's RAM");
    }
    state.ram_next = base + size;
    return memset(at(BH_ROOT_PHYS + base), 0, size);
}

uint64_t free_page(void)
{
    uint64_t page = state.map_next;
    state.map_next += MAP_SPACING;
    return page;
}

uint32_t domain_create(uint64_t quota)
{
    uint32_t pd = sel();
    must(bh_create_pd(pd, quota), "create_pd");
    must(bh_delegate(pd, BH_SPACE_MEM, BH_SPACE_MEM, BH_MEM_R | BH_MEM_W | BH_MEM_X, IMAGE_PAGE,
                     IMAGE_PAGE, state.image_pages),
         "delegate the image");
    must(bh_delegate(pd, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_SM_DOWN, SEL_PARK, DOMAIN_PARK, 1),
         "delegate a semaphore");
    must(bh_delegate(pd, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_SM_UP, SEL_DONE, DOMAIN_DONE, 1),
         "delegate a semaphore");
    return pd;
}

static void thread_main(void *argument)
{
    struct thread *t = argument;
    t->function(t);
    set_flag(&t->finished, 1);
    bh_sm_up(t->done);
    for (;;) {
        bh_sm_down(t->park, BH_NEVER);
    }
}

static uint64_t slot_utcb(uint32_t slot)
{
    return UTCB_BASE + (uint64_t)slot * PAGE_BYTES;
}

struct thread *thread_create(uint32_t pd, uint32_t cpu, void (*function)(struct thread *),
                             void *argument, uint32_t event)
{
    uint32_t slot = claim(&state.threads, THREADS, "the test library's threads");
    struct thread *t = &thread[slot];
    *t = (struct thread){.function = function, .argument = argument};
    t->ec = sel();
    t->park = pd == BH_SEL_PD ? SEL_PARK : DOMAIN_PARK;
    t->done = pd == BH_SEL_PD ? SEL_DONE : DOMAIN_DONE;
    t->utcb = slot_utcb(slot);
    must(bh_create_thread(t->ec, pd, cpu, t->utcb, code_address(thread_entry),
                          thread_prepare(stack[slot], STACK_SIZE, thread_main, t), event),
         "create a thread");
    return t;
}

void thread_start(struct thread *t, uint32_t priority, uint64_t budget, uint64_t period)
{
    t->sc = sel();
    must(bh_create_sc(t->sc, t->ec, priority, budget, period), "create_sc");
}

struct thread *thread_run(uint32_t cpu, uint32_t priority, void (*function)(struct thread *),
                          void *argument)
{
    struct thread *t = thread_create(BH_SEL_PD, cpu, function, argument, BH_SELECTOR_NONE);
    thread_start(t, priority, BUDGET, 0);
    return t;
}

bool thread_has_finished(const struct thread *t)
{
    return get_flag(&t->finished) != 0;
}

bool thread_join(struct thread *t)
{
    uint64_t deadline = bh_rdtsc() + TICKS_LONG;
    while (!thread_has_finished(t)) {
        if (bh_sm_down(SEL_DONE, deadline) == BH_ERR_TIMEOUT) {
            return expect(false, "a thread did not end");
        }
    }
    return true;
}

uint64_t portal_dispatch(uint64_t id, struct bh_msg *m)
{
    struct service *s = at(id);
    s->count++;
    return s->serve(s, m);
}

struct service *service_create(uint32_t pd, uint32_t cpu,
                               uint64_t (*serve)(struct service *, struct bh_msg *), void *argument,
                               uint32_t event)
{
    uint32_t slot = claim(&state.services, SERVICES, "the test library's services");
    struct service *s = &service[slot];
    *s = (struct service){.serve = serve, .argument = argument};
    s->ec = sel();
    s->pt = sel();
    s->utcb = slot_utcb(THREADS + slot);
    must(bh_create_thread(s->ec, pd, cpu, s->utcb, 0,
                          portal_stack(stack[THREADS + slot], STACK_SIZE), event),
         "create a handler");
    must(bh_create_pt(s->pt, s->ec, code_address(portal_entry), (uint64_t)(uintptr_t)s),
         "create_pt");
    return s;
}

enum bh_status service_call(const struct service *s)
{
    struct bh_msg m = {{0}, 0};
    return bh_call(s->pt, 0, 0, &m);
}

static uint64_t serve_agent(struct service *s, struct bh_msg *m)
{
    struct agent *g = s->argument;
    if (g->probe) {
        g->result.w[0] = g->descriptor != 0 ? probe_write(g->a, g->b) : probe_read(g->a);
    } else {
        bh_syscall(g->descriptor, g->a, g->b, g->c, g->d, g->e, &g->result);
    }
    m->words = 0;
    return 0;
}

struct agent *agent_create(uint64_t quota)
{
    struct agent *g = &agent_of[claim(&state.agents, AGENTS, "the test library's agents")];
    *g = (struct agent){.pd = domain_create(quota)};
    g->service = service_create(g->pd, 0, serve_agent, g, fault_portal());
    return g;
}

enum bh_status agent_syscall(struct agent *agent, uint64_t descriptor, uint64_t a, uint64_t b,
                             uint64_t c, uint64_t d)
{
    agent->descriptor = descriptor;
    agent->a = a;
    agent->b = b;
    agent->c = c;
    agent->d = d;
    must(service_call(agent->service), "call the agent");
    return agent->result.status;
}

bool agent_holds(struct agent *agent, enum bh_space space, uint64_t unit)
{
    agent_syscall(agent, bh_descriptor(BH_CALL_LOOKUP, 0, 0, 0), space, unit, 0, 0);
    return agent->result.w[0] != 0;
}

void sleep_ticks(uint64_t ticks)
{
    bh_sm_down(SEL_PARK, bh_rdtsc() + ticks);
}

bool wait_for(const uint32_t *flag, uint32_t value, const char *what)
{
    uint64_t deadline = bh_rdtsc() + TICKS_LONG;
    while (get_flag(flag) < value) {
        if (bh_rdtsc() > deadline) {
            return expect(false, "%s: %u of %u", what, get_flag(flag), value);
        }
        sleep_ticks(TICKS_SHORT / 100);
    }
    return true;
}
