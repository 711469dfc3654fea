/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file of a Bulkhead machine, `system.conf`, read into one flat structure. The
 * root task reads it at boot and the host checker (tools/bhconf.c) reads it before anything boots,
 * both with this code, so a file that passes on the host passes on the machine. Everything that is
 * wrong is reported in one run, each with its line.
 *
 * Pure: no allocation, no input or output; facts about the machine and its files are passed in.
 * Every key, type and default is described in docs/configuration.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_TEXT_MAX = 16384, /* bytes of the longest configuration file */
    CONFIG_VMS_MAX = 16,     /* [vm NAME] sections */
    CONFIG_MODULES_MAX = 8,  /* `module` keys of one VM */
    CONFIG_NAME_MAX = 31,    /* characters of a VM's name */
    CONFIG_CMDLINE_MAX =
        2047 /* characters of a kernel or module command line, the limit of Linux on x86 */
};

enum config_console { CONFIG_CONSOLE_COM1, CONFIG_CONSOLE_COM2, CONFIG_CONSOLE_VGA };
enum config_stopped { CONFIG_STOPPED_STAY, CONFIG_STOPPED_POWEROFF };
enum config_boot { CONFIG_BOOT_MULTIBOOT, CONFIG_BOOT_LINUX };
enum config_restart { CONFIG_RESTART_NEVER, CONFIG_RESTART_ON_FAILURE, CONFIG_RESTART_ALWAYS };

/* The keys of a [vm] section, as an index into config_vm.lines. */
enum config_key {
    CONFIG_KEY_BOOT,
    CONFIG_KEY_KERNEL,
    CONFIG_KEY_INITRD,
    CONFIG_KEY_MODULE,
    CONFIG_KEY_CMDLINE,
    CONFIG_KEY_MEMORY,
    CONFIG_KEY_CPU,
    CONFIG_KEY_PARTITION,
    CONFIG_KEY_PRIORITY,
    CONFIG_KEY_BUDGET,
    CONFIG_KEY_PERIOD,
    CONFIG_KEY_RESTART,
    CONFIG_KEY_RESTART_LIMIT,
    CONFIG_KEY_RESTART_DELAY,
    CONFIG_KEY_DEBUG_EXIT,
    CONFIG_KEYS
};

/* A boot module of a Multiboot guest: `module = FILE ARGS`. */
struct config_module {
    const char *file; /* the path as written */
    const char *args; /* what follows it, "" when nothing does */
    unsigned line;
};

/* One [vm NAME] section. Strings point into config.text; optional strings are "" when absent. */
struct config_vm {
    const char *name;
    const char *kernel;
    const char *initrd;
    const char *cmdline;
    struct config_module modules[CONFIG_MODULES_MAX];
    unsigned modules_count;
    enum config_boot boot;
    uint64_t memory; /* bytes, a multiple of 4096 */
    unsigned cpu;
    unsigned priority;  /* 1 to 254 */
    uint64_t budget_us; /* microseconds of CPU time before the VM's turn ends */
    uint64_t
        period_us; /* microseconds between replenishments; 0: none, the budget is a time slice */
    enum config_restart restart;
    unsigned restart_limit;      /* restarts in a row before the VM stays stopped */
    uint64_t restart_delay_us;   /* microseconds before the first restart; doubled for each further
                                    one in a row */
    bool debug_exit;             /* the guest may end itself through port 0xF4 */
    unsigned line;               /* of the section's heading */
    unsigned lines[CONFIG_KEYS]; /* line of each key; 0: the key is absent */
};

struct config {
    char text[CONFIG_TEXT_MAX + 1]; /* the file, cut into strings */
    enum config_console console;
    enum config_stopped when_all_stopped;
    struct config_vm vms[CONFIG_VMS_MAX];
    unsigned vms_count;
};

/* What the configuration is held against. Zero or NULL stands for "not known": that check is left
 * out. */
struct config_machine {
    uint64_t memory; /* bytes that all VMs together may have */
    unsigned cpus;   /* processors */
    bool (*file)(void *ctx, const char *path,
                 uint64_t *size); /* false: no such file; *size in bytes */
    void *ctx;                    /* handed to `file` */
};

/*
 * Receives one error. `line` counts from 1 (0: the file as a whole). `section` ("vm linux") and
 * `key` ("memory") are "" where none is concerned. All strings are valid only during the call.
 */
struct config_report {
    void (*error)(void *ctx, unsigned line, const char *section, const char *key,
                  const char *message);
    void *ctx;
};

/*
 * Reads `size` bytes at `text` into *config, which is overwritten whole; `text` is copied and not
 * needed afterwards. Errors go to `report` in the order they are found: first those of the text,
 * then, only for a text that is free of them, those against `machine`. Returns the number of
 * errors; *config may be used only when it is 0.
 */
unsigned config_parse(struct config *config, const char *text, size_t size,
                      const struct config_machine *machine, const struct config_report *report);

/*
 * Writes the one line in which an error is shown, "FILE:12: vm linux: memory: MESSAGE", without a
 * newline, into `buffer` of `size` bytes, cut where it does not fit. Returns `buffer`.
 */
const char *config_format(char *buffer, size_t size, const char *file, unsigned line,
                          const char *section, const char *key, const char *message);

/*
 * Calls `visit` once for every file that the configuration names, in the order of the file, each
 * path once however often it is named: the boot modules of the image.
 */
void config_files(const struct config *config, void (*visit)(void *ctx, const char *path),
                  void *ctx);
