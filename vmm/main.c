/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine monitor: one process is one VM with one virtual CPU. Sets up everything,
 * starts the vCPU and becomes the event thread. Threads: this one, and the exit handler, which
 * alone touches devices; it runs on the vCPU's time.
 */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "hv/abi/info.h"
#include "vmm/acpi_tables.h"
#include "vmm/events.h"
#include "vmm/lib/portal.h"
#include "vmm/load_linux.h"
#include "vmm/load_multiboot.h"
#include "vmm/vm.h"

/* Selectors of this program's objects. */
enum {
    SEL_HALT = VM_SEL_FREE, /* semaphore */
    SEL_HANDLER,            /* exit handler thread */
    SEL_EXIT,               /* its portal */
    SEL_VCPU,
    SEL_VCPU_SC
};

/* Addresses of what the kernel maps for this program, beside those of protocol.h. */
#define VCPU_STATE   UINT64_C(0x100000300000)
#define HANDLER_UTCB UINT64_C(0x100000400000)
#define VIRTUAL_APIC UINT64_C(0x100000500000)

#define PAGE_SHIFT         12
#define HANDLER_STACK_SIZE 8192u
#define TEXT_MAX           256u

/* The local APIC's timer: as near below this as a whole divisor of the TSC's rate allows, so that
 * CPUID can tell it. */
#define LAPIC_HZ_MAX     UINT64_C(1000000000)
#define LAPIC_HZ_USUAL   UINT64_C(100000000)
#define LAPIC_DIVIDE_MAX 64u

static struct vm vm;
static alignas(STACK_ALIGN) uint8_t handler_stack[HANDLER_STACK_SIZE];

static _Noreturn void no_start(const char *text, uint64_t detail)
{
    vm_end(&vm, (struct bh_utcb *)VM_UTCB, VM_END_NO_START, detail, text);
}

static void need(enum bh_status status, const char *what)
{
    char text[TEXT_MAX];

    if (status == BH_OK)
        return;
    snprintf(text, sizeof text, "%s: the kernel answers with status %d", what, (int)status);
    no_start(text, status);
}

static uint64_t lapic_hz(uint64_t tsc_hz)
{
    for (uint64_t divide = 1; divide <= LAPIC_DIVIDE_MAX; divide++) {
        if (tsc_hz % divide == 0 && tsc_hz / divide <= LAPIC_HZ_MAX)
            return tsc_hz / divide;
    }
    return LAPIC_HZ_USUAL;
}

static void map_ram(void)
{
    const uint32_t rights = BH_MEM_R | BH_MEM_W | BH_MEM_X;
    const uint64_t total = vm.info->ram_size;
    struct guest_ram *ram = &vm.ram;

    ram->low = (uint8_t *)VM_RAM;
    ram->low_size = memmap_low_size(total);
    need(bh_delegate(VM_SEL_PD, BH_SPACE_MEM, BH_SPACE_GUEST, rights, VM_RAM >> PAGE_SHIFT, 0,
                     ram->low_size >> PAGE_SHIFT),
         "guest memory");
    if (total <= ram->low_size)
        return;
    ram->high = ram->low + ram->low_size;
    ram->high_size = total - ram->low_size;
    need(bh_delegate(VM_SEL_PD, BH_SPACE_MEM, BH_SPACE_GUEST, rights,
                     (VM_RAM + ram->low_size) >> PAGE_SHIFT, MEMMAP_HIGH_RAM >> PAGE_SHIFT,
                     ram->high_size >> PAGE_SHIFT),
         "guest memory above 4 GiB");
}

static struct load_file file(unsigned index)
{
    const struct vm_file *f = &vm.info->file[index];

    if (index >= vm.info->files)
        return (struct load_file){NULL, 0};
    return (struct load_file){(const uint8_t *)f->address, f->size};
}

static enum load_error load_guest(void)
{
    const struct vm_info *info = vm.info;
    struct load_module modules[LOAD_MULTIBOOT_MODULES];
    struct load_multiboot_files files = {file(0), info->cmdline, modules, 0};
    const struct load_linux_files linux_files = {file(0), file(1), info->cmdline};

    if (info->boot == VM_BOOT_LINUX)
        return load_linux(&vm.ram, &linux_files, &vm.load);
    for (unsigned i = 1; i < info->files && files.module_count < LOAD_MULTIBOOT_MODULES; i++)
        modules[files.module_count++] = (struct load_module){file(i), info->file[i].name};
    return load_multiboot(&vm.ram, &files, &vm.load);
}

