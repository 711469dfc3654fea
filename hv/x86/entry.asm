; SPDX-License-Identifier: BSD-2-Clause
;
; Into the kernel from user level and back: SYSENTER, traps and interrupts. The registers are saved in the current EC, whose end the
; TSS names (RSP0); IA32_SYSENTER_ESP points to that word of the TSS. The kernel then runs on its CPU's stack and never comes
; back here but by entry_sysexit and entry_iret.

%include "offsets.inc"

bits 64
default rel
section .text

extern syscall_table
extern syscall_preempted
extern trap_user
extern trap_kernel
extern trap_ist
extern sched_pick

%define RFLAGS_CLEAN 2

%macro push_registers 0
    push rax
    push rbx
    push rcx
    push rdx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
%endmacro

; Offsets from the end of the registers, to which RSP points at first.
%define SAVED(reg) rsp - REGS_SIZE + REGS_ %+ reg
%define REG(reg) rdi + EC_REGS + REGS_ %+ reg
%define CPU(field) rsp - CPU_STACK_TOP + CPU_ %+ field

; SYSENTER: RCX = stack and RDX = instruction to return to. The C functions of the table keep RBX, RBP and R12 to R15; they are saved
; for those calls that switch to another EC and do not come back.
global entry_sysenter
entry_sysenter:
    mov rsp, [rsp]
    mov [SAVED(RSP)], rcx
    mov [SAVED(RIP)], rdx
    mov [SAVED(RAX)], rax
    mov [SAVED(RBX)], rbx
    mov [SAVED(RBP)], rbp
    mov [SAVED(RSI)], rsi
    mov [SAVED(RDI)], rdi
    mov [SAVED(R8)], r8
    mov [SAVED(R9)], r9
    mov [SAVED(R10)], r10
    mov [SAVED(R12)], r12
    mov [SAVED(R13)], r13
    mov [SAVED(R14)], r14
    mov [SAVED(R15)], r15
    movzx eax, dil
    lea rdi, [rsp - REGS_SIZE - EC_REGS]
    mov rsp, [rdi + EC_STACK]
    push RFLAGS_CLEAN           ; no direction flag, no AC (SMAP), no TF, no NT from user level
    popfq
    cmp eax, CALL_COUNT
    jae no_such_call
    call [syscall_table + rax * 8]
call_done:
    mov rdi, [CPU(CURRENT)]
    cmp dword [CPU(HAZARD)], 0
    jne preempted
    mov ecx, eax
    mov rsi, [REG(RSI)]
    mov rax, [REG(RAX)]
    mov r8, [REG(R8)]
    mov r9, [REG(R9)]
    mov r10, [REG(R10)]
    mov rdx, [REG(RIP)]
    mov r11, [REG(RSP)]
    mov edi, ecx
    mov rcx, r11
    sti                         ; takes effect after the next instruction
global entry_sysexit_direct
entry_sysexit_direct:           ; faults when RCX or RDX is not canonical: trap_kernel knows
    o64 sysexit
no_such_call:
    mov eax, ERR_CALL
    jmp call_done
preempted:
    mov [REG(RDI)], rax
    call syscall_preempted

; void entry_sysexit(struct ec *)
global entry_sysexit
entry_sysexit:
    mov r15, [REG(R15)]
    mov r14, [REG(R14)]
    mov r13, [REG(R13)]
    mov r12, [REG(R12)]
    mov r11, [REG(R11)]
    mov r10, [REG(R10)]
    mov r9, [REG(R9)]
    mov r8, [REG(R8)]
    mov rsi, [REG(RSI)]
    mov rbp, [REG(RBP)]
    mov rbx, [REG(RBX)]
    mov rax, [REG(RAX)]
    mov rdx, [REG(RIP)]
    mov rcx, [REG(RSP)]
    mov rdi, [REG(RDI)]
    sti
global entry_sysexit_switch
entry_sysexit_switch:
    o64 sysexit

; void entry_iret(struct ec *)
global entry_iret
entry_iret:
    lea rsp, [rdi + EC_REGS]
restore_and_iret:
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 16
    iretq

; void entry_continue(struct ec *): its continuation, on an empty stack
global entry_continue
entry_continue:
    mov rsp, [rdi + EC_STACK]
    call [rdi + EC_CONT]

; void entry_pick(struct cpu *)
global entry_pick
entry_pick:
    mov rsp, [rdi + CPU_STACK]
    call sched_pick

trap_common:
    push_registers
    mov rdi, rsp
    push RFLAGS_CLEAN
    popfq
    test byte [rdi + REGS_CS], 3
    jz .kernel
    sub rdi, EC_REGS
    mov rsp, [rdi + EC_STACK]
    call trap_user
.kernel:
    mov rbx, rsp
    and rsp, -16
    call trap_kernel
    mov rsp, rbx
    jmp restore_and_iret

ist_common:
    push_registers
    mov rdi, rsp
    push RFLAGS_CLEAN
    popfq
    mov rbx, rsp
    and rsp, -16
    call trap_ist
    mov rsp, rbx
    test rax, rax
    jz restore_and_iret
    mov rdi, rax
    mov rsp, [rdi + EC_STACK]
    call trap_user

; 256 entries of 16 bytes: the vector, and an error code where the processor pushes none.
align 16
global entry_table
entry_table:
%assign v 0
%rep 256
align 16
%if v != 8 && v != 10 && v != 11 && v != 12 && v != 13 && v != 14 && v != 17 && v != 21
    push 0
%endif
    push v
%if v == 1 || v == 2 || v == 8 || v == 18
    jmp near ist_common
%else
    jmp near trap_common
%endif
%assign v v + 1
%endrep
align 16

; void gdt_reload_segments(void)
global gdt_reload_segments
gdt_reload_segments:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov eax, GDT_KERNEL_DATA
    mov ss, eax
    pop rax
    push GDT_KERNEL_CODE
    push rax
    o64 retf
