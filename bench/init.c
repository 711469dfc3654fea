/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Process 1 of the Linux that is measured, in a VM and on the bare emulator: reads the TSC at once,
 * then times a few loads, and only then writes its one line of figures, because output costs time.
 * Linked with musl's libc.a.
 */
#define _GNU_SOURCE    /* NOLINT(bugprone-reserved-identifier): syscall() and MAP_ANONYMOUS of the C \
                          library */

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LOOP_TURNS   20000000u
#define SYSTEM_CALLS 200000u
#define MAPPINGS     300u
#define MAPPING_SIZE (1u << 20)
#define PAGE         4096u
#define ROUND_TRIPS  5000u

static void loop(void)
{
    for (volatile unsigned i = 0; i < LOOP_TURNS; i++) {
    }
}

static void system_calls(void)
{
    for (unsigned i = 0; i < SYSTEM_CALLS; i++)
        (void)syscall(SYS_getppid);
}

static void mappings(void)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        volatile char *p =
            mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            return;
        for (unsigned offset = 0; offset < MAPPING_SIZE; offset += PAGE)
            p[offset] = 1;
        munmap((void *)p, MAPPING_SIZE);
    }
}

/* A process that returns each byte that it gets, until there are no more. */
static void echo(int from, int to)
{
    char byte;

    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
    }
    _exit(0);
}

static void pipes(void)
{
    int there[2];
    int back[2];
    char byte = 0;

    if (pipe(there) != 0 || pipe(back) != 0)
        return;
    if (fork() == 0) {
        close(there[1]);
        echo(there[0], back[1]);
    }
    for (unsigned i = 0; i < ROUND_TRIPS; i++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            return;
    }
    close(there[1]);
    wait(NULL);
}

static uint64_t ticks_of(void (*work)(void))
{
    uint64_t start = __builtin_ia32_rdtsc();

    work();
    return __builtin_ia32_rdtsc() - start;
}

int main(void)
{
    uint64_t boot = __builtin_ia32_rdtsc();
    uint64_t loop_ticks = ticks_of(loop);
    uint64_t call_ticks = ticks_of(system_calls);
    uint64_t map_ticks = ticks_of(mappings);
    uint64_t pipe_ticks = ticks_of(pipes);

    printf("\nLINUX boot %llu loop %llu getppid %llu mmap %llu pipe %llu END\n",
           (unsigned long long)boot, (unsigned long long)loop_ticks, (unsigned long long)call_ticks,
           (unsigned long long)map_ticks, (unsigned long long)pipe_ticks);
    fflush(stdout);
    tcdrain(STDOUT_FILENO); /* a machine that is off sends no more */
    reboot(RB_POWER_OFF);
    return 0;
}
