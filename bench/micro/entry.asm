; SPDX-License-Identifier: BSD-2-Clause
;
; entry.h says what these are. A round of a guest: the TSC, the instruction that exits, the TSC again.

bits 64
default rel

%define BH_CALL_REPLY           1
%define BH_DESC_WORDS_SHIFT     16
%define PAGE_SIZE               4096

section .text.entry_echo progbits alloc exec nowrite align=64
global entry_echo:function
entry_echo:
        mov     edi, r11d
        shl     edi, BH_DESC_WORDS_SHIFT
        add     edi, BH_CALL_REPLY
        mov     rcx, rsp
        sysenter

; %1: name of the guest, %2: the instruction, or nothing
%macro guest 1-2
global entry_guest_%1
entry_guest_%1:
        mov     ebp, -1
%%round:
        rdtsc
        mov     esi, eax
        %2
        rdtsc
        sub     eax, esi
        cmp     eax, ebp
        jae     %%next
        mov     ebp, eax
%%next:
        dec     edi
        jnz     %%round
        hlt
%endmacro

section .text.entry_guest progbits alloc exec nowrite align=PAGE_SIZE
bits 16
global entry_guest_page
entry_guest_page:
guest empty
guest cpuid, cpuid
guest out, {out 0x80, al}
        times PAGE_SIZE - ($ - entry_guest_page) hlt

section .note.GNU-stack noalloc noexec nowrite progbits
