/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and ports: what is delegated is the same memory, with no more rights; what is revoked,
 * also in the middle of a large page, faults at once for everyone, and its neighbours stay.
 */
#include "tests/system/calls/test.h"

#include <string.h>

#define RW          (BH_MEM_R | BH_MEM_W)
#define VECTOR_PF   14u
#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER     4u
#define PF_FETCH    16u
#define PORT        0x80u /* of POST codes: nobody minds what is written there */
#define PORTS       65536u
#define RET         0xC3u
#define PAGES_LARGE (2 * LARGE_PAGES)

static enum bh_status give(uint32_t pd, uint32_t rights, uint64_t from, uint64_t to, uint64_t count)
{
    return bh_delegate(pd, BH_SPACE_MEM, BH_SPACE_MEM, rights, from, to, count);
}

static uint64_t *word(uint64_t page)
{
    return at(page << PAGE_SHIFT);
}

static void expect_fault(uint64_t faulted, uint64_t address, uint64_t error, const char *what)
{
    const struct fault *f = fault_last();
    expect(faulted == 1, "%s does not fault", what);
    expect(f->vector == VECTOR_PF && f->cr2 == address && f->error == error,
           "%s: vector %lu, CR2 %lx for %lx, error %lx for %lx", what, f->vector, f->cr2, address,
           f->error, error);
}

static uint64_t agent_reads(struct agent *g, uint64_t address)
{
    g->probe = true;
    agent_syscall(g, 0, address, 0, 0, 0);
    g->probe = false;
    return g->result.w[0];
}

static uint64_t agent_writes(struct agent *g, uint64_t address, uint64_t value)
{
    g->probe = true;
    agent_syscall(g, 1, address, value, 0, 0);
    g->probe = false;
    return g->result.w[0];
}

static void same_memory(void)
{
    uint64_t page = page_of(ram(2, 1));
    uint64_t to = free_page();
    must(give(BH_SEL_PD, RW, page, to, 2), "delegate");
    *word(page + 1) = 0x1234;
    expect_equal(*word(to + 1), 0x1234, "the word at the copy");
    *word(to) = 0x5678;
    expect_equal(*word(page), 0x5678, "the word at the original");
}

static void rights_of_memory(void)
{
    uint8_t *code = ram(1, 1);
    uint64_t to = free_page();
    code[0] = RET;
    must(give(BH_SEL_PD, BH_MEM_R, page_of(code), to, 1), "delegate R");
    must(give(BH_SEL_PD, BH_MEM_R | BH_MEM_X, page_of(code), to + 1, 1), "delegate R X");
    must(give(BH_SEL_PD, BH_MEM_R | BH_MEM_W | BH_MEM_X, to, to + 2, 1), "all from R");
    uint64_t a = to << PAGE_SHIFT;
    expect_equal(probe_read(a), 0, "read of R");
    expect_fault(probe_write(a, 1), a, PF_PRESENT | PF_WRITE | PF_USER, "write of R");
    expect_fault(probe_execute(a), a, PF_PRESENT | PF_FETCH | PF_USER, "execution of R");
    a += PAGE_BYTES;
    expect_equal(probe_execute(a), 0, "execution of R X");
    expect_fault(probe_write(a, 1), a, PF_PRESENT | PF_WRITE | PF_USER, "write of R X");
    a += PAGE_BYTES;
    expect_fault(probe_write(a, 1), a, PF_PRESENT | PF_WRITE | PF_USER, "write of a copy of R");
    uint64_t held;
    uint64_t rights = 0;
    bh_lookup(BH_SPACE_MEM, to + 2, &held, &rights);
    expect_equal(rights, BH_MEM_R, "rights of a copy of R");
}

