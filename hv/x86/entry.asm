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
extern ipc_reply_vcpu
extern ec_waiting
extern ec_return_sysexit
extern trap_user
extern trap_kernel
extern trap_ist
extern sched_pick
extern ec_idle

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

%macro save_callee_saved 0
    mov [REG(RBX)], rbx
    mov [REG(RBP)], rbp
    mov [REG(R12)], r12
    mov [REG(R13)], r13
    mov [REG(R14)], r14
    mov [REG(R15)], r15
%endmacro

; SYSENTER: RCX = stack and RDX = instruction to return to. The C functions of the table keep RBX, RBP and R12 to R15.
global entry_sysenter
entry_sysenter:
    cmp edi, CALL_REPLY         ; call or reply without flags and UTCB words?
    jbe short_message
    mov rsp, [rsp]
    mov [SAVED(RSP)], rcx
    mov [SAVED(RIP)], rdx
dispatch:
    mov [SAVED(RAX)], rax
    mov [SAVED(RSI)], rsi
    mov [SAVED(RDI)], rdi
    mov [SAVED(R8)], r8
    mov [SAVED(R9)], r9
    mov [SAVED(R10)], r10
    movzx eax, dil
    lea rdi, [rsp - REGS_SIZE - EC_REGS]
    mov rsp, [rdi + EC_STACK]
    push RFLAGS_CLEAN           ; no direction flag, no AC (SMAP), no TF, no NT from user level
    popfq
    cmp eax, CALL_COUNT
    jae no_such_call
    call [syscall_table + rax * 8]
call_done:
    mov rcx, [CPU(CURRENT)]
    cmp dword [CPU(HAZARD)], 0
    jne preempted
    mov edi, eax
    mov rsi, [rcx + EC_REGS + REGS_RSI]
    mov rax, [rcx + EC_REGS + REGS_RAX]
    mov r8, [rcx + EC_REGS + REGS_R8]
    mov r9, [rcx + EC_REGS + REGS_R9]
    mov r10, [rcx + EC_REGS + REGS_R10]
    mov rdx, [rcx + EC_REGS + REGS_RIP]
    mov rcx, [rcx + EC_REGS + REGS_RSP]
    xor r11d, r11d
    sti                         ; takes effect after the next instruction
global entry_sysexit_direct
entry_sysexit_direct:           ; faults when RCX or RDX is not canonical: trap_kernel knows
    o64 sysexit
no_such_call:
    mov eax, ERR_CALL
    jmp call_done
preempted:
    mov rdi, rcx
    save_callee_saved
    mov [REG(RDI)], rax
    call syscall_preempted

; Calls that may switch to another EC and come back by entry_sysexit: the rest of the registers is saved, too.
%macro switching_call 1
extern %1
global entry_ %+ %1
entry_ %+ %1:
    save_callee_saved
    jmp %1
%endmacro
switching_call ipc_call
switching_call ipc_reply
switching_call syscall_delegate
switching_call syscall_revoke
switching_call syscall_sm_ctrl

; A call or reply of five words between two threads that needs nothing but to switch: what ipc_call and ipc_reply do, with the message left
; in its registers. Whatever is unusual goes to them, with nothing changed. R11 = the TSS's RSP0, RBX = current EC; for a call RBP = RDI.
%define CPU0(field) r11 - CPU_RSP0 + CPU_ %+ field
short_message:
    mov r11, rsp
    mov rsp, [rsp]
    mov [SAVED(RSP)], rcx
    mov [SAVED(RIP)], rdx
    mov [SAVED(RBX)], rbx
    mov [SAVED(RBP)], rbp
    mov [SAVED(R12)], r12
    mov [SAVED(R13)], r13
    mov [SAVED(R14)], r14
    mov [SAVED(R15)], r15
    lea rbx, [rsp - REGS_SIZE - EC_REGS]
    je short_reply

    mov rbp, rdi
    shr rdi, 32
    cmp edi, SELECTORS
    jae unusual
    mov rdx, [rbx + EC_PD]
    mov ecx, edi
    shr ecx, CAP_LEAF_SHIFT
    mov rdx, [rdx + PD_CAPS]
    mov rdx, [rdx + rcx * 8]
    test rdx, rdx
    jz unusual
    and edi, CAP_LEAF - 1
    shl edi, CAP_SHIFT
    mov r12, [rdx + rdi]
    test r12b, PT_CALL
    jz unusual
    and r12, ~CAP_RIGHTS
    cmp word [r12 + OBJ_TYPE], OBJ_PT   ; and not dead
    jne unusual
    mov rdx, [r12 + PT_EC]
    cmp qword [rdx + EC_CONT], ec_waiting
    jne unusual
    mov ecx, [rbx + EC_CPU]
    cmp [rdx + EC_CPU], ecx
    jne unusual
    mov ecx, [rbx + EC_DEPTH]
    cmp ecx, CHAIN_MAX
    jae unusual
    cmp qword [CPU0(FPU_OWNER)], 0
    jne unusual
    inc ecx
    mov [rdx + EC_DEPTH], ecx
    mov [rdx + EC_CALLER], rbx
    mov [rbx + EC_PARTNER], rdx
    mov qword [rdx + EC_CONT], ec_return_sysexit
    mov rdi, [r12 + PT_ID]
    mov r12, [r12 + PT_RIP]
    jmp short_switch

