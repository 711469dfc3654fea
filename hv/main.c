/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from the boot loader to the root task, as a table of contents.
 */
#include "hv/abi/info.h"
#include "hv/bootmem.h"
#include "hv/cpu.h"
#include "hv/fpu.h"
#include "hv/irq.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/main.h"
#include "hv/multiboot2.h"
#include "hv/pd.h"
#include "hv/pool.h"
#include "hv/root.h"
#include "hv/sc.h"
#include "hv/smp.h"
#include "hv/version.h"
#include "hv/vmx/vmx.h"
#include "hv/x86/acpi.h"
#include "hv/x86/gdt.h"
#include "hv/x86/ioapic.h"
#include "hv/x86/lapic.h"
#include "hv/x86/paging.h"
#include "hv/x86/trap.h"
#include "hv/x86/tsc.h"

#define MIB (1ul << 20)

static union {
    struct bh_info info;
    uint8_t pages[BH_INFO_SIZE];
} boot __attribute__((aligned(4096)));

static struct pd root __attribute__((aligned(64)));
static struct multiboot2 mb;
static struct acpi_cpus cpus;

static void require_cpu_features(void)
{
    const char *missing = vmx_missing();
    if (missing != NULL) {
        panic("this CPU or its firmware setup lacks %s", missing);
    }
}

/*
 * Bochs 2.7 delivers a virtual interrupt that waits for RFLAGS.IF as soon as a physical interrupt
 * arrives, with IF still clear: a guest then deadlocks now and then. "vid=on" on the command line
 * uses virtual-interrupt delivery all the same.
 */
static void avoid_errata(void)
{
    const char *value;
    if (acpi_is_bochs(boot.info.rsdp) && !lib_option(mb.cmdline, "vid=on", &value)) {
        vmx_disable_vid();
    }
}

static void init_memory(void)
{
    const char *value = "0";
    hpa_t pool;
    uint64_t size;
    lib_option(mb.cmdline, "pool=", &value);
    bootmem_choose_pool(&mb, lib_number(value) * MIB, &pool, &size);
    paging_map_pool(pool, size);
    pool_init(pool, size);
    paging_init(pool, size);
    lapic_init();
    boot.info.rsdp = acpi_read(mb.rsdp, &cpus);
    avoid_errata();
    bootmem_describe(&mb, pool, size, &boot.info);
}

static void init_cpus(void)
{
    ioapic_disable_8259();
    fpu_init();
    gdt_init();
    trap_init();
    cpu_init(cpu_by_id(0));
    boot.info.tsc_hz = tsc_measure();
    lapic_calibrate(boot.info.tsc_hz);
    smp_start(&cpus, boot.info.tsc_hz);
}

static void log_features(void)
{
    static const char *const name[] = {
        "VPID",        "TPR shadow",      "APIC registers", "virtual interrupts",
        "1 GiB pages", "EPT A/D bits",    "RDTSCP",         "INVPCID",
        "XSAVES",      "preemption timer"};
    uint32_t vmx = vmx_features();
    char text[160] = "EPT, unrestricted guest";
    for (unsigned i = 0; i < ARRAY_SIZE(name); i++) {
        if ((vmx >> i & 1) != 0) {
            size_t n = strlen(text);
            n += lib_strcpy(text + n, ", ", sizeof(text) - n);
            lib_strcpy(text + n, name[i], sizeof(text) - n);
        }
    }
    log_line("[cpu 0] VT-x: %s", text);
}

static void describe(void)
{
    struct bh_info *info = &boot.info;
    info->magic = BH_INFO_MAGIC;
    info->version = BH_INFO_VERSION;
    info->cpus = cpu_count();
    info->irqs = irq_count();
    info->pins = irq_pins();
    info->vmx = vmx_features();
    info->xcr0 = (uint32_t)fpu_states();
    memcpy(info->isa_gsi, cpus.isa_gsi, sizeof(info->isa_gsi));
    for (unsigned i = 0; i < info->cpus; i++) {
        info->apic_id[i] = cpu_by_id(i)->apic_id;
    }
    log_line("[cpu 0] %u CPU%s, %s, TSC %lu kHz", info->cpus, info->cpus == 1 ? "" : "s",
             lapic_x2apic() ? "x2APIC" : "xAPIC", info->tsc_hz / 1000);
    log_line("[cpu 0] memory %lu MiB, kernel image %lu KiB, pool %lu MiB", info->ram_size / MIB,
             info->kernel_size / 1024, info->pool_size / MIB);
    log_features();
}

static void init_root(void)
{
    pd_init_root(&root);
    bootmem_give(&root, &boot.info);
    irq_init(&root);
    root_start(&root, &boot.info);
}

_Noreturn void main_on_stack(void)
{
    init_cpus();
    describe();
    init_root();
    log_hand_over();
    paging_drop_identity();
    smp_release();
    sched_pick(cpu_self());
}

void main_boot(uint32_t magic, uint64_t info)
{
    if (magic != MULTIBOOT2_MAGIC) {
        log_init(true);
        panic("not started by a Multiboot2 boot loader (GRUB: multiboot2, module2)");
    }
    multiboot2_read(info, &mb);
    log_init(mb.text_screen);
    log_line("[cpu 0] Bulkhead %s", BULKHEAD_VERSION);
    require_cpu_features();
    init_memory();
    struct cpu *cpu = cpu_create(0, lapic_id());
    main_switch_stack(cpu->stack);
}
