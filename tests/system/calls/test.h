/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small test library for a program that stands in for the root task: reports on COM1, and objects
 * that go away at the end of each test.
 *
 * A test is a function that states what it expects; the first expectation that does not hold is its
 * failure. Afterwards all selectors that it has taken are revoked, and the domain's kernel memory
 * must be what it was before. Setup that cannot work ends the test at once (must).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/lib/portal.h"
#include "vmm/lib/syscall.h"

#define PAGE_SHIFT  12u
#define PAGE_BYTES  4096u
#define LARGE_PAGES 512u /* 4 KiB pages in a large one */

#define IMAGE_PAGE   0x400u         /* where boot/root.ld begins */
#define PAGE_TEST    0x10000000u    /* page number of addresses that tests may map at */
#define USER_PAGES   0x800000000ull /* pages of a memory space */
#define UTCB_BASE    0x300000000000ull
#define KERNEL_TOP   0xFFFFFFFF80000000ull
#define TICKS_LONG   200000000ull /* no wait in a test takes so long */
#define TICKS_SHORT  400000ull
#define PRIO_MAIN    250u
#define PRIO_HIGH    200u
#define PRIO_MIDDLE  100u
#define PRIO_LOW     50u
#define BUDGET       1000000ull
#define DOMAIN_QUOTA 128u

/* Selectors that domain_create puts into a new domain. */
#define DOMAIN_PARK 8u
#define DOMAIN_DONE 9u
#define DOMAIN_FREE 32u

struct test {
    const char *claim;
    void (*run)(void);
};

/* The lists, each ended by a NULL claim; one file each. */
extern const struct test caps_tests[];
extern const struct test refusal_tests[];
extern const struct test memory_tests[];
extern const struct test create_tests[];
extern const struct test control_tests[];
extern const struct test ipc_tests[];
extern const struct test help_tests[];
extern const struct test event_tests[];
extern const struct test sem_tests[];
extern const struct test sched_tests[];
extern const struct test fpu_tests[];
extern const struct test irq_tests[];
extern const struct test vcpu_tests[];
extern const struct test exit_tests[];
extern const struct test domain_tests[];

/* Running (test.c). */
void test_init(const struct bh_info *info);
void test_run(const struct test *list);
_Noreturn void test_end(void);
const struct bh_info *test_info(void);
uint32_t test_cpus(void);

