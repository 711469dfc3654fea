; SPDX-License-Identifier: BSD-2-Clause
; What runs the instruction forms of mmio_forms.asm for mmio.c: loads all registers, calls the form in 64-bit code or, in
; compatibility mode, in 32-bit or 16-bit code, and stores all registers. Also the RIP-relative forms, which need an
; address that they can reach.

%include "tests/guest/lib/selectors.inc"

LOW_CODE            equ 0x8000          ; mmio.c copies the 16-bit code there
%define LOW(label)  (LOW_CODE + (label - low_start))

; struct registers in mmio.c
%define REG_RAX     0
%define REG_RCX     8
%define REG_RDX     16
%define REG_RBX     24
%define REG_RSI     32
%define REG_RDI     40
%define REG_R8      48
%define REG_R9      56
%define REG_R10     64
%define REG_RBP     72
%define REG_FLAGS   80

        extern mmio_alias
        global mmio_run_64, mmio_run_32, mmio_run_16
        global mmio_rip_read, mmio_rip_write, mmio_rip_or, mmio_rip_imm

        section .text
        bits 64
; void mmio_run_64(struct registers *, const void *code)
mmio_run_64:
        push rbx
        push rbp
        push rdi
        mov rax, rsi
        mov rbp, [rdi + REG_RBP]
        push rax
        push qword [rdi + REG_FLAGS]
        mov rax, [rdi + REG_RAX]
        mov rcx, [rdi + REG_RCX]
        mov rdx, [rdi + REG_RDX]
        mov rbx, [rdi + REG_RBX]
        mov rsi, [rdi + REG_RSI]
        mov r8, [rdi + REG_R8]
        mov r9, [rdi + REG_R9]
        mov r10, [rdi + REG_R10]
        mov rdi, [rdi + REG_RDI]
        popfq
        call [rsp]
        pushfq
        cld
        xchg rdi, [rsp + 16]            ; struct registers
        mov [rdi + REG_RAX], rax
        mov [rdi + REG_RCX], rcx
        mov [rdi + REG_RDX], rdx
        mov [rdi + REG_RBX], rbx
        mov [rdi + REG_RSI], rsi
        mov [rdi + REG_R8], r8
        mov [rdi + REG_R9], r9
        mov [rdi + REG_R10], r10
        mov [rdi + REG_RBP], rbp
        pop qword [rdi + REG_FLAGS]
        pop rax
        pop rax
        mov [rdi + REG_RDI], rax
        pop rbp
        pop rbx
        ret

; void mmio_run_32(struct registers *, const void *code): 32-bit code in compatibility mode
mmio_run_32:
        push rbx
        push rbp
        mov [saved_rsp], rsp
        mov r11d, edi
        mov eax, esi
        push SEL_CODE32
        push .in_32
        o64 retf
        bits 32
.in_32: mov edx, SEL_DATA
        mov ds, edx
        mov es, edx
        call load_and_call
        jmp SEL_CODE64:back_to_64

; EDI: struct registers; EAX: code
load_and_call:
        push ebp
        push edi
        push eax
        push dword [edi + REG_FLAGS]
        mov eax, [edi + REG_RAX]
        mov ecx, [edi + REG_RCX]
        mov edx, [edi + REG_RDX]
        mov ebx, [edi + REG_RBX]
        mov esi, [edi + REG_RSI]
        mov ebp, [edi + REG_RBP]
        mov edi, [edi + REG_RDI]
        popfd
        call [esp]
        pushfd
        cld
        xchg edi, [esp + 8]             ; struct registers
        call save
        pop dword [edi + REG_FLAGS]
        pop eax
        pop eax
        mov [edi + REG_RDI], eax
        pop ebp
        ret
save:
        mov [edi + REG_RAX], eax
        mov [edi + REG_RCX], ecx
        mov [edi + REG_RDX], edx
        mov [edi + REG_RBX], ebx
        mov [edi + REG_RSI], esi
        mov [edi + REG_RBP], ebp
        ret

        bits 64
back_to_64:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov rsp, [saved_rsp]
        pop rbp
        pop rbx
        ret

; void mmio_run_16(struct registers *, const void *code): 16-bit code in compatibility mode; DS and ES: SEL_SPARE
mmio_run_16:
        push rbx
        push rbp
        mov [saved_rsp], rsp
        mov eax, esi
        sub eax, low_start
        add eax, LOW_CODE
        push SEL_CODE16
        push LOW(in_16)
        o64 retf

        section .low progbits alloc noexec nowrite align=16
        bits 16
low_start:
in_16:
        mov dx, SEL_SPARE
        mov ds, dx
        mov es, dx
        push edi
        push ax
        push dword [ss:edi + REG_FLAGS]
        mov eax, [ss:edi + REG_RAX]
        mov ecx, [ss:edi + REG_RCX]
        mov edx, [ss:edi + REG_RDX]
        mov ebx, [ss:edi + REG_RBX]
        mov esi, [ss:edi + REG_RSI]
        mov ebp, [ss:edi + REG_RBP]
        mov edi, [ss:edi + REG_RDI]
        popfd
        call [ss:esp]
        pushfd
        cld
        xchg edi, [ss:esp + 6]          ; struct registers
        mov [ss:edi + REG_RAX], eax
        mov [ss:edi + REG_RCX], ecx
        mov [ss:edi + REG_RDX], edx
        mov [ss:edi + REG_RBX], ebx
        mov [ss:edi + REG_RSI], esi
        mov [ss:edi + REG_RBP], ebp
        pop dword [ss:edi + REG_FLAGS]
        jmp dword SEL_CODE64:back_to_64

; RIP-relative: the LAPIC page is mapped at mmio_alias for these.
        section .text
        bits 64
mmio_rip_read:
        mov eax, [rel mmio_alias]
        ret
mmio_rip_write:                         ; (value)
        mov [rel mmio_alias], edi
        ret
mmio_rip_or:                            ; (value)
        or [rel mmio_alias], edi
        ret
mmio_rip_imm:                           ; an immediate operand stands between the displacement and the next instruction
        mov dword [rel mmio_alias], 0x0BADCAFE
        ret

        section .bss align=16
saved_rsp:  resq 1
