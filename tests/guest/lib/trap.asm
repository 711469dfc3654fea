; SPDX-License-Identifier: BSD-2-Clause
; Entries of all 256 vectors, each ENTRY_SIZE bytes from trap_entries on, and the two halves of trap_try: the call, and the
; place where trap.c lets a caught exception return to. struct trap_frame in trap.h is the layout of what is pushed.
; Manual: SDM volume 3, "Exception and Interrupt Handling in 64-bit Mode".

%include "tests/guest/lib/selectors.inc"

ENTRY_SIZE           equ 16
TRAP_NONE           equ 256
TRAP_USER_RETURN    equ 0x81
RFLAGS_FIXED        equ 2
USER_STACK_SIZE     equ 4096
ERROR_CODES         equ 0x60227D00      ; vectors that push one: 8, 10-14, 17, 21, 29, 30

        extern trap_dispatch
        global trap_entries, trap_try, trap_recover, trap_recovery_stack, trap_recovery_vector, trap_enter_user

        section .text
        bits 64
        align ENTRY_SIZE
trap_entries:
%assign vector 0
%rep 256
        align ENTRY_SIZE
%if vector >= 32 || (ERROR_CODES & (1 << vector)) == 0
        push strict byte 0
%endif
        push strict dword vector
        jmp near save_and_dispatch
%assign vector vector + 1
%endrep

save_and_dispatch:
        push rax
        push rcx
        push rdx
        push rbx
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
        mov rdi, rsp
        mov rbx, rsp
        and rsp, -16
        cld
        call trap_dispatch
        mov rsp, rbx
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rbp
        pop rbx
        pop rdx
        pop rcx
        pop rax
        add rsp, 16                     ; vector and error code
        iretq

; unsigned trap_try(void (*function)(void *), void *argument)
trap_try:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        push qword [trap_recovery_stack]
        mov [trap_recovery_stack], rsp
        mov rax, rdi
        mov rdi, rsi
        call rax
        mov eax, TRAP_NONE
leave_try:
        pop qword [trap_recovery_stack]
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

; trap.c returns here with RSP as trap_try has left it.
trap_recover:
        cld
        mov eax, [trap_recovery_vector]
        jmp leave_try

; void trap_enter_user(void *call): call[0] is a function, call[1] its argument. Does not return, but by trap_try.
trap_enter_user:
        mov rax, user_stack_top - 8
        mov qword [rax], user_return
        push SEL_USER_DATA
        push rax
        push RFLAGS_FIXED
        push SEL_USER_CODE64
        push qword [rdi]
        mov rdi, [rdi + 8]
        iretq

user_return:
        int TRAP_USER_RETURN

        section .bss align=16
        resb USER_STACK_SIZE
user_stack_top:
trap_recovery_stack:
        resq 1                          ; 0: no trap_try is active
trap_recovery_vector:
        resq 1
