// SPDX-License-Identifier: GPL-2.0-only
// EL2's vectors, and the way into L2 and back.
#include "pairs.inc"

// An exception to EL2 stores everything in the frame and returns from enter_l2 or enter_el2 as if they had ended.
	.text
	.balign	0x800
	.global	vectors
vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mov	x1, #(n * 0x80)
	b	taken
	.set	n, n + 1
	.endr

	.balign	0x80
taken:
	mrs	x0, tpidr_el2
	ldr	x0, [x0, #8]		// PerCpu::frame
	pairs	stp, x0, 16, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
	pairs	stp, x0, 128, x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29
	mrs	x2, esr_el2
	stp	x30, x1, [x0, #240]	// and the vector
	mrs	x3, elr_el2
	stp	x2, x3, [x0, #256]
	mrs	x2, spsr_el2
	mrs	x3, far_el2
	stp	x2, x3, [x0, #272]
	mrs	x2, hpfar_el2
	mrs	x3, nzcv		// nothing so far has changed PSTATE
	stp	x2, x3, [x0, #288]
	mrs	x2, daif
	mrs	x3, pan
	stp	x2, x3, [x0, #304]
	mrs	x2, spsel
	str	x2, [x0, #320]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0]
	mrs	x1, tpidr_el2
	ldr	x2, [x1]		// PerCpu::resume_sp
	cbz	x2, 1f
	mov	sp, x2
	b	resume
1:	bl	unexpected_exception	// x0 = frame
2:	b	2b

	.macro	kept op
	pairs	\op, sp, 16, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28
	.endm

	.macro	save
	stp	x29, x30, [sp, #-96]!
	kept	stp
	mrs	x9, tpidr_el2
	mov	x10, sp
	str	x10, [x9]
	.endm

resume:
	mrs	x9, tpidr_el2
	str	xzr, [x9]
	kept	ldp
	ldp	x29, x30, [sp], #96
	ret

// enter_l2(entry, spsr, x0, x1, x3)
	.global	enter_l2
enter_l2:
	save
	msr	elr_el2, x0
	msr	spsr_el2, x1
	mov	x0, x2
	mov	x1, x3
	mov	x3, x4
	.global	the_eret
the_eret:
	eret

// resume_l2(frame): as enter_l2, with all that the frame has of the general registers, PC and PSTATE.
	.global	resume_l2
resume_l2:
	save
	ldr	x1, [x0, #264]
	msr	elr_el2, x1
	ldr	x1, [x0, #272]
	msr	spsr_el2, x1
	ldr	x30, [x0, #240]
	pairs	ldp, x0, 16, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
	pairs	ldp, x0, 128, x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29
	ldp	x0, x1, [x0]
	eret

// enter_el2(function)
	.global	enter_el2
enter_el2:
	save
	blr	x0
	b	resume
