/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The micro benchmark: stands in for the root task and measures the kernel's paths from user level
 * with the TSC. Every figure is the least of many runs, without the two readings of the TSC and the
 * call of the function. The kernel's command line may hold trace=NAME: then that operation is
 * repeated for ever, for bench/trace to look at.
 */
#include <string.h>

#include "bench/micro/micro.h"
#include "bench/micro/output.h"
#include "vmm/lib/portal.h"
#include "vmm/lib/status.h"

#define OPTION    "trace="
#define NAME_SIZE 32u

static _Noreturn void stop(void)
{
    output_power_off();
    for (;;) {
    }
}

void micro_need(enum bh_status status, const char *what)
{
    if (status != BH_OK) {
        output_print("FAILED %s: %s\n", what, status_text(status));
        stop();
    }
}

void micro_figure(const char *name, uint64_t ticks)
{
    output_print("FIGURE %s %llu\n", name, (unsigned long long)ticks);
}

static __attribute__((noinline)) void op_empty(void)
{
}

/* Read at run time, so that the call of the empty function is made like any other. */
static void (*volatile const empty)(void) = op_empty;

static __attribute__((noinline)) void op_null(void)
{
    (void)bh_null();
}

static __attribute__((noinline)) uint64_t least(void (*run)(void))
{
    uint64_t best = UINT64_MAX;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t start = bh_rdtsc();
        run();
        uint64_t ticks = bh_rdtsc() - start;
        best = ticks < best ? ticks : best;
    }
    return best;
}

uint64_t micro_least(void (*run)(void))
{
    return least(run) - least(empty);
}

static const struct operation *null_prepare(void)
{
    static const struct operation table[] = {{"null", op_null}, {NULL, NULL}};
    return table;
}

static const struct operation *(*const part[])(void) = {null_prepare, ipc_prepare, wake_prepare};
#define PARTS (sizeof(part) / sizeof(part[0]))

static _Noreturn void repeat(const char *name)
{
    for (unsigned i = 0; i < PARTS; i++) {
        for (const struct operation *o = part[i](); o->name != NULL; o++) {
            if (strcmp(o->name, name) == 0) {
                output_print("TRACE %s\n", name);
                for (;;) {
                    o->run();
                }
            }
        }
    }
    if (!guest_repeat(name)) {
        output_print("FAILED trace: nothing is called %s\n", name);
    }
    stop();
}

static void measure(void)
{
    for (unsigned i = 0; i < PARTS; i++) {
        for (const struct operation *o = part[i](); o->name != NULL; o++) {
            micro_figure(o->name, micro_least(o->run));
        }
    }
    micro_figure("up_wake", wake_latency());
    guest_measure();
}

static void print_memory(const struct bh_info *info)
{
    uint64_t quota;
    uint64_t used;
    if (bh_pd_ctrl(BH_SEL_PD, &quota, &used) == BH_OK) {
        output_print("KERNEL_IMAGE %llu POOL %llu QUOTA %llu USED %llu\n",
                     (unsigned long long)info->kernel_size, (unsigned long long)info->pool_size,
                     (unsigned long long)quota, (unsigned long long)used);
    }
}

/* The word behind OPTION. musl's strstr and strcspn read a stack canary that these programs do not
 * have. */
static bool find_option(const char *words, char name[NAME_SIZE])
{
    const size_t length = strlen(OPTION);
    unsigned i = 0;
    while (*words != '\0' && strncmp(words, OPTION, length) != 0) {
        words++;
    }
    if (*words == '\0') {
        return false;
    }
    for (words += length; *words != '\0' && *words != ' ' && i < NAME_SIZE - 1; i++) {
        name[i] = *words++;
    }
    name[i] = '\0';
    return true;
}

_Noreturn void program_main(void *info)
{
    const struct bh_info *machine = info;
    char name[NAME_SIZE];
    output_init();
    if (find_option(machine->strings + machine->cmdline, name)) {
        repeat(name);
    }
    print_memory(machine);
    measure();
    output_print("DONE\n");
    stop();
}
