; SPDX-License-Identifier: BSD-2-Clause
;
; Starting another CPU: copied below 1 MiB (hv/smp.c), entered in real mode by a STARTUP interrupt. Real mode, then straight to long mode
; with the kernel's page tables, in which boot's identity mapping still stands.

%define MSR_EFER 0xC0000080
%define EFER_LME_NXE 0x900
%define CR0_PG_WP_PE 0x80010001
%define CR4_PAE 0x20

extern smp_entry

section .rodata
global ap_start
global ap_end
global ap_cr3
global ap_stack

bits 16
align 16
ap_start:
    cli
    mov ax, cs
    mov ds, ax
    xor ebx, ebx
    mov bx, ax
    shl ebx, 4                              ; linear address of this copy
    lea eax, [ebx + gdt - ap_start]
    mov [gdt_register - ap_start + 2], eax
    lea eax, [ebx + long_mode - ap_start]
    mov [target - ap_start], eax
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [ap_cr3 - ap_start]
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME_NXE
    wrmsr
    mov eax, CR0_PG_WP_PE
    mov cr0, eax
    o32 lgdt [gdt_register - ap_start]
    jmp far dword [target - ap_start]

bits 64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov rsp, [rel ap_stack]
    mov rax, smp_entry
    call rax

align 8
gdt:
    dq 0
    dq 0x00209A0000000000
gdt_register:
    dw $ - gdt - 1
    dd 0
target:
    dd 0
    dw 8
align 8
ap_cr3: dq 0
ap_stack: dq 0
ap_end:
