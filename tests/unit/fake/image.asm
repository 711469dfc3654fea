; SPDX-License-Identifier: BSD-2-Clause
; The kernel's image for host tests: the names that the link map defines, pages apart, and boot's page table. Nobody
; executes it; its first page serves as boot's PML4.

section .bss align=4096

global image_start, image_text, image_rodata, image_data, image_end
global boot_pd_high, boot_end

image_start:  resb 4096
image_text:   resb 4096 * 3
image_rodata: resb 4096 * 2
image_data:   resb 4096 * 4
image_end:
boot_pd_high: resb 4096
boot_end:     resb 4096

section .note.GNU-stack noalloc noexec nowrite progbits
