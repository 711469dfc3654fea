; SPDX-License-Identifier: BSD-2-Clause
; Code for exceptions.c, where the bytes matter: instructions that fault at a known address, and runs of instructions
; that are single-stepped or follow STI. Each run is described by a table: entry point, then the addresses at which a
; trap is expected, then 0.

CPUID_LEAF          equ 0
PORT_QUIET          equ 0x80            ; the diagnostic port
PORT_UART_SCRATCH   equ 0x3FF
MSR_APIC_BASE       equ 0x1B
LAPIC               equ 0xFEE00000
LAPIC_TPR           equ 0x80
ABSENT              equ 0xD0000000
SEL_DATA            equ 0x10
RFLAGS_TF_BIT       equ 8
REPEATS             equ 3

%macro step_begin 0
        push rbx
        push rsi
        push rdi
        mov eax, CPUID_LEAF
        mov ecx, REPEATS
        pushfq
        bts qword [rsp], RFLAGS_TF_BIT
        popfq
%endmacro

; The C side clears TF at the last address of the table.
%macro step_end 0
        pop rdi
        pop rsi
        pop rbx
        ret
%endmacro

        section .text
        bits 64

        global fault_ud, fault_de, fault_vmcall, fault_vmxon, fault_int3, fault_int3_end, fault_int, fault_int_end
fault_ud:
        ud2
        ret
fault_de:
        xor edx, edx
        xor ecx, ecx
        mov eax, 1
        div ecx
        ret
fault_vmcall:
        vmcall
        ret
fault_vmxon:
        vmxon [rsp]
        ret
fault_int3:
        int3
fault_int3_end:
        ret
fault_int:
        int 0x90
fault_int_end:
        ret

        global load_fs, touch_x87, touch_sse
load_fs:                                ; (selector)
        mov fs, edi
        ret
touch_x87:
        fnop
        ret
touch_sse:
        xorps xmm0, xmm0
        ret

        global user_cli, user_hlt, user_out, user_rdmsr, user_cr3, user_cpuid, user_read
user_cli:
        cli
        ret
user_hlt:
        hlt
        ret
user_out:
        out PORT_QUIET, al
        ret
user_rdmsr:
        mov ecx, MSR_APIC_BASE
        rdmsr
        ret
user_cr3:
        mov rax, cr3
        ret
user_cpuid:                             ; (uint32_t *edx)
        mov eax, 1
        cpuid
        mov [rdi], edx
        ret
user_read:                              ; (address)
        mov eax, [rdi]
        ret

        global breakpoint, breakpoint_cpuid, watched_store, watched_store_end
breakpoint:
        xor eax, eax
breakpoint_cpuid:
        cpuid
        nop
        ret
watched_store:                          ; (uint32_t *)
        mov dword [rdi], 1
watched_store_end:
        nop
        ret

; Single-stepped runs.
step_nop:
        step_begin
        nop
.1:     nop
.2:     step_end
step_cpuid:
        step_begin
        cpuid
.1:     nop
.2:     step_end
step_out:
        step_begin
        out PORT_QUIET, al
.1:     nop
.2:     step_end
step_in:
        mov edx, PORT_UART_SCRATCH
        step_begin
        in al, dx
.1:     nop
.2:     step_end
step_rdmsr:
        step_begin
        mov ecx, MSR_APIC_BASE
.1:     rdmsr
.2:     wrmsr
.3:     nop
.4:     step_end
step_mmio:
        mov edi, LAPIC + LAPIC_TPR
        step_begin
        mov eax, [rdi]
.1:     mov [rdi], eax
.2:     nop
.3:     step_end
step_rep_out:
        mov edx, PORT_QUIET
        step_begin
        mov esi, step_bytes
.1:     rep outsb
.2:     nop
.3:     step_end
step_rep_mmio:
        mov edi, ABSENT
        step_begin
        cld
.1:     rep stosd
.2:     nop
.3:     step_end
step_mov_ss:
        step_begin
        mov edx, SEL_DATA
.1:     mov ss, edx
        cpuid
.2:     nop
.3:     step_end
step_cr:
        step_begin
        mov rax, cr0
.1:     mov cr0, rax
.2:     mov rax, cr8
.3:     mov cr8, rax
.4:     nop
.5:     step_end

; After STI: the interrupt that waits comes behind the next instruction.
sti_nop:
        sti
        nop
.1:     nop
        cli
        ret
sti_cpuid:
        push rbx
        mov eax, CPUID_LEAF
        sti
        cpuid
.1:     nop
        cli
        pop rbx
        ret
sti_out:
        sti
        out PORT_QUIET, al
.1:     nop
        cli
        ret
sti_in:
        mov edx, PORT_UART_SCRATCH
        sti
        in al, dx
.1:     nop
        cli
        ret
sti_rdmsr:
        mov ecx, MSR_APIC_BASE
        sti
        rdmsr
.1:     nop
        cli
        ret
sti_mmio_read:
        mov edi, LAPIC + LAPIC_TPR
        sti
        mov eax, [rdi]
.1:     nop
        cli
        ret
sti_mmio_write:
        mov edi, LAPIC + LAPIC_TPR
        xor eax, eax
        sti
        mov [rdi], eax
.1:     nop
        cli
        ret

        global sti_cli
sti_cli:
        sti
        cli
        ret

        section .rodata align=8
step_bytes:
        times REPEATS db 0

        global steps_nop, steps_cpuid, steps_out, steps_in, steps_rdmsr, steps_mmio, steps_rep_out, steps_rep_mmio
        global steps_mov_ss, steps_cr
steps_nop:      dq step_nop, step_nop.1, step_nop.2, 0
steps_cpuid:    dq step_cpuid, step_cpuid.1, step_cpuid.2, 0
steps_out:      dq step_out, step_out.1, step_out.2, 0
steps_in:       dq step_in, step_in.1, step_in.2, 0
steps_rdmsr:    dq step_rdmsr, step_rdmsr.1, step_rdmsr.2, step_rdmsr.3, step_rdmsr.4, 0
steps_mmio:     dq step_mmio, step_mmio.1, step_mmio.2, step_mmio.3, 0
steps_rep_out:  dq step_rep_out, step_rep_out.1, step_rep_out.1, step_rep_out.1, step_rep_out.2, step_rep_out.3, 0
steps_rep_mmio: dq step_rep_mmio, step_rep_mmio.1, step_rep_mmio.1, step_rep_mmio.1, step_rep_mmio.2, step_rep_mmio.3, 0
steps_mov_ss:   dq step_mov_ss, step_mov_ss.1, step_mov_ss.2, step_mov_ss.3, 0
steps_cr:       dq step_cr, step_cr.1, step_cr.2, step_cr.3, step_cr.4, step_cr.5, 0

        global shadows
shadows:
        dq sti_nop, sti_nop.1, sti_cpuid, sti_cpuid.1, sti_out, sti_out.1, sti_in, sti_in.1, sti_rdmsr, sti_rdmsr.1
        dq sti_mmio_read, sti_mmio_read.1, sti_mmio_write, sti_mmio_write.1, 0
