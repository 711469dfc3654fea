; SPDX-License-Identifier: BSD-2-Clause
;
; Instructions that may fault. Before each, R12 holds where the fault portal lets the thread go on
; (fault.c); the functions then return 1, and 0 when nothing happened. Also: registers and extended state.

bits 64
default rel

%define BH_CALL_NULL    0               ; enum bh_call
%define NON_CANONICAL   0x8000000000000000
%define KERNEL_HALF     0x0000800000000000
%define FCW_PATTERN     0x27F           ; differs from the reset value 37Fh in precision control

global probe_code
global probe_code_end

; R12 is preserved by system calls and by no instruction below changed: it holds where to go on.
%macro probe_begin 1
global %1:function
%1:
        push    r12
        lea     r12, [.fault]
%endmacro

%macro probe_end 0
        pop     r12
        xor     eax, eax
        ret
.fault:
        pop     r12
        mov     eax, 1
        ret
%endmacro

; name, instruction that may fault
%macro probe 2+
        probe_begin %1
        %2
        probe_end
%endmacro

section .text
probe_code:
        probe probe_read, mov rax, [rdi]
        probe probe_write, mov [rdi], rsi
        probe probe_ud, ud2
        probe probe_breakpoint, int3
        probe probe_privileged, hlt
        probe probe_port, in al, 0x80
        probe probe_syscall, syscall

        probe_begin probe_non_canonical
        mov     rax, NON_CANONICAL
        mov     rax, [rax]
        probe_end

        probe_begin probe_divide
        xor     ecx, ecx
        xor     edx, edx
        mov     eax, 1
        div     rcx
        probe_end

global probe_execute:function
probe_execute:
        push    r12
        lea     r12, [.fault]
        call    rdi
        pop     r12
        xor     eax, eax
        ret
.fault:
        add     rsp, 8                  ; the return address of the call
        pop     r12
        mov     eax, 1
        ret

; The kernel makes the address canonical; it lies in the kernel's half, where user level faults.
        probe_begin probe_bad_return
        mov     edi, BH_CALL_NULL
        mov     rcx, rsp
        mov     rdx, KERNEL_HALF
        sysenter
        probe_end

global probe_flags:function
probe_flags:
        push    r12
        lea     r12, [.fault]
        ud2
.fault:
        pushfq
        pop     rax
        pop     r12
        ret

probe_code_end:

; RDI = descriptor
global call_preserves:function
call_preserves:
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        mov     rbx, 0x11111111
        mov     rbp, 0x22222222
        mov     r12, 0x33333333
        mov     r13, 0x44444444
        mov     r14, 0x55555555
        mov     r15, 0x66666666
        mov     rcx, rsp
        lea     rdx, [.back]
        sysenter
%macro count_if_not 2
        xor     ecx, ecx
        cmp     %1, %2
        setne   cl
        add     eax, ecx
%endmacro
.back:
        xor     eax, eax
        count_if_not rbx, 0x11111111
        count_if_not rbp, 0x22222222
        count_if_not r12, 0x33333333
        count_if_not r13, 0x44444444
        count_if_not r14, 0x55555555
        count_if_not r15, 0x66666666
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

global fpu_fill:function
fpu_fill:
        movq    xmm0, rdi
        punpcklqdq xmm0, xmm0
%assign i 1
%rep 15
        mov     rax, rdi
        add     rax, i
        movq    xmm %+ i, rax
        punpcklqdq xmm %+ i, xmm %+ i
%assign i i + 1
%endrep
        push    FCW_PATTERN
        fldcw   [rsp]
        add     rsp, 8
        ret

global fpu_check:function
fpu_check:
        xor     eax, eax
%assign i 0
%rep 16
        movq    rcx, xmm %+ i
        lea     rdx, [rdi + i]
        cmp     rcx, rdx
        setne   r8b
        movzx   r8d, r8b
        add     eax, r8d
%assign i i + 1
%endrep
        push    0
        fnstcw  [rsp]
        pop     rcx
        cmp     ecx, FCW_PATTERN
        setne   cl
        movzx   ecx, cl
        add     eax, ecx
        ret

global fpu_zero:function
fpu_zero:
        xor     eax, eax
%assign i 0
%rep 16
        movq    rcx, xmm %+ i
        test    rcx, rcx
        setne   r8b
        movzx   r8d, r8b
        add     eax, r8d
%assign i i + 1
%endrep
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
