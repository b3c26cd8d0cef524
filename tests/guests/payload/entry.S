// SPDX-License-Identifier: GPL-2.0-only
// EL2's vectors, and the way into L2 and back.

// An exception to EL2 stores everything in the frame and returns from enter_l2 or enter_el2 as if they had ended.
	.macro	vector offset
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\offset
	b	taken
	.endm

	.text
	.balign	0x800
	.global	vectors
vectors:
	.irp	n, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
	vector	\n
	.endr
	.irp	n, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
	vector	\n
	.endr

	.balign	0x80
taken:
	mrs	x0, tpidr_el2
	ldr	x0, [x0, #8]		// PerCpu::frame
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
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

	.macro	save
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mrs	x9, tpidr_el2
	mov	x10, sp
	str	x10, [x9]
	.endm

resume:
	mrs	x9, tpidr_el2
	str	xzr, [x9]
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
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

// enter_el2(function)
	.global	enter_el2
enter_el2:
	save
	blr	x0
	b	resume
