// SPDX-License-Identifier: GPL-2.0-only
// First instructions at EL1 or EL2, and the vectors of both: with E2H the EL1 names reach EL2's registers.

	.section .text.start, "ax"
	.global _start
_start:				// vCPU 0: x0 = operation and samples
	mov	x19, x0
	mov	x20, #0
	adrp	x1, stack0_top
	b	1f
	.global second_start
second_start:			// vCPU 1, by CPU_ON: x0 = its context
	mov	x19, x0
	mov	x20, #1
	adrp	x1, stack1_top
1:	msr	spsel, #1
	mov	sp, x1
	adr	x1, own_vectors
	mrs	x2, currentel
	cmp	x2, #2 << 2
	b.eq	2f
	msr	vbar_el1, x1
	b	3f
2:	msr	vbar_el2, x1
3:	isb
	mov	x0, x20
	mov	x1, x19
	bl	payload_main
4:	wfi
	b	4b

	.text
	.balign	0x800
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

	.balign	0x80
take_interrupt:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	bl	on_interrupt
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x30, [sp, #144]
	ldp	x0, x1, [sp], #176
	eret
