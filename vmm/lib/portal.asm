; SPDX-License-Identifier: BSD-2-Clause
;
; Where portal handlers begin (docs/kernel-interface.md, "Messages"). In: RDI = portal id; RSI, RAX,
; R8, R9, R10 = message; R11 = UTCB words; RSP = as it was when the handler waited last, 16-byte
; aligned. A reply leaves RSP there again, in RCX. portal.h checks the constants.

bits 64
default rel

%define BH_CALL_REPLY           1
%define BH_DESC_FLAGS_SHIFT     8
%define BH_DESC_WORDS_SHIFT     16
%define MSG_SIZE                48      ; struct bh_msg
%define MSG_WORDS               40

global portal_entry:function
global exit_entry:function
global thread_entry:function
extern portal_dispatch
extern exit_handler

; A section for each, so that a program that does not use one need not provide what it calls.

; Messages: struct bh_msg lives on the handler's stack.
section .text.portal_entry progbits alloc exec nowrite align=16
portal_entry:
        sub     rsp, MSG_SIZE
        mov     [rsp], rsi
        mov     [rsp + 8], rax
        mov     [rsp + 16], r8
        mov     [rsp + 24], r9
        mov     [rsp + 32], r10
        mov     [rsp + MSG_WORDS], r11
        mov     rsi, rsp
        call    portal_dispatch
        mov     edi, [rsp + MSG_WORDS]
        shl     edi, BH_DESC_WORDS_SHIFT
        shl     eax, BH_DESC_FLAGS_SHIFT
        lea     edi, [rdi + rax + BH_CALL_REPLY]
        mov     rsi, [rsp]
        mov     rax, [rsp + 8]
        mov     r8, [rsp + 16]
        mov     r9, [rsp + 24]
        mov     r10, [rsp + 32]
        lea     rcx, [rsp + MSG_SIZE]
        sysenter

; VM exits, the hot path: RDI already is the handler's argument, RSI the exit reason.
section .text.exit_entry progbits alloc exec nowrite align=16
exit_entry:
        call    [exit_handler + rsi * 8]
        mov     esi, eax
        mov     edi, BH_CALL_REPLY
        mov     rcx, rsp
        sysenter

; Threads: the function and its argument lie on the stack (thread_prepare).
section .text.thread_entry progbits alloc exec nowrite align=16
thread_entry:
        pop     rax
        pop     rdi
        xor     ebp, ebp                ; ends the chain of frames
        call    rax
        ud2                             ; the function does not return

section .note.GNU-stack noalloc noexec nowrite progbits
