/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt vectors.
 */
#pragma once

#define VECTOR_NM         7u
#define VECTOR_DB         1u
#define VECTOR_NMI        2u
#define VECTOR_DF         8u
#define VECTOR_GP         13u
#define VECTOR_PF         14u
#define VECTOR_MC         18u
#define VECTOR_EXCEPTIONS 32u
#define VECTOR_8259       0x20u /* spurious interrupts of the masked 8259s */
#define VECTOR_IRQ        0x30u /* first device interrupt */
#define VECTOR_IRQS       0xB0u /* so many */
#define VECTOR_TIMER      0xF0u
#define VECTOR_REMOTE     0xF1u /* work from another CPU: wake, kill, hazard */
#define VECTOR_QUIESCE    0xF2u /* reclamation asks whether this CPU has been outside the kernel */
#define VECTOR_FLUSH      0xF3u /* translations have been taken away */
#define VECTOR_SPURIOUS   0xFFu
