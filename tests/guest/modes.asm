; SPDX-License-Identifier: BSD-2-Clause
; Excursions from 64-bit mode into every other mode and back, for modes.c. modes_visit leaves long mode, calls a body in
; flat 32-bit protected mode without paging, and returns to 64-bit mode. A body writes what it has found to the dwords at
; RESULTS, the same for all modes (enum result in modes.c). What runs in 16-bit segments is copied below 64 KiB first:
; LOW() is its address there. Interrupts are off but where a body says so, and the 64-bit IDT is of no use to it.
; Manual: SDM volume 3, "Mode Switching", "IA-32e Mode Operation".

%include "tests/guest/lib/selectors.inc"

RESULTS             equ 0x6000
LOW_CODE            equ 0x8000
LOW_STACK           equ 0x7F00
%define LOW(label)  (LOW_CODE + (label - low_start))
%define RESULT(n)   (RESULTS + 4 * (n))

R_REACHED           equ 0               ; MARK, written last
R_CR0               equ 1
R_EFER              equ 2
R_CPUID             equ 3
R_PORT              equ 4
R_LAPIC             equ 5
R_STACK             equ 6
R_ALIAS             equ 7
R_INT               equ 8
R_UD                equ 9
R_IRQ               equ 10
R_HIGH              equ 11
R_COUNT             equ 12

MARK                equ 0x600DF00D
CR0_PE              equ 1 << 0
CR0_PG              equ 1 << 31
CR4_PSE             equ 1 << 4
CR4_PAE             equ 1 << 5
MSR_EFER            equ 0xC0000080
EFER_LME            equ 1 << 8
PORT_QUIET          equ 0x80
UART_SCRATCH        equ 0x3FF
SCRATCH_BYTE        equ 0x5C
LAPIC_VERSION       equ 0xFEE00030
ALIAS               equ 0x00800000      ; mapped to TARGET by the page tables of modes.c
TARGET              equ 0x00C00000
HIGH_RAM            equ 0x00E00000
PIC_MASTER          equ 0x20
PIC_EOI             equ 0x20
VECTOR_UD           equ 6
VECTOR_TIMER        equ 0x30
VECTOR_INT          equ 0x40
TOGGLES             equ 50

        extern modes_pae_table, modes_legacy_table
        global modes_visit, modes_compatibility
        global body_protected, body_pae, body_legacy, body_protected_16, body_real, body_real_irq, body_unreal
        global body_toggle

; What can be asked in any mode; ESI: a scratch register for 32-bit addressing. Works in 16- and 32-bit code.
%macro probe 0
        mov eax, cr0
        mov [dword RESULT(R_CR0)], eax
        mov ecx, MSR_EFER
        rdmsr
        mov [dword RESULT(R_EFER)], eax
        xor eax, eax
        cpuid
        mov [dword RESULT(R_CPUID)], ebx
        mov dx, UART_SCRATCH
        mov al, SCRATCH_BYTE
        out dx, al
        xor eax, eax
        in al, dx
        mov [dword RESULT(R_PORT)], eax
        push dword MARK
        pop dword [dword RESULT(R_STACK)]
%endmacro

; Only where a data segment reaches that far.
%macro probe_lapic 0
        mov eax, [dword LAPIC_VERSION]
        mov [dword RESULT(R_LAPIC)], eax
%endmacro

%macro reached 0
        mov dword [dword RESULT(R_REACHED)], MARK
%endmacro

        section .text
        bits 64
; void modes_visit(void (*body)(void))
modes_visit:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        pushfq
        cli
        sidt [saved_idt]
        mov [saved_rsp], rsp
        mov rax, cr3
        mov [saved_cr3], rax
        mov rax, cr4
        mov [saved_cr4], rax
        mov ebx, edi
        push SEL_CODE32
        push .compatibility
        o64 retf

        bits 32
.compatibility:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov eax, cr0
        and eax, ~CR0_PG
        mov cr0, eax
        mov ecx, MSR_EFER
        rdmsr
        and eax, ~EFER_LME
        wrmsr
        call ebx

        mov eax, [saved_cr4]
        mov cr4, eax
        mov eax, [saved_cr3]
        mov cr3, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_LME
        wrmsr
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        jmp SEL_CODE64:.long

        bits 64
.long:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov rsp, [saved_rsp]
        lidt [saved_idt]
        popfq
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

; void modes_compatibility(void): 32-bit code under the 64-bit page tables
modes_compatibility:
        push rbx
        mov [saved_rsp], rsp
        push SEL_CODE32
        push .compatibility
        o64 retf

        bits 32
.compatibility:
        probe
        probe_lapic
        reached
        jmp SEL_CODE64:.long

        bits 64
.long:
        mov rsp, [saved_rsp]
        pop rbx
        ret

        bits 32
body_protected:
        push ebx
        probe
        probe_lapic
        reached
        pop ebx
        ret

body_pae:
        mov eax, modes_pae_table
        jmp paged
