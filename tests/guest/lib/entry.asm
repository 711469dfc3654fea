; SPDX-License-Identifier: BSD-2-Clause
; From a Multiboot 1 loader to 64-bit C: header, identity-mapped page tables for the first 4 GiB, descriptors, a stack.
; Everything at and above DEVICE_SPACE is mapped uncached. The tests' own excursions into other modes come back here
; through the same GDT, whose selectors lib/selectors.inc and lib/machine.h name.
; Manuals: Multiboot Specification 0.6.96 "OS image format"; SDM volume 3 "Initializing IA-32e Mode".

%include "tests/guest/lib/selectors.inc"

MULTIBOOT_MAGIC     equ 0x1BADB002
MULTIBOOT_ALIGN     equ 1 << 0          ; modules on page boundaries
MULTIBOOT_MEMORY    equ 1 << 1          ; memory information
MULTIBOOT_FLAGS     equ MULTIBOOT_ALIGN | MULTIBOOT_MEMORY

CR0_PE              equ 1 << 0
CR0_MP              equ 1 << 1
CR0_EM              equ 1 << 2
CR0_NE              equ 1 << 5
CR0_WP              equ 1 << 16
CR0_PG              equ 1 << 31
CR4_PAE             equ 1 << 5
CR4_OSFXSR          equ 1 << 9
CR4_OSXMMEXCPT      equ 1 << 10
MSR_EFER            equ 0xC0000080
EFER_LME            equ 1 << 8

PAGE_PRESENT        equ 1 << 0
PAGE_WRITE          equ 1 << 1
PAGE_WRITE_THROUGH  equ 1 << 3
PAGE_UNCACHED       equ 1 << 4
PAGE_LARGE          equ 1 << 7
PAGE_SIZE           equ 4096
LARGE_SHIFT         equ 21
DIRECTORIES         equ 4               ; one for each GiB
ENTRIES             equ 512
DEVICE_SPACE        equ 0xC0000000

STACK_SIZE          equ 32768

        extern main_start
        global entry, gdt, gdt_pointer, tss, page_tables, stack_top

        section .multiboot align=4
        dd MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS) & 0xFFFFFFFF

        section .text
        bits 32
entry:
        cli
        cld
        mov esp, stack_top
        mov ebp, eax                    ; the loader's magic
        mov esi, ebx                    ; its information structure

        mov edi, page_tables            ; PML4 -> PDPT -> four directories, which lie behind each other
        lea eax, [edi + PAGE_SIZE + (PAGE_PRESENT | PAGE_WRITE)]
        mov [edi], eax
        lea eax, [edi + 2 * PAGE_SIZE + (PAGE_PRESENT | PAGE_WRITE)]
        add edi, PAGE_SIZE
        mov ecx, DIRECTORIES
.directory:
        mov [edi], eax
        add edi, 8
        add eax, PAGE_SIZE
        loop .directory

        mov edi, page_tables + 2 * PAGE_SIZE
        mov eax, PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE
        mov ecx, DIRECTORIES * ENTRIES
.page:
        mov [edi], eax
        cmp eax, DEVICE_SPACE
        jb .cached
        or dword [edi], PAGE_WRITE_THROUGH | PAGE_UNCACHED
.cached:
        add edi, 8
        add eax, 1 << LARGE_SHIFT
        loop .page

        mov eax, page_tables
        mov cr3, eax
        mov eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
        mov cr4, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_LME
        wrmsr
        mov eax, cr0
        and eax, ~CR0_EM
        or eax, CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE
        mov cr0, eax
        lgdt [gdt_pointer]
        jmp SEL_CODE64:.long

        bits 64
.long:
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov fs, eax
        mov gs, eax
        mov edi, ebp
        mov esi, esi
        xor ebp, ebp
        call main_start
.never:
        hlt
        jmp .never

        section .data align=16
gdt:
        dq 0
        dq 0x00AF9B000000FFFF           ; SEL_CODE64
        dq 0x00CF93000000FFFF           ; SEL_DATA: flat, writable, 32-bit stack
        dq 0x00CF9B000000FFFF           ; SEL_CODE32: flat
        dq 0x00009B000000FFFF           ; SEL_CODE16: base 0, 64 KiB
        dq 0x000093000000FFFF           ; SEL_DATA16: base 0, 64 KiB, 16-bit stack
        dq 0x00AFFB000000FFFF           ; SEL_USER_CODE64
        dq 0x00CFF3000000FFFF           ; SEL_USER_DATA
        dq 0x00CFFB000000FFFF           ; SEL_USER_CODE32
        dq 0                            ; SEL_SPARE: for descriptors of a test
        dq 0, 0                         ; SEL_TSS: filled in by trap.c
gdt_end:

gdt_pointer:
        dw gdt_end - gdt - 1
        dq gdt

        section .bss align=4096
page_tables:
        resb (2 + DIRECTORIES) * PAGE_SIZE
tss:
        resb TSS_SIZE
        alignb 16
        resb STACK_SIZE
stack_top:
