; SPDX-License-Identifier: BSD-2-Clause
;
; From the boot loader to C: Multiboot2 header, 32-bit entry, long mode. The page tables made here map the low 4 GiB one to one and the
; first 512 MiB at KERNEL_VMA; hv/x86/paging.c replaces them. Source: Multiboot2 specification, "OS image format" and "I386 machine state".

%define KERNEL_VMA 0xFFFFFFFF80000000
%define MULTIBOOT2_HEADER 0xE85250D6
%define PAGE_PRESENT_WRITE 3
%define PAGE_LARGE 0x83
%define MSR_EFER 0xC0000080
%define EFER_LME_NXE 0x900
%define CR0_PG_WP_PE 0x80010001
%define CR4_PAE 0x20
%define CPUID_LONG_MODE (1 << 29)
%define CPUID_NX (1 << 20)

section .multiboot
align 8
header:
    dd MULTIBOOT2_HEADER
    dd 0                                    ; i386, protected mode
    dd header_end - header
    dd 0x100000000 - (MULTIBOOT2_HEADER + (header_end - header))
    dw 6, 0                                 ; modules page-aligned
    dd 8
    dw 0, 0                                 ; end
    dd 8
header_end:

extern main_boot
extern main_on_stack

section .boot.text
bits 32
global start
start:
    cld
    mov esp, boot_stack_top - KERNEL_VMA
    mov edi, eax                            ; magic, for C
    mov esi, ebx                            ; boot information, for C
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb .no_long_mode
    mov eax, 0x80000001
    cpuid
    and edx, CPUID_LONG_MODE | CPUID_NX
    cmp edx, CPUID_LONG_MODE | CPUID_NX
    jne .no_long_mode

    mov eax, boot_pdpt - KERNEL_VMA + PAGE_PRESENT_WRITE
    mov [boot_pml4 - KERNEL_VMA], eax
    mov eax, boot_pdpt_high - KERNEL_VMA + PAGE_PRESENT_WRITE
    mov [boot_pml4 - KERNEL_VMA + 511 * 8], eax
    mov eax, boot_pd_high - KERNEL_VMA + PAGE_PRESENT_WRITE
    mov [boot_pdpt_high - KERNEL_VMA + 510 * 8], eax
    mov eax, boot_pd - KERNEL_VMA + PAGE_PRESENT_WRITE
    mov ecx, 0
.pdpt:
    mov [boot_pdpt - KERNEL_VMA + ecx * 8], eax
    add eax, 4096
    inc ecx
    cmp ecx, 4
    jne .pdpt
    mov eax, PAGE_LARGE
    mov ecx, 0
.pd:
    mov [boot_pd - KERNEL_VMA + ecx * 8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 4 * 512
    jne .pd
    mov eax, PAGE_LARGE
    mov ecx, 0
.pd_high:
    mov [boot_pd_high - KERNEL_VMA + ecx * 8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 256
    jne .pd_high

    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, boot_pml4 - KERNEL_VMA
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME_NXE
    wrmsr
    mov eax, CR0_PG_WP_PE
    mov cr0, eax
    lgdt [boot_gdt_register - KERNEL_VMA]
    jmp 8:start64 - KERNEL_VMA

.no_long_mode:                              ; say so on the screen and the serial line, and stop
    mov esi, message - KERNEL_VMA
    mov edi, 0xB8000
    mov ah, 7
.next:
    lodsb
    test al, al
    jz .stop
    stosw
    mov bl, al
    mov ecx, 100000
.wait:
    mov edx, 0x3FD
    in al, dx
    test al, 0x20
    loopz .wait
    mov al, bl
    mov edx, 0x3F8
    out dx, al
    jmp .next
.stop:
    cli
    hlt
    jmp .stop

bits 64
start64:
    mov eax, 0
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov rax, start_high
    jmp rax

section .text
start_high:
    mov rsp, boot_stack_top
    mov edi, edi
    mov esi, esi
    call main_boot

; void main_switch_stack(uint64_t stack)
global main_switch_stack
main_switch_stack:
    mov rsp, rdi
    call main_on_stack

section .boot.data
align 8
boot_gdt:
    dq 0
    dq 0x00209A0000000000
boot_gdt_register:
    dw $ - boot_gdt - 1
    dd boot_gdt - KERNEL_VMA
message:
    db "bulkhead: stopped: this CPU lacks long mode or NX", 13, 10, 0

section .boot.bss nobits alloc write
align 4096
boot_pml4: resb 4096
boot_pdpt: resb 4096
boot_pdpt_high: resb 4096
boot_pd: resb 4 * 4096
global boot_pd_high
boot_pd_high: resb 4096                     ; C maps the pool in its second half

section .bss
align 16
boot_stack: resb 8192
boot_stack_top:
