/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's board: the device models, the wires between them, and the tables by which ports and
 * addresses reach them. One function, board_init, wires everything. Where nothing is, reads give
 * all ones and writes are lost.
 *
 *   i8254 0, i8042 1, uart16550 4, acpi_pm 9, mc146818 8 --> i8259 --> LINT0 of lapic, pin 0 of
 * ioapic the same (0 at pin 2, the rest by number) --> ioapic --> lapic
 *
 * No system calls here; one thread at a time. Times are ticks since power-on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/acpi_pm.h"
#include "vmm/devemu/debug_exit.h"
#include "vmm/devemu/i8042.h"
#include "vmm/devemu/i8254.h"
#include "vmm/devemu/i8259.h"
#include "vmm/devemu/ioapic.h"
#include "vmm/devemu/lapic.h"
#include "vmm/devemu/mc146818.h"
#include "vmm/devemu/pci_host.h"
#include "vmm/devemu/uart16550.h"
#include "vmm/lib/protocol.h"

/* Devices that have something to do at a certain time. */
enum board_timer {
    BOARD_TIMER_PIT,
    BOARD_TIMER_RTC,
    BOARD_TIMER_UART,
    BOARD_TIMER_PM,
    BOARD_TIMER_LAPIC,
    BOARD_TIMERS,
    BOARD_TIMER_NONE = BOARD_TIMERS
};

/* A claim on a range of ports. The functions get the offset from `base`. */
struct board_port {
    uint16_t base;
    uint16_t count; /* ports */
    uint16_t reach; /* bytes from `base` that one access may cover: `count`, or more where wide
                       accesses are decoded */
    uint8_t timer;  /* enum board_timer: whose deadline an access may change */
    uint32_t (*read)(void *ctx, unsigned offset, unsigned size, uint64_t now);
    void (*write)(void *ctx, unsigned offset, unsigned size, uint32_t value, uint64_t now);
    void *ctx;
};

/* A claim on guest-physical addresses, whole pages. */
struct board_mmio {
    uint64_t base, size; /* bytes */
    uint64_t (*read)(void *ctx, unsigned offset, unsigned size, uint64_t now);
    void (*write)(void *ctx, unsigned offset, unsigned size, uint64_t value, uint64_t now);
    void *ctx;
};

#define BOARD_PORT_CLAIMS 20u /* the first is nobody's */
#define BOARD_PORT_LEAVES                                                   \
    8u /* blocks of 256 ports in which something is; the first one is empty \
        */
#define BOARD_PORT_BLOCK  256u
#define BOARD_MMIO_CLAIMS 4u

/* How the guest has ended itself. */
struct board_end {
    enum vm_end how; /* 0: it has not */
    uint64_t detail;
};

struct board {
    /* For whoever runs the vCPU. */
    uint64_t deadline; /* when board_advance must be called next; UINT64_MAX: never */
    bool changed; /* board_interrupt may have another answer than the last time, or one of the next
                     two has been set, or `requests_changed` or `routing_changed` of the local APIC;
                     the caller clears it, and those */
    bool nmi;     /* an NMI waits */
    struct board_end end;    /* what the guest has just done */
    bool processor_delivers; /* the processor takes the local APIC's interrupts from its page */

    /* Private to board.c. */
    uint64_t due[BOARD_TIMERS];
    uint8_t leaf_of[BOARD_PORT_BLOCK];                 /* port 15:8 to a block */
    uint8_t leaf[BOARD_PORT_LEAVES][BOARD_PORT_BLOCK]; /* port 7:0 to a claim; 0: nobody's */
    unsigned leaves, ports, mmios;
    struct board_port port[BOARD_PORT_CLAIMS];
    struct board_mmio mmio[BOARD_MMIO_CLAIMS];

    struct i8259 pic;
    struct i8254 pit;
    struct mc146818 rtc;
    struct uart16550 uart;
    struct i8042 kbc;
    struct acpi_pm pm;
    struct pci_host pci;
    struct debug_exit debug_exit;
    struct lapic lapic;
    struct ioapic ioapic;
};

struct board_config {
    uint64_t tsc_hz;            /* ticks a second */
    uint64_t lapic_hz;          /* of the local APIC's timer */
    uint64_t epoch;             /* seconds since 1970 at power-on */
    uint64_t ram_low, ram_high; /* bytes of RAM below 4 GiB and from there */
    bool debug_exit;            /* port F4h ends the VM */
    struct uart16550_sink sink; /* what COM1 sends */
    uint32_t *lapic_page;       /* LAPIC_PAGE_SIZE bytes, for the board's life: */
    bool processor_delivers;    /* the processor's virtual-APIC page, from which it delivers */
};

/* Power-on. False: two devices claim the same port or address, or too many claim one: a mistake in
 * this program. */
bool board_init(struct board *b, const struct board_config *config);

/* size: 1, 2 or 4 bytes. An access to more than one device is split into bytes. */
uint32_t board_port_read(struct board *b, uint16_t port, unsigned size, uint64_t now);
void board_port_write(struct board *b, uint16_t port, unsigned size, uint32_t value, uint64_t now);

/* size: 1 to 8 bytes within one page. */
uint64_t board_mmio_read(struct board *b, uint64_t gpa, unsigned size, uint64_t now);
void board_mmio_write(struct board *b, uint64_t gpa, unsigned size, uint64_t value, uint64_t now);

/* MSRs of the local APIC: see lapic_msr_read and lapic_msr_write. */
bool board_msr_read(struct board *b, uint32_t msr, uint64_t *value, uint64_t now);
bool board_msr_write(struct board *b, uint32_t msr, uint64_t value, uint64_t now);

/* IA32_TSC_DEADLINE := deadline (ticks; 0: none), as board_msr_write does it, but in few
 * instructions: a guest does this at each of its clock's interrupts. */
void board_tsc_deadline(struct board *b, uint64_t deadline, uint64_t now);

/* The processor has changed the APIC's page: end of a level-triggered interrupt (`vector`); a write
 * of the register at `offset`. */
void board_apic_eoi(struct board *b, unsigned vector);
void board_apic_written(struct board *b, unsigned offset, uint64_t now);

/* CR8. */
void board_set_tpr(struct board *b, uint8_t tpr);

/* The UART has been used past the board: its deadline may have changed. */
void board_uart_changed(struct board *b);

/* Brings every device that is due up to `now`. */
void board_advance(struct board *b, uint64_t now);

/* Is there an interrupt that the CPU would take with RFLAGS.IF set? */
bool board_wakes(const struct board *b);

/* One that it does not take from the local APIC's page by itself? */
bool board_interrupt(const struct board *b);

/* The CPU takes that: its vector, or -1 if there is none. */
int board_acknowledge(struct board *b);
