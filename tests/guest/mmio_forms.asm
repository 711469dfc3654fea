; SPDX-License-Identifier: BSD-2-Clause
; Instruction forms for mmio.c. Each is code that works on the memory at RDI (64 bit), EDI (32 bit) or DS:DI (16 bit, the
; segment's base is the page) and returns; it runs once on RAM and once on a device page, and registers, flags and memory
; must come out alike. A form may use R11 and leave RDI changed; both are not compared. ECX is 3 at the start. 16-bit code
; is copied below 64 KiB with all of guest.ld's low sections, and must not depend on where it is.
; Table entry: code, name, bytes accessed, flags that the manual leaves undefined.

CF                  equ 1 << 0
PF                  equ 1 << 2
AF                  equ 1 << 4
ZF                  equ 1 << 6
SF                  equ 1 << 7
OF                  equ 1 << 11
NONE                equ 0
SHIFT               equ AF | OF         ; by more than one
BIT                 equ OF | SF | AF | PF
MULTIPLY            equ SF | ZF | AF | PF

        global mmio_forms_64, mmio_forms_32, mmio_forms_16

; form_64|32|16 name, bytes, undefined flags, code
%macro form_64 4+
        section .rodata
%%name: db %1, 0
        section .forms_64 progbits alloc noexec write align=8
        dq %%code, %%name, %2, %3
        section .text
        bits 64
%%code: %4
        ret
%endmacro
%macro form_32 4+
        section .rodata
%%name: db %1, 0
        section .forms_32 progbits alloc noexec write align=8
        dq %%code, %%name, %2, %3
        section .text
        bits 32
%%code: %4
        ret
%endmacro
%macro form_16 4+
        section .rodata
%%name: db %1, 0
        section .forms_16 progbits alloc noexec write align=8
        dq %%code, %%name, %2, %3
        section .low_forms progbits alloc noexec nowrite align=16
        bits 16
%%code: %4
        ret
%endmacro
        section .forms_64 progbits alloc noexec write align=8
mmio_forms_64:
        section .forms_32 progbits alloc noexec write align=8
mmio_forms_32:
        section .forms_16 progbits alloc noexec write align=8
mmio_forms_16:

; The same code in 64- and 32-bit mode; MEM is the operand.
%macro both 4
%define MEM [rdi]
        form_64 %1, %2, %3, {%4}
%define MEM [edi]
        form_32 %1, %2, %3, {%4}
%undef MEM                              ; or the next line that uses this macro would expand it too early
%endmacro

        both "MOV r32, m", 4, NONE, {mov edx, MEM}
        both "MOV EAX, m", 4, NONE, {mov eax, MEM}
        both "MOV m, r32", 4, NONE, {mov MEM, edx}
        both "MOV m, imm32", 4, NONE, {mov dword MEM, 0x7ABCDEF1}
        both "MOV r8, m", 1, NONE, {mov dl, MEM}
        both "MOV high r8, m", 1, NONE, {mov dh, MEM}
        both "MOV r16, m", 2, NONE, {mov dx, MEM}
        both "MOV m, r8", 1, NONE, {mov MEM, dl}
        both "MOV m, r16", 2, NONE, {mov MEM, dx}
        both "MOV m, imm8", 1, NONE, {mov byte MEM, 0x5A}
        both "MOV m, imm16", 2, NONE, {mov word MEM, 0x5AA5}
        both "MOVZX r32, m8", 1, NONE, {movzx edx, byte MEM}
        both "MOVZX r32, m16", 2, NONE, {movzx edx, word MEM}
        both "MOVZX r16, m8", 1, NONE, {movzx dx, byte MEM}
        both "MOVSX r32, m8", 1, NONE, {movsx edx, byte MEM}
        both "MOVSX r32, m16", 2, NONE, {movsx edx, word MEM}

; mnemonic, undefined flags
%macro alu 2
%defstr mnemonic %1
%strcat text mnemonic, " m, r32"
        both text, 4, %2, {%1 MEM, edx}
%strcat text mnemonic, " r32, m"
        both text, 4, %2, {%1 edx, MEM}
%strcat text mnemonic, " m, imm8"
        both text, 4, %2, {%1 dword MEM, byte -3}
%strcat text mnemonic, " m, imm32"
        both text, 4, %2, {%1 dword MEM, 0x12345678}
%strcat text mnemonic, " r8, m"
        both text, 1, %2, {%1 dl, MEM}
%strcat text mnemonic, " m, r16"
        both text, 2, %2, {%1 MEM, dx}
%endmacro
        alu add, NONE
        alu or, AF
        alu adc, NONE
        alu sbb, NONE
        alu and, AF
        alu sub, NONE
        alu xor, AF
        alu cmp, NONE
        both "TEST m, r32", 4, AF, {test MEM, edx}
        both "TEST m, imm32", 4, AF, {test dword MEM, 0x12345678}
        both "TEST m, imm8", 1, AF, {test byte MEM, 0x81}

; mnemonic, undefined flags
%macro unary 2
%defstr mnemonic %1
%strcat text mnemonic, " m32"
        both text, 4, %2, {%1 dword MEM}
%strcat text mnemonic, " m8"
        both text, 1, %2, {%1 byte MEM}
%endmacro
        unary inc, NONE
        unary dec, NONE
        unary not, NONE
        unary neg, NONE

; mnemonic, undefined flags for a count of one, for another count
%macro shift 3
%defstr mnemonic %1
%strcat text mnemonic, " m, 1"
        both text, 4, %2, {%1 dword MEM, 1}
%strcat text mnemonic, " m, imm8"
        both text, 4, %3, {%1 dword MEM, 5}
%strcat text mnemonic, " m, CL"
        both text, 4, %3, {%1 dword MEM, cl}
%endmacro
        shift shl, AF, SHIFT
        shift shr, AF, SHIFT
        shift sar, AF, SHIFT
        shift rol, NONE, OF
        shift ror, NONE, OF

        both "XCHG m, r32", 4, NONE, {xchg MEM, edx}
        both "XCHG m, r8", 1, NONE, {xchg MEM, dl}
        both "XADD m, r32", 4, NONE, {xadd MEM, edx}
        both "LOCK XADD m, r32", 4, NONE, {lock xadd MEM, edx}
        both "CMPXCHG m, r32, unequal", 4, NONE, {cmpxchg MEM, edx}
        both "LOCK ADD m, imm8", 4, NONE, {lock add dword MEM, 5}
        both "LOCK OR m, imm8", 4, AF, {lock or dword MEM, 0x40}
        both "LOCK INC m", 4, NONE, {lock inc dword MEM}
        both "BT m, imm8", 4, BIT, {bt dword MEM, 7}
        both "BTS m, imm8", 4, BIT, {bts dword MEM, 3}
        both "BTR m, imm8", 4, BIT, {btr dword MEM, 31}
        both "BTC m, imm8", 4, BIT, {btc dword MEM, 16}
        both "BTS m, r32", 4, BIT, {bts MEM, ecx}
        both "LOCK BTS m, r32", 4, BIT, {lock bts MEM, ecx}
        both "IMUL r32, m", 4, MULTIPLY, {imul edx, MEM}
        both "IMUL r32, m, imm8", 4, MULTIPLY, {imul edx, MEM, 7}
        both "CMOVZ r32, m", 4, NONE, {cmovz edx, MEM}
        both "CMOVNZ r32, m", 4, NONE, {cmovnz edx, MEM}
        both "SETC m", 1, NONE, {setc byte MEM}

; Forms of several instructions are begun by this.
%macro form_begin 4 ; mode, name, bytes, undefined flags
        section .rodata
%%name: db %2, 0
        section .forms_%1 progbits alloc noexec write align=8
        dq %%code, %%name, %3, %4
%if %1 == 16
        section .low_forms progbits alloc noexec nowrite align=16
%else
        section .text
%endif
        bits %1
%%code:
%endmacro

        form_begin 64, "CMPXCHG m, r32, equal", 4, NONE
        mov eax, [rdi]
        lock cmpxchg [rdi], edx
        ret
        form_begin 64, "CMPXCHG8B m, unequal", 8, NONE
        cmpxchg8b [rdi]
        ret
        form_begin 64, "MOVSXD r64, m", 4, NONE
        movsxd rdx, dword [rdi]
        ret
        form_begin 64, "MOV r9d, m", 4, NONE
        mov r9d, [rdi]
        ret
        form_begin 64, "MOV m, r10d", 4, NONE
        mov [rdi], r10d
        ret
        form_begin 64, "MOV SIL, m", 1, NONE
        mov sil, [rdi]
        ret
        form_begin 64, "MOV r64, m", 8, NONE
        mov rdx, [rdi]
        ret
        form_begin 64, "MOV m, r64", 8, NONE
        mov [rdi], rdx
        ret
        form_begin 64, "MOV m64, imm32", 8, NONE
        mov qword [rdi], -7
        ret
        form_begin 64, "OR m, r64", 8, AF
        or [rdi], rdx
        ret
        form_begin 64, "ADD r64, m", 8, NONE
        add rdx, [rdi]
        ret
        form_begin 64, "XCHG m, r64", 8, NONE
        xchg [rdi], rdx
        ret
        form_begin 64, "PUSH m64", 8, NONE
        push qword [rdi]
        pop rdx
        ret
        form_begin 64, "POP m64", 8, NONE
        push rdx
        pop qword [rdi]
        ret

; Addressing modes.
        form_begin 64, "[base + disp8]", 4, NONE
        lea r11, [rdi - 0x10]
        mov edx, [r11 + 0x10]
        ret
        form_begin 64, "[base - disp32]", 4, NONE
        lea r11, [rdi + 0x1230]
        mov [r11 - 0x1230], edx
        ret
        form_begin 64, "[base + index * 4 + disp]", 4, NONE
        lea r11, [rdi - 4 * 3 - 0x40]
        mov edx, [r11 + rcx * 4 + 0x40]
        ret
        form_begin 64, "[index * 8 + disp32]", 4, NONE
        mov r11, rdi
        shr r11, 3
        mov edx, [r11 * 8 + 0]
        ret
        form_begin 64, "[RBP + 0]", 4, NONE
        push rbp
        mov rbp, rdi
        mov edx, [rbp]
        pop rbp
        ret
        form_begin 64, "[R13], [R12]", 4, NONE
        push r12
        push r13
        mov r12, rdi
        mov r13, rdi
        mov edx, [r13]
        mov [r12], ebx
        pop r13
        pop r12
        ret
        form_begin 64, "[RSP]", 4, NONE
        xchg rsp, rdi
        mov edx, [rsp]
        xchg rsp, rdi
        ret
        form_begin 64, "[EDI], 32-bit address", 4, NONE
        mov edx, [edi]
        ret
        form_begin 64, "redundant prefixes", 4, NONE
        db 0x3E, 0x2E, 0x26             ; DS, CS, ES: ignored in 64-bit mode
        mov edx, [rdi]
        ret

; String instructions, from the device, to the device, between two devices.
        form_begin 64, "LODSD", 4, NONE
        mov rsi, rdi
        lodsd
        sub rsi, rdi
        ret
        form_begin 64, "STOSD", 4, NONE
        mov r11, rdi
        stosd
        sub rdi, r11
        mov rdx, rdi
        ret
        form_begin 64, "MOVSD from the device", 4, NONE
        mov rsi, rdi
        mov r11, rdi
        lea rdi, [buffer]
        movsd
        mov edx, [buffer]
        sub rsi, r11
        ret
        form_begin 64, "MOVSD to the device", 4, NONE
        mov [buffer], edx
        lea rsi, [buffer]
        movsd
        xor esi, esi
        ret
        form_begin 64, "MOVSD backwards", 4, NONE
        mov [buffer], edx
        lea rsi, [buffer]
        mov r11, rdi
        std
        movsd
        cld
        sub rdi, r11
        mov rdx, rdi
        xor esi, esi
        ret
        form_begin 64, "SCASD", 4, NONE
        scasd
        ret
        form_begin 64, "CMPSD", 4, NONE
        mov [buffer], edx
        lea rsi, [buffer]
        cmpsd
        mov esi, 0
        ret
        form_begin 64, "REP STOSB", 3, NONE
        rep stosb
        ret
        form_begin 64, "REP LODSW", 6, NONE
        mov rsi, rdi
        rep lodsw
        sub rsi, rdi
        ret
        form_begin 64, "REP MOVSB from the device", 3, NONE
        mov rsi, rdi
        mov r11, rdi
        mov dword [buffer], 0
        lea rdi, [buffer]
        rep movsb
        mov edx, [buffer]
        sub rsi, r11
        ret
        form_begin 64, "REP MOVSQ to the device", 24, NONE
        lea rsi, [buffer]
        rep movsq
        xor esi, esi
        ret
        form_begin 64, "REPNE SCASB", 3, NONE
        mov al, 0x11
        repne scasb
        ret
        form_begin 64, "REP with count 0", 4, NONE
        xor ecx, ecx
        cmp ecx, ecx
        rep stosd
        ret

        form_begin 32, "CMPXCHG m, r32, equal", 4, NONE
        mov eax, [edi]
        lock cmpxchg [edi], edx
        ret
        form_begin 32, "PUSH m32", 4, NONE
        push dword [edi]
        pop edx
        ret
        form_begin 32, "POP m32", 4, NONE
        push edx
        pop dword [edi]
        ret
        form_begin 32, "MOV EAX, [EBP]", 4, NONE
        push ebp
        mov ebp, edi
        mov eax, [ebp]
        pop ebp
        ret
        form_begin 32, "[EDI + ECX * 4 + disp]", 4, NONE
        mov edx, [edi + ecx * 4 - 12]
        ret
        form_begin 32, "LODSD", 4, NONE
        mov esi, edi
        lodsd
        sub esi, edi
        ret
        form_begin 32, "STOSD", 4, NONE
        stosd
        ret
        form_begin 32, "REP STOSB", 3, NONE
        rep stosb
        ret
        form_begin 32, "INC and DEC with the short register forms near", 4, NONE
        inc edx                         ; 42: a REX prefix in 64-bit mode
        mov [edi], edx
        dec edx
        ret

; 16-bit code: DS:DI is the operand.
        form_16 "MOV r32, [DI]", 4, NONE, {mov edx, [di]}
        form_16 "MOV [DI], r32", 4, NONE, {mov [di], edx}
        form_16 "MOV r16, [DI]", 2, NONE, {mov dx, [di]}
        form_16 "MOV [DI], r16", 2, NONE, {mov [di], dx}
        form_16 "MOV r8, [DI]", 1, NONE, {mov dl, [di]}
        form_16 "MOV [DI], imm32", 4, NONE, {mov dword [di], 0x12345678}
        form_16 "OR [DI], r32", 4, AF, {or [di], edx}
        form_16 "ADD r32, [DI]", 4, NONE, {add edx, [di]}
        form_16 "XCHG [DI], r32", 4, NONE, {xchg [di], edx}
        form_16 "MOVZX r32, word [DI]", 2, NONE, {movzx edx, word [di]}
        form_16 "MOV r32, [EDI]", 4, NONE, {mov edx, [edi]}
        form_begin 16, "MOV r32, [BX + SI + disp8]", 4, NONE
        mov bx, di
        sub bx, 0x30
        mov si, 0x20
        mov edx, [bx + si + 0x10]
        xor bx, bx
        ret
        form_begin 16, "MOV [BX + DI], r32", 4, NONE
        xor bx, bx
        mov [bx + di], edx
        ret
        form_begin 16, "MOV r32, DS:[BP]", 4, NONE
        push bp
        mov bp, di
        mov edx, [ds:bp]
        pop bp
        ret
        form_begin 16, "LODSD", 4, NONE
        mov si, di
        lodsd
        sub si, di
        ret
        form_begin 16, "REP STOSW", 6, NONE
        rep stosw
        ret
        section .forms_64
        dq 0
        section .forms_32
        dq 0
        section .forms_16
        dq 0

        section .bss align=16
buffer:     resb 64