/* What must hold. Returns whether it does. */
bool expect(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool expect_equal(uint64_t got, uint64_t want, const char *what);
bool expect_status(enum bh_status got, enum bh_status want, const char *what);
/* Ends the test if the status is not BH_OK. Only from the main thread. */
void must(enum bh_status status, const char *what);
/* Ends the test: the library has no more of `what`. Only from the main thread. */
_Noreturn void give_up(const char *what);
/* Ends the test as skipped. Only from the main thread. */
_Noreturn void skip(const char *reason);

/* Objects and memory for one test (objects.c). */
void objects_init(void);
void objects_begin(void);
/* Revokes what the test has made and waits until it is gone. */
void objects_end(void);
/* Pages that this domain's quota pays for at present, when all that was to be freed is free. */
uint64_t objects_used(void);
/* A selector that is free until the end of the test. */
uint32_t sel(void);
/* The first of count adjoining ones. */
uint32_t sel_range(uint32_t count);
/* RAM: the address of `pages` pages, zeroed, aligned to align pages (a power of two). */
void *ram(uint32_t pages, uint32_t align);
/* Page numbers that nothing is mapped at, aligned for large pages. */
uint64_t free_page(void);
static inline uint64_t page_of(const void *p)
{
    return (uint64_t)(uintptr_t)p >> PAGE_SHIFT;
}
/* An address as a pointer. */
static inline void *at(uint64_t address)
{
    return (void *)(uintptr_t)address; // NOLINT(performance-no-int-to-ptr)
}
static inline struct bh_utcb *my_utcb(void)
{
    return at(BH_ROOT_UTCB);
}

/* A new domain that shares this program's memory. Returns its selector. */
uint32_t domain_create(uint64_t quota);

/* A thread. Its structure lives until the end of the test and is seen by all domains. */
struct thread {
    void (*function)(struct thread *);
    void *argument;
    uint64_t result;
    uint32_t finished; /* function has returned */
    uint32_t ec, sc;   /* selectors in this domain */
    uint32_t park, done;
    uint64_t utcb;
};
/* pd: BH_SEL_PD or of domain_create; event: selector or BH_SELECTOR_NONE. It has no time yet. */
struct thread *thread_create(uint32_t pd, uint32_t cpu, void (*function)(struct thread *),
                             void *argument, uint32_t event);
/* Gives it a scheduling context. */
void thread_start(struct thread *t, uint32_t priority, uint64_t budget, uint64_t period);
/* Both, in this domain, with BUDGET and no event portal. */
struct thread *thread_run(uint32_t cpu, uint32_t priority, void (*function)(struct thread *),
                          void *argument);
/* Waits until it has returned; false and a failure if that takes too long. */
bool thread_join(struct thread *t);
bool thread_has_finished(const struct thread *t);

/* A portal handler with a portal. */
struct service {
    uint64_t (*serve)(struct service *, struct bh_msg *); /* returns the flags of the reply */
    void *argument;
    uint64_t count; /* messages so far */
    uint32_t ec, pt;
    uint64_t utcb;
};
struct service *service_create(uint32_t pd, uint32_t cpu,
                               uint64_t (*serve)(struct service *, struct bh_msg *), void *argument,
                               uint32_t event);
static inline struct bh_utcb *service_utcb(const struct service *s)
{
    return at(s->utcb);
}
/* Calls it with empty registers. */
enum bh_status service_call(const struct service *s);

/* Makes system calls and accesses memory in another domain for the main thread. */
struct agent {
    struct service *service;
    uint32_t pd;
    bool probe;
    uint64_t descriptor, a, b, c, d, e;
    struct bh_result result;
};
struct agent *agent_create(uint64_t quota);
/* Makes a call there; the result is in agent->result. Returns its status. */
enum bh_status agent_syscall(struct agent *agent, uint64_t descriptor, uint64_t a, uint64_t b,
                             uint64_t c, uint64_t d);
/* Is the unit held there? */
bool agent_holds(struct agent *agent, enum bh_space space, uint64_t unit);

/* Exceptions of probes and how they were reported (fault.c). */
struct fault {
    uint64_t vector, error, cr2, rip, rsp;
    uint32_t count;
};
void fault_init(void);
/* The event portal for probing threads of any domain on CPU 0. */
uint32_t fault_portal(void);
/* What the last faulting probe met; count since the last fault_clear. */
const struct fault *fault_last(void);
void fault_clear(void);

/* probe.asm. A fault makes the fault portal resume at the address in R12: then they return 1, else
 * 0. */
uint64_t probe_read(uint64_t address);
uint64_t probe_write(uint64_t address, uint64_t value);
uint64_t probe_execute(uint64_t address);
uint64_t probe_ud(void);
uint64_t probe_divide(void);
uint64_t probe_breakpoint(void);
uint64_t probe_privileged(void);
uint64_t probe_port(void);
uint64_t probe_syscall(void);
uint64_t probe_non_canonical(void);
/* SYSENTER that returns to a non-canonical address. */
uint64_t probe_bad_return(void);
/* RFLAGS after an exception that was resumed. */
uint64_t probe_flags(void);
/* Makes a system call; returns how many of RBX, RBP, R12 to R15 it has changed. */
uint64_t call_preserves(uint64_t descriptor);
/* XMM0 to XMM15 and the x87 control word carry a pattern; check returns how many differ. */
void fpu_fill(uint64_t pattern);
uint64_t fpu_check(uint64_t pattern);
/* Is XMM0 to XMM15 zero? Returns how many are not. */
uint64_t fpu_zero(void);
/* Waiting. */
void sleep_ticks(uint64_t ticks);
/* Waits until *flag is at least value; false and a failure if that takes too long. */
bool wait_for(const uint32_t *flag, uint32_t value, const char *what);
static inline void set_flag(uint32_t *flag, uint32_t value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}
static inline uint32_t get_flag(const uint32_t *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}
static inline void add_flag(uint32_t *flag)
{
    __atomic_fetch_add(flag, 1, __ATOMIC_ACQ_REL);
}