static void revoked_page_faults(void)
{
    uint64_t page = page_of(ram(1, 1));
    uint64_t to = free_page();
    must(give(BH_SEL_PD, RW, page, to, 1), "delegate");
    uint64_t a = to << PAGE_SHIFT;
    expect_equal(probe_write(a + 8, 1), 0, "write before");
    must(bh_revoke(BH_SPACE_MEM, page, 1, 0), "revoke");
    expect_fault(probe_read(a + 8), a + 8, PF_USER, "read after");
    expect_fault(probe_write(a + 16, 1), a + 16, PF_USER | PF_WRITE, "write after");
    expect_equal(probe_read(page << PAGE_SHIFT), 0, "read of the original");
}

static void revoke_self_in_the_middle(void)
{
    uint64_t page = page_of(ram(10, 1));
    uint64_t to = free_page();
    must(give(BH_SEL_PD, RW, page, to, 10), "delegate");
    must(bh_revoke(BH_SPACE_MEM, to + 3, 4, 1), "revoke");
    for (uint64_t i = 0; i < 10; i++) {
        bool gone = i >= 3 && i < 7;
        uint64_t held = 2;
        uint64_t rights;
        bh_lookup(BH_SPACE_MEM, to + i, &held, &rights);
        expect(held == (gone ? 0 : 1), "page %lu: held %lu", i, held);
        expect(probe_write((to + i) << PAGE_SHIFT, i) == gone, "page %lu: access", i);
    }
    must(give(BH_SEL_PD, RW, page + 3, to + 3, 4), "delegate into the gap");
    expect_equal(probe_write((to + 4) << PAGE_SHIFT, 1), 0, "write in the gap");
}

/* Large pages at both ends; then holes, down to single pages. */
static void large(void)
{
    struct agent *g = agent_create(DOMAIN_QUOTA);
    uint64_t page = page_of(ram(PAGES_LARGE, LARGE_PAGES));
    uint64_t to = free_page();
    must(give(g->pd, RW, page, to, PAGES_LARGE), "delegate 4 MiB");
    static const uint64_t some[] = {0, 1, 299, 300, 301, 511, 512, 513, 1023};
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        expect_equal(agent_writes(g, (to + some[i]) << PAGE_SHIFT, some[i] + 7), 0, "first write");
        expect_equal(*word(page + some[i]), some[i] + 7, "the word here");
    }
    must(bh_revoke(BH_SPACE_MEM, page + 300, 1, 0), "revoke page 300");
    must(bh_revoke(BH_SPACE_MEM, page + 511, 2, 0), "revoke pages 511 and 512");
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        uint64_t a = (to + some[i]) << PAGE_SHIFT;
        if (some[i] == 300 || some[i] == 511 || some[i] == 512) {
            expect_fault(agent_reads(g, a), a, PF_USER, "read of a revoked page");
            expect(!agent_holds(g, BH_SPACE_MEM, to + some[i]), "page %lu is held", some[i]);
        } else {
            expect(agent_reads(g, a) == 0, "page %lu is lost", some[i]);
            expect(agent_holds(g, BH_SPACE_MEM, to + some[i]), "page %lu is not held", some[i]);
        }
    }
    must(bh_revoke(BH_SPACE_MEM, page, PAGES_LARGE, 0), "revoke all");
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        expect(agent_reads(g, (to + some[i]) << PAGE_SHIFT) == 1, "page %lu is left", some[i]);
    }
}

static void large_misaligned(void)
{
    struct agent *g = agent_create(DOMAIN_QUOTA);
    uint64_t page = page_of(ram(PAGES_LARGE, LARGE_PAGES));
    uint64_t to = free_page() + 3;
    must(give(g->pd, RW, page, to, PAGES_LARGE), "delegate 4 MiB to a misaligned place");
    expect_equal(agent_writes(g, to << PAGE_SHIFT, 1), 0, "write of the first page");
    expect_equal(agent_writes(g, (to + PAGES_LARGE - 1) << PAGE_SHIFT, 2), 0, "of the last page");
    expect_equal(*word(page), 1, "the first page");
    expect_equal(*word(page + PAGES_LARGE - 1), 2, "the last page");
    expect_equal(agent_reads(g, (to + PAGES_LARGE) << PAGE_SHIFT), 1, "behind the end");
    must(bh_revoke(BH_SPACE_MEM, page, PAGES_LARGE, 0), "revoke all");
    expect_equal(agent_reads(g, to << PAGE_SHIFT), 1, "after revocation");
}

