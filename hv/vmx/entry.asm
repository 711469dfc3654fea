; SPDX-License-Identifier: BSD-2-Clause
;
; Into the guest and out of it. HOST_RSP is the end of the general registers in the vCPU's state page, so the first pushes after an exit
; save them there; HOST_GS_BASE is the CPU's area, through which the kernel stack is found. The page is the VMM's to write: nothing
; read from it is used as an address here.

%include "offsets.inc"

bits 64
default rel
section .text

extern vmx_exit
extern vmx_entry_failed

%macro load_guest_registers 0
    mov r15, [rdi + 0]
    mov r14, [rdi + 8]
    mov r13, [rdi + 16]
    mov r12, [rdi + 24]
    mov r11, [rdi + 32]
    mov r10, [rdi + 40]
    mov r9, [rdi + 48]
    mov r8, [rdi + 56]
    mov rsi, [rdi + 72]
    mov rbp, [rdi + 80]
    mov rdx, [rdi + 88]
    mov rcx, [rdi + 96]
    mov rbx, [rdi + 104]
    mov rax, [rdi + 112]
    mov rdi, [rdi + 64]
%endmacro

; void vmx_launch(struct bh_vcpu_state *): returns to vmx_entry_failed only
global vmx_launch
vmx_launch:
    load_guest_registers
    vmlaunch
    jmp failed

; void vmx_resume_guest(struct bh_vcpu_state *)
global vmx_resume_guest
vmx_resume_guest:
    load_guest_registers
    vmresume
failed:
    and rsp, -16
    call vmx_entry_failed

global vmx_exit_entry
vmx_exit_entry:
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
    mov rdi, [gs:CPU_SELF]
    mov rsp, [rdi + CPU_STACK]
    call vmx_exit
