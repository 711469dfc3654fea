/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: one serial line or screen for the manager and all VMs.
 *
 * One thread owns everything here. VMs reach it through their rings and one semaphore, the main
 * thread through requests that return when they are done, portal handlers through the report ring
 * of their VM. A second small thread waits for the UART's interrupt. The console runs above every
 * VM, but on a budget: a VM that rings its bell without end takes no one's time but the console's.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/lib/protocol.h"
#include "vmm/lib/ring.h"
#include "vmm/lib/selector.h"
#include "vmm/root/config.h"
#include "vmm/root/lines.h"
#include "vmm/root/uart.h"
#include "vmm/root/vga.h"

#define CONSOLE_PORTS    CONFIG_VMS_MAX
#define CONSOLE_QUEUE    16384u
#define CONSOLE_TEXT_MAX 512u
#define CONSOLE_STACK    8192u

/* What a VM brings with it. */
struct console_vm {
    struct vm_rings *rings; /* shared with the VMM */
    struct vm_ring *report; /* lines about the VM, written by its portal handler */
    uint32_t input;         /* semaphore of the VMM */
    const char *tag;        /* before each line, "" for none */
};

struct console_port {
    bool attached;
    struct ring_end output; /* consumer */
    struct ring_end report; /* consumer */
    struct ring_end input;  /* producer */
    uint32_t input_semaphore;
};

enum console_kind {
    CONSOLE_REQUEST_NONE = 0,
    CONSOLE_REQUEST_SELECT,
    CONSOLE_REQUEST_ATTACH,
    CONSOLE_REQUEST_DETACH,
    CONSOLE_REQUEST_PRINT,
    CONSOLE_REQUEST_FLUSH
};

struct console_request {
    uint32_t kind; /* enum console_kind; written last by the main thread, cleared by the console */
    enum config_console device;
    uint32_t port;
    const struct console_vm *vm;
    char text[CONSOLE_TEXT_MAX];
    uint32_t length;
};

struct console {
    const struct bh_info *info;
    uint32_t wake; /* semaphore: something for the console thread to do */
    uint32_t done; /* semaphore: the request is done */
    enum config_console device;
    struct uart uart;
    struct vga vga;
    struct lines lines;
    struct console_port port[CONSOLE_PORTS];
    uint32_t turn; /* the port that is served first in this round */
    struct console_request request;
    char queue[CONSOLE_QUEUE]; /* characters on their way to the device */
    uint64_t queue_head, queue_tail;
    struct vm_ring received; /* from the input thread to the console thread */
    struct ring_end received_in, received_out;
    uint32_t interrupt; /* semaphore of the UART's interrupt */
    uint8_t stack[CONSOLE_STACK] __attribute__((aligned(16)));
    uint8_t input_stack[CONSOLE_STACK] __attribute__((aligned(16)));
};

/* Starts the console thread on COM1. False: no kernel memory for it, nothing can be reported. */
bool console_start(struct console *console, const struct bh_info *info,
                   struct selector_pool *selectors);

/* Changes to the configured device and starts to listen to it. */
void console_select(struct console *console, struct selector_pool *selectors,
                    enum config_console device);

/* A VM's rings are served from now on; the first of the attached VMs has the keyboard. */
void console_attach(struct console *console, uint32_t port, const struct console_vm *vm);

/* Shows what is left in the rings, then forgets them. The VM must not run any more. */
void console_detach(struct console *console, uint32_t port);

/* A line of the manager, `root: ` put before it. Main thread only. */
void console_log(struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns when everything has left the machine. */
void console_flush(struct console *console);