/* This domain, a first, a second and a second place in it. */
static void through_domains(void)
{
    struct agent *one = agent_create(DOMAIN_QUOTA);
    struct agent *two = agent_create(DOMAIN_QUOTA);
    uint64_t page = page_of(ram(4, 1));
    uint64_t to = free_page();
    must(bh_delegate(one->pd, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_PD_DELEGATE, two->pd, DOMAIN_FREE, 1),
         "give the domain");
    must(give(one->pd, RW, page, to, 4), "delegate to the first");
    must(agent_syscall(one, bh_descriptor(BH_CALL_DELEGATE, 0, 0, DOMAIN_FREE),
                       BH_DELEGATE_ARG(BH_SPACE_MEM, BH_SPACE_MEM, RW), to, to + 8, 4),
         "delegate to the second");
    uint64_t a = (to + 8) << PAGE_SHIFT;
    expect_equal(agent_writes(two, a + PAGE_BYTES, 77), 0, "write by the second");
    expect_equal(*word(page + 1), 77, "the word here");
    must(bh_revoke(BH_SPACE_MEM, page + 1, 2, 0), "revoke pages 1 and 2");
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t gone = i == 1 || i == 2;
        expect(agent_reads(one, (to + i) << PAGE_SHIFT) == gone, "first domain, page %lu", i);
        expect(agent_reads(two, a + i * PAGE_BYTES) == gone, "second domain, page %lu", i);
    }
    must(bh_revoke(BH_SPACE_OBJ, one->pd, 1, 1), "destroy the first domain");
    expect_equal(agent_reads(two, a), 1, "page 0 after the first domain's end");
}

static void writer(struct thread *t)
{
    for (;;) {
        __atomic_fetch_add((uint64_t *)t->argument, 1, __ATOMIC_RELAXED);
    }
}

/* A thread writes without a pause, so that its CPU has the page in its TLB. */
static void loses_on_cpu(uint32_t cpu)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    uint64_t page = page_of(ram(1, 1));
    uint64_t to = free_page();
    must(give(pd, RW, page, to, 1), "delegate");
    struct thread *t = thread_create(pd, cpu, writer, at(to << PAGE_SHIFT), BH_SELECTOR_NONE);
    thread_start(t, PRIO_LOW, BUDGET, 0);
    sleep_ticks(TICKS_SHORT);
    expect(*word(page) != 0, "the thread on CPU %u does not run", cpu);
    must(bh_revoke(BH_SPACE_MEM, page, 1, 0), "revoke");
    uint64_t count = __atomic_load_n(word(page), __ATOMIC_RELAXED);
    sleep_ticks(TICKS_SHORT);
    expect_equal(__atomic_load_n(word(page), __ATOMIC_RELAXED), count, "a count that has stopped");
}

static void loses_on_all_cpus(void)
{
    for (uint32_t cpu = 0; cpu < test_cpus(); cpu++) {
        loses_on_cpu(cpu);
    }
}

