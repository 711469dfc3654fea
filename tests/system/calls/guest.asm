; SPDX-License-Identifier: BSD-2-Clause
;
; Real-mode code for the guests of vcpu.c and exits.c. It is copied to guest-physical 1000h and runs
; with all segment bases 0. Each piece begins at a symbol of its own and says what it wants by
; VMCALL.

bits 16

%define NO_MEMORY       0x2000          ; segment behind the guest's memory
%define RESULT          0x500
%define INTERRUPTS      0x510
%define COUNTER         0x6000
%define VECTOR          0x20
%define MSR_STAR        0xC0000081
%define MSR_UNKNOWN     0x12345678
%define LEAF            0x40
%define TURNS           3000

section .rodata align=16
global guest_code, guest_code_end
guest_code:

; One exit of each kind, in the order that exits.c expects.
global guest_tour, guest_after_ept
guest_tour:
        mov     eax, LEAF
        cpuid
        mov     [RESULT], eax
        in      al, 0x60
        mov     [RESULT + 4], al
        mov     al, 0x55
        out     0x80, al
        mov     dx, 0x1234
        in      eax, dx
        mov     [RESULT + 8], eax
        hlt
        mov     cx, NO_MEMORY
        mov     es, cx
        mov     al, [es:0x10]
guest_after_ept:
        mov     ecx, MSR_UNKNOWN
        rdmsr
        mov     ecx, MSR_UNKNOWN
        wrmsr
        mov     eax, cr0
        xor     eax, 8                  ; CR0.TS
        mov     cr0, eax
        vmcall
        jmp     $

global guest_spin
guest_spin:
        jmp     $

; VMCALL for ever, with a count in EBX.
global guest_calls
guest_calls:
        inc     ebx
        vmcall
        jmp     guest_calls

; Counts in memory for ever.
global guest_count
guest_count:
        inc     dword [COUNTER]
        jmp     guest_count

; Takes interrupts at VECTOR: the first VMCALL comes with them disabled.
global guest_interrupts, guest_interrupt
guest_interrupts:
        cli
        vmcall
        sti
        nop
        nop
        jmp     $
guest_interrupt:
        inc     dword [INTERRUPTS]
        vmcall
        iret

; EBX: a value that STAR keeps, whoever runs in between.
global guest_msr
guest_msr:
        mov     ecx, MSR_STAR
        mov     eax, ebx
        xor     edx, edx
        wrmsr
        mov     esi, TURNS
.loop:
        rdmsr
        cmp     eax, ebx
        jne     .end
        dec     esi
        jnz     .loop
.end:
        vmcall                          ; ESI = turns left
        jmp     $

; EBX: a value that XMM3 keeps.
global guest_fpu
guest_fpu:
        movd    xmm3, ebx
        vmcall
        movd    eax, xmm3
        vmcall
        mov     esi, TURNS
.loop:
        movd    eax, xmm3
        cmp     eax, ebx
        jne     .end
        dec     esi
        jnz     .loop
.end:
        vmcall                          ; ESI = turns left
        jmp     $

guest_code_end:

section .note.GNU-stack noalloc noexec nowrite progbits
