; SPDX-License-Identifier: BSD-2-Clause
;
; The first instructions of a user program. The kernel enters here with RDI = the program's
; information and no stack to rely on.

bits 64
default rel

%define STACK_SIZE 16384

global _start:function
extern program_main

section .text
_start:
        lea     rsp, [stack + STACK_SIZE]
        xor     ebp, ebp                ; ends the chain of frames
        call    program_main
        ud2                             ; program_main does not return

section .bss align=16
stack:  resb    STACK_SIZE

section .note.GNU-stack noalloc noexec nowrite progbits