static void delegate_refused(void)
{
    uint64_t page = page_of(ram(4, 1));
    uint64_t to = free_page();
    must(give(BH_SEL_PD, RW, page + 3, to + 3, 1), "delegate");
    expect_status(give(BH_SEL_PD, RW, page, to, 0), BH_ERR_RANGE, "count 0");
    expect_status(give(BH_SEL_PD, RW, page, USER_PAGES, 1), BH_ERR_RANGE, "into the kernel");
    expect_status(give(BH_SEL_PD, RW, USER_PAGES, to, 1), BH_ERR_RANGE, "from the kernel");
    expect_status(give(BH_SEL_PD, RW, page, UINT64_MAX, 2), BH_ERR_RANGE, "wraps");
    expect_status(give(BH_SEL_PD, RW, page, to, UINT64_MAX), BH_ERR_RANGE, "all");
    expect_status(give(BH_SEL_PD, RW, to, to + 8, 1), BH_ERR_NOT_HELD, "not mapped");
    expect_status(give(BH_SEL_PD, RW, to + 3, to + 8, 2), BH_ERR_NOT_HELD, "half mapped");
    expect_status(give(BH_SEL_PD, RW, BH_ROOT_UTCB >> PAGE_SHIFT, to, 1), BH_ERR_NOT_HELD,
                  "a UTCB");
    expect_status(give(BH_SEL_PD, RW, page, to, 4), BH_ERR_OCCUPIED, "half occupied");
    expect_status(give(BH_SEL_PD, RW, page, BH_ROOT_UTCB >> PAGE_SHIFT, 1), BH_ERR_OCCUPIED,
                  "over a UTCB");
    expect_status(bh_delegate(BH_SEL_PD, BH_SPACE_GUEST, BH_SPACE_MEM, RW, page, to, 1),
                  BH_ERR_PARAMETER, "GUEST to MEM");
    expect_status(bh_delegate(BH_SEL_PD, BH_SPACE_MEM, BH_SPACE_PIO, RW, page, to, 1),
                  BH_ERR_PARAMETER, "MEM to PIO");
    for (uint64_t i = 0; i < 3; i++) {
        expect_equal(probe_read((to + i) << PAGE_SHIFT), 1, "access after a refused call");
    }
}

/* A domain that cannot pay for tables: the refusal has changed nothing. */
static void quota(void)
{
    uint32_t pd = sel();
    uint64_t page = page_of(ram(2, 1));
    uint64_t to = free_page();
    must(bh_create_pd(pd, 8), "create_pd");
    uint64_t limit;
    uint64_t before = 0;
    uint64_t after = 0;
    bh_pd_ctrl(pd, &limit, &before);
    enum bh_status status = BH_OK;
    uint64_t done = 0;
    for (; done < 16 && status == BH_OK; done++) { /* far apart: tables of their own */
        status = give(pd, RW, page, to + (done << 27), 1);
        if (status != BH_OK) {
            break;
        }
        bh_pd_ctrl(pd, &limit, &before);
    }
    expect_status(status, BH_ERR_QUOTA, "delegate until the quota is used up");
    bh_pd_ctrl(pd, &limit, &after);
    expect_equal(after, before, "pages in use after the refusal");
    expect_status(give(BH_SEL_PD, RW, page, to, 1), BH_OK, "others notice nothing");
}

static void guest_space(void)
{
    struct agent *g = agent_create(DOMAIN_QUOTA);
    uint64_t page = page_of(ram(4, 1));
    must(bh_delegate(g->pd, BH_SPACE_MEM, BH_SPACE_GUEST, RW, page, 0x10, 4), "MEM to GUEST");
    expect(agent_holds(g, BH_SPACE_GUEST, 0x13), "guest page 13h is not held");
    expect(!agent_holds(g, BH_SPACE_GUEST, 0x14), "guest page 14h is held");
    expect_status(bh_delegate(g->pd, BH_SPACE_MEM, BH_SPACE_GUEST, RW, page, 0x13, 1),
                  BH_ERR_OCCUPIED, "occupied guest page");
    must(bh_revoke(BH_SPACE_MEM, page + 3, 1, 0), "revoke");
    expect(!agent_holds(g, BH_SPACE_GUEST, 0x13), "guest page 13h is still held");
    expect(agent_holds(g, BH_SPACE_GUEST, 0x12), "guest page 12h is lost");
}

static enum bh_status agent_io(struct agent *g, uint32_t flags, uint64_t port)
{
    return agent_syscall(g, bh_descriptor(BH_CALL_IO, flags, 0, 0), port, 0, 0, 0);
}