static void load(void)
{
    char reason[TEXT_MAX];
    char text[TEXT_MAX + sizeof vm.info->file[0].name + sizeof ": "];

    if (load_guest() == LOAD_OK)
        return;
    load_describe(&vm.load, reason, sizeof reason);
    snprintf(text, sizeof text, "%s: %s", vm.info->file[0].name, reason);
    no_start(text, vm.load.error);
}

static void query_host(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t *out)
{
    const struct bh_cpuid r = bh_cpuid(leaf, subleaf);

    (void)ctx;
    out[CPUID_EAX] = r.eax;
    out[CPUID_EBX] = r.ebx;
    out[CPUID_ECX] = r.ecx;
    out[CPUID_EDX] = r.edx;
}

static void init_policy(uint64_t apic_hz)
{
    const struct cpuid_facts host = {query_host, NULL};
    const struct cpuid_vm cpu = {
        .cpu = 0,
        .cpus = 1,
        .tsc_hz = vm.info->tsc_hz,
        .apic_hz = apic_hz,
        .xcr0 = vm.info->xcr0,
        .pcid = (vm.info->vmx & BH_VMX_INVPCID) != 0,
        .rdtscp = (vm.info->vmx & BH_VMX_RDTSCP) != 0,
    };

    cpuid_init(&vm.cpuid, &host, &cpu);
    crexit_policy_init(&vm.limits, &vm.cpuid);
    msr_init(&vm.msr, vm.info->tsc_hz, vm.limits.physical_bits,
             (vm.info->vmx & BH_VMX_FAST_STRINGS) != 0);
}

/* Does the processor deliver the local APIC's interrupts by itself? */
static bool has_virtual_apic(void)
{
    return (vm.info->vmx & BH_VMX_VID) != 0;
}

static void init_board(uint64_t apic_hz)
{
    const struct board_config config = {
        .tsc_hz = vm.info->tsc_hz,
        .lapic_hz = apic_hz,
        .epoch = vm.info->epoch + (vm.tsc_start - vm.info->epoch_tsc) / vm.info->tsc_hz,
        .ram_low = vm.ram.low_size,
        .ram_high = vm.ram.high_size,
        .debug_exit = vm.info->debug_exit != 0,
        .sink = {console_tx, &vm.console},
        .lapic_page = has_virtual_apic() ? (uint32_t *)VIRTUAL_APIC : vm.lapic_page,
        .processor_delivers = has_virtual_apic(),
    };

    if (!board_init(&vm.board, &config))
        no_start("two devices claim the same port or address", 0);
}

static void create_vcpu(void)
{
    const uint32_t cpu = vm.info->cpu;

    need(bh_create_thread(SEL_HANDLER, VM_SEL_PD, cpu, HANDLER_UTCB, 0,
                          portal_stack(handler_stack, sizeof handler_stack), VM_SEL_FAULT),
         "exit handler");
    need(bh_create_pt(SEL_EXIT, SEL_HANDLER, code_address(exit_entry), (uint64_t)&vm.vcpu),
         "exit portal");
    need(bh_create_vcpu(SEL_VCPU, VM_SEL_PD, cpu, VCPU_STATE, has_virtual_apic() ? VIRTUAL_APIC : 0,
                        SEL_EXIT),
         "vCPU");
    vcpu_init(&vm.vcpu, &vm, (struct bh_vcpu_state *)VCPU_STATE, (struct bh_utcb *)HANDLER_UTCB,
              SEL_VCPU, SEL_HALT);
    need(vcpu_set_table(&vm.vcpu, (struct bh_utcb *)VM_UTCB), "MTD table");
}

_Noreturn void program_main(void *info)
{
    uint64_t apic_hz;

    (void)info; /* is at VM_INFO, too */
    vm.info = (const struct vm_info *)VM_INFO;
    vm.vcpu.sel_halt = SEL_HALT;
    vm.tsc_start = bh_rdtsc();
    console_init(&vm.console, (struct vm_rings *)VM_RINGS, SEL_HALT, vm.info->tsc_hz, vm.tsc_start);
    need(bh_create_sm(SEL_HALT, 0), "semaphore");
    map_ram();
    load();
    acpi_tables_build(vm.ram.low + MEMMAP_ACPI_BASE, 1);
    apic_hz = lapic_hz(vm.info->tsc_hz);
    init_policy(apic_hz);
    create_vcpu();
    /* Power-on is here: the guest's time does not count how long it took to load it. */
    vm.tsc_start = bh_rdtsc();
    vm.console.tsc_start = vm.tsc_start;
    init_board(apic_hz);
    need(bh_create_sc(SEL_VCPU_SC, SEL_VCPU, vm.info->priority, vm.info->budget, vm.info->period),
         "scheduling context");
    events_run(&vm);
}
