// SPDX-License-Identifier: GPL-2.0-only
// The vectors that all but nested.cpp run with, of EL1 and EL2: with E2H the EL1 names reach EL2's registers.
#include "../../../tests/guests/bare/pairs.inc"

	.text
	.balign	0x800
	.global	own_vectors
own_vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	.if	n == 5			// IRQ, same level, SP_ELx
	stp	x0, x1, [sp, #-176]!
	mrs	x0, cntvct_el0
	b	take_interrupt
	.else
	mov	x0, #(n * 0x80)
	b	other_exception
	.endif
	.set	n, n + 1
	.endr

	// What a call may change, besides x0 and x1.
	.macro	clobbered op
	pairs	\op, sp, 16, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x30
	.endm

	.balign	0x80
take_interrupt:
	clobbered stp
	bl	on_interrupt
	clobbered ldp
	ldp	x0, x1, [sp], #176
	eret