static enum bh_status give_ports(uint32_t pd, uint64_t from, uint64_t to, uint64_t count)
{
    return bh_delegate(pd, BH_SPACE_PIO, BH_SPACE_PIO, BH_MEM_R, from, to, count);
}

static void ports(void)
{
    struct agent *g = agent_create(DOMAIN_QUOTA);
    expect_status(agent_io(g, 1, PORT), BH_ERR_RIGHTS, "input without the port");
    expect_status(agent_io(g, 1 | BH_IO_OUT, PORT), BH_ERR_RIGHTS, "output without the port");
    must(give_ports(g->pd, PORT, PORT, 2), "delegate two ports");
    expect_status(agent_io(g, 1, PORT), BH_OK, "input");
    expect_status(agent_io(g, 1 | BH_IO_OUT, PORT + 1), BH_OK, "output");
    expect_status(agent_io(g, 2 | BH_IO_OUT, PORT), BH_OK, "output of two bytes");
    expect_status(agent_io(g, 2 | BH_IO_OUT, PORT + 1), BH_ERR_RIGHTS, "half of it held");
    expect_status(agent_io(g, 4 | BH_IO_OUT, PORT), BH_ERR_RIGHTS, "half of four bytes held");
    expect_status(agent_io(g, 1, PORT + 2), BH_ERR_RIGHTS, "the next port");
    must(bh_revoke(BH_SPACE_PIO, PORT, 1, 0), "revoke");
    expect_status(agent_io(g, 1, PORT), BH_ERR_RIGHTS, "input after revocation");
    expect_status(agent_io(g, 1, PORT + 1), BH_OK, "the other port");
}

static void ports_refused(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct bh_result r;
    static const uint32_t sizes[] = {0, 3, 5, 8, BH_IO_OUT, 3 | BH_IO_OUT};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_status(bh_syscall(bh_descriptor(BH_CALL_IO, sizes[i], 0, 0), PORT, 0, 0, 0, 0, &r),
                      BH_ERR_PARAMETER, "size");
    }
    static const uint64_t outside[] = {PORTS, PORTS + PORT, UINT64_MAX};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        expect_status(bh_syscall(bh_descriptor(BH_CALL_IO, 1, 0, 0), outside[i], 0, 0, 0, 0, &r),
                      BH_ERR_RIGHTS, "no such port");
    }
    expect_status(bh_syscall(bh_descriptor(BH_CALL_IO, 4, 0, 0), PORTS - 2, 0, 0, 0, 0, &r),
                  BH_ERR_RIGHTS, "across the end");
    expect_status(give_ports(pd, PORT, PORT + 1, 1), BH_ERR_RANGE, "to another number");
    expect_status(give_ports(pd, PORTS - 1, PORTS - 1, 2), BH_ERR_RANGE, "across the end");
    expect_status(give_ports(pd, PORT, PORT, 0), BH_ERR_RANGE, "count 0");
    must(give_ports(pd, PORT, PORT, 1), "delegate");
    expect_status(give_ports(pd, PORT, PORT, 1), BH_ERR_OCCUPIED, "twice");
}

const struct test memory_tests[] = {
    {"delegated_memory_is_the_same_memory", same_memory},
    {"rights_of_memory_hold", rights_of_memory},
    {"revoked_memory_faults_at_its_address", revoked_page_faults},
    {"revoke_with_self_cuts_out_the_middle", revoke_self_in_the_middle},
    {"holes_in_large_pages_spare_the_neighbours", large},
    {"large_ranges_need_no_alignment", large_misaligned},
    {"revoke_of_memory_reaches_through_domains", through_domains},
    {"threads_on_all_cpus_lose_revoked_memory_at_once", loses_on_all_cpus},
    {"delegate_of_memory_refuses_and_changes_nothing", delegate_refused},
    {"delegate_beyond_the_quota_changes_nothing", quota},
    {"guest_memory_is_delegated_and_revoked", guest_space},
    {"ports_work_only_where_they_are_held", ports},
    {"ports_refuse", ports_refused},
    {NULL, NULL},
};
