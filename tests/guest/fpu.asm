; SPDX-License-Identifier: BSD-2-Clause
; Code for fpu.c: loads a whole image of the extended state, leaves the guest in different ways, and saves what is there
; then. Nothing in between touches a vector or x87 register.

PORT_QUIET          equ 0x80
LAPIC_ID            equ 0xFEE00020
EXITS               equ 50

        section .text
        bits 64

        global fpu_round, fpu_xload, fpu_xsave
; void fpu_round(const void *in, void *out, void (*between)(void)): FXRSTOR, between, FXSAVE
fpu_round:
        push rbx
        mov rbx, rsi
        fxrstor64 [rdi]
        call rdx
        fxsave64 [rbx]
        pop rbx
        ret

; void fpu_xload(const void *in, uint64_t mask)
fpu_xload:
        mov eax, esi
        mov rdx, rsi
        shr rdx, 32
        xrstor64 [rdi]
        ret

; void fpu_xsave(void *out, uint64_t mask)
fpu_xsave:
        mov eax, esi
        mov rdx, rsi
        shr rdx, 32
        xsave64 [rdi]
        ret

        global leave_cpuid, leave_out, leave_mmio, leave_halt
leave_cpuid:
        push rbx
        mov r8d, EXITS
.again: xor eax, eax
        cpuid
        dec r8d
        jnz .again
        pop rbx
        ret
leave_out:
        mov r8d, EXITS
.again: out PORT_QUIET, al
        dec r8d
        jnz .again
        ret
leave_mmio:
        mov r8d, EXITS
        mov r9d, LAPIC_ID
.again: mov eax, [r9]
        dec r8d
        jnz .again
        ret
leave_halt:                             ; an interrupt is on its way
        sti
        hlt
        cli
        ret

        global fpu_init, fpu_store_control, load_mxcsr, x87_error, sse_error, avx_instruction, do_xsetbv
fpu_init:
        fninit
        ret
fpu_store_control:                      ; (uint16_t *control, uint16_t *status)
        fnstcw [rdi]
        fnstsw [rsi]
        ret
load_mxcsr:                             ; (const uint32_t *)
        ldmxcsr [rdi]
        ret
x87_error:                              ; 1 / 0 with all exceptions unmasked
        push 0x0340
        fninit
        fldcw [rsp]
        add rsp, 8
        fld1
        fldz
        fdivp
        fwait
        ret
sse_error:                              ; 0 / 0 with the invalid-operation exception unmasked
        push 0x1F00
        ldmxcsr [rsp]
        add rsp, 8
        xorps xmm0, xmm0
        divss xmm0, xmm0
        ret
avx_instruction:
        vxorps ymm0, ymm0, ymm0
        ret
do_xsetbv:                              ; (const uint64_t pair[2]): index, value
        mov ecx, [rdi]
        mov eax, [rdi + 8]
        mov edx, [rdi + 12]
        xsetbv
        ret