short_reply:
    mov rdx, [rbx + EC_CALLER]
    test rdx, rdx
    jz unusual_reply
    cmp qword [rdx + EC_VCPU], 0
    jne vcpu_reply
    cmp word [rdx + EC_BLOCKED], 0      ; and not in an exception
    jne unusual_reply
    cmp qword [CPU0(HAZARD)], 0         ; and not helping
    jne unusual_reply
    cmp qword [CPU0(FPU_OWNER)], 0
    jne unusual_reply
    mov qword [rbx + EC_CONT], ec_waiting
    mov qword [rbx + EC_CALLER], 0
    mov qword [rdx + EC_PARTNER], 0
    mov r12, [rdx + EC_REGS + REGS_RIP]
    xor edi, edi                        ; BH_OK

short_switch:                           ; to EC RDX, at R12
    mov [CPU0(CURRENT)], rdx
    lea rcx, [rdx + EC_REGS + REGS_SIZE]
    mov [r11], rcx
    mov rbx, [rdx + EC_PD]
    cmp [CPU0(PD)], rbx
    je .same_space
    mov rcx, [CPU0(MASK)]
    mov [CPU0(PD)], rbx
    test [rbx + PD_CPUS], rcx
    jnz .known
    lock or [rbx + PD_CPUS], rcx
.known:
    mov rcx, [rbx + PD_CR3]
    mov cr3, rcx
.same_space:
    mov rcx, [rdx + EC_REGS + REGS_RSP]
    mov rsp, [rdx + EC_STACK]
    mov r15, [rdx + EC_REGS + REGS_R15]
    mov r14, [rdx + EC_REGS + REGS_R14]
    mov r13, [rdx + EC_REGS + REGS_R13]
    mov rbp, [rdx + EC_REGS + REGS_RBP]
    mov rbx, [rdx + EC_REGS + REGS_RBX]
    push RFLAGS_CLEAN
    popfq
    mov r11, r12
    mov r12, [rdx + EC_REGS + REGS_R12]
    mov rdx, r11
    xor r11d, r11d                      ; no UTCB words
    sti
global entry_sysexit_short
entry_sysexit_short:
    o64 sysexit

vcpu_reply:                             ; RSI = state groups
    mov rdi, rbx
    mov rsp, [rdi + EC_STACK]
    push RFLAGS_CLEAN
    popfq
    call ipc_reply_vcpu

unusual:
    mov rdi, rbp
unusual_reply:
    mov r12, [SAVED(R12)]
    mov rbp, [SAVED(RBP)]
    mov rbx, [SAVED(RBX)]
    jmp dispatch

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

; void entry_idle(struct cpu *)
global entry_idle
entry_idle:
    mov rsp, [rdi + CPU_STACK]
    call ec_idle

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

; void entry_unblock_nmi(void): an IRET to its caller
global entry_unblock_nmi
entry_unblock_nmi:
    pop rax
    mov rcx, rsp
    push GDT_KERNEL_DATA
    push rcx
    pushfq
    push GDT_KERNEL_CODE
    push rax
    iretq

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