body_legacy:
        mov eax, cr4
        and eax, ~CR4_PAE
        or eax, CR4_PSE
        mov cr4, eax
        mov eax, modes_legacy_table
paged:
        push ebx
        mov cr3, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        mov dword [TARGET], MARK
        mov eax, [ALIAS]
        mov [RESULT(R_ALIAS)], eax
        probe
        probe_lapic
        reached
        mov eax, cr0
        and eax, ~CR0_PG
        mov cr0, eax
        pop ebx
        ret

; The bodies in 16-bit segments: ESI is where they start.
body_protected_16:
        mov esi, LOW(protected_16)
        jmp visit_16
body_real:
        mov esi, LOW(real)
        jmp leave_protected
body_real_irq:
        mov esi, LOW(real_irq)
        jmp leave_protected
body_unreal:
        mov esi, LOW(unreal)
        jmp leave_protected
body_toggle:
        mov esi, LOW(toggle)
leave_protected:
        mov edi, esi
        mov esi, LOW(to_real)
visit_16:
        pushad
        mov [saved_esp], esp
        jmp SEL_CODE16:LOW(from_32)

; All of them come back here, in 32-bit protected mode.
back_to_32:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov fs, eax
        mov gs, eax
        mov esp, [saved_esp]
        popad
        ret

        section .low progbits alloc noexec nowrite align=16
        bits 16
low_start:
from_32:
        mov ax, SEL_DATA16
        mov ss, ax
        mov sp, LOW_STACK
        jmp si

; In 16-bit protected mode: the data segment is flat, the stack and the code are not.
protected_16:
        mov ax, SEL_DATA
        mov ds, ax
        probe
        probe_lapic
        reached
        jmp dword SEL_CODE32:back_to_32

; From 16-bit protected mode to DI in real mode. DS keeps a limit of 4 GiB, the other segments get 64 KiB.
to_real:
        mov ax, SEL_DATA
        mov ds, ax
        mov ax, SEL_DATA16
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov eax, cr0
        and eax, ~CR0_PE
        mov cr0, eax
        jmp 0:LOW(.real)
.real:
        xor ax, ax
        mov ss, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        lidt [dword LOW(real_idt)]
        jmp di

; Real mode to 32-bit protected mode.
from_real:
        cli
        mov eax, cr0
        or al, CR0_PE
        mov cr0, eax
        jmp dword SEL_CODE32:back_to_32

real:
        call narrow_data
        probe
        mov word [VECTOR_INT * 4], LOW(on_int)
        mov word [VECTOR_INT * 4 + 2], 0
        mov word [VECTOR_UD * 4], LOW(on_ud)
        mov word [VECTOR_UD * 4 + 2], 0
        int VECTOR_INT
        ud2
        mov ax, 0xFFFF                  ; the first 64 KiB above 1 MiB: the Multiboot header is at 1 MiB
        mov es, ax
        mov eax, [es:0x10]
        mov [RESULT(R_HIGH)], eax
        reached
        jmp from_real

; A timer interrupt is on its way; it ends HLT, through the real-mode vector table.
real_irq:
        call narrow_data
        mov word [VECTOR_TIMER * 4], LOW(on_irq)
        mov word [VECTOR_TIMER * 4 + 2], 0
        sti
        hlt
        cli
        reached
        jmp from_real

; DS still has the limit that it was given in protected mode.
unreal:
        probe
        probe_lapic
        mov dword [dword HIGH_RAM], MARK
        mov eax, [dword HIGH_RAM]
        mov [dword RESULT(R_HIGH)], eax
        reached
        jmp from_real

; Protected mode for a moment, again and again, without a far jump.
toggle:
        call narrow_data
        mov cx, TOGGLES
.again:
        mov eax, cr0
        or al, CR0_PE
        mov cr0, eax
        out PORT_QUIET, al
        and al, ~CR0_PE
        mov cr0, eax
        out PORT_QUIET, al
        smsw ax
        test al, CR0_PE
        jnz .wrong
        loop .again
        reached
.wrong:
        jmp from_real

; DS gets base 0 and a limit of 64 KiB, by way of protected mode.
narrow_data:
        mov eax, cr0
        or al, CR0_PE
        mov cr0, eax
        mov bx, SEL_DATA16
        mov ds, bx
        and al, ~CR0_PE
        mov cr0, eax
        xor bx, bx
        mov ds, bx
        ret

on_int:
        mov dword [RESULT(R_INT)], MARK
        iret
on_ud:
        mov dword [RESULT(R_UD)], MARK
        push bp
        mov bp, sp
        add word [bp + 2], 2            ; behind UD2
        pop bp
        iret
on_irq:
        mov dword [RESULT(R_IRQ)], MARK
        mov al, PIC_EOI
        out PIC_MASTER, al
        iret

        align 4
real_idt:
        dw 0x3FF
        dd 0

        section .bss align=16
saved_rsp:  resq 1
saved_cr3:  resq 1
saved_cr4:  resq 1
saved_idt:  resb 16
saved_esp:  resd 1
