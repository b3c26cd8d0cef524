// SPDX-License-Identifier: GPL-2.0-only
// The smallest hypervisor there is: an HVC from L2 is answered by ERET.

	.text
	.balign	0x800
	.global	minimal_vectors
minimal_vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	.if	n == 8
	cbnz	x3, 1f
	eret
	.endif
1:	b	vectors + n * 0x80
	.set	n, n + 1
	.endr

	// ERET to L2, whose first instruction is an HVC; the time up to its vector. L2 changes no register.
	.balign	0x80
	.global	eret_and_hvc
eret_and_hvc:
	mov	x4, #0x3c5		// EL1h, all masked
	adr	x5, l2_hvc
	mov	x3, #1
	b	1f
	// ERET to the instruction behind it, at EL2.
	.global	eret_to_self
eret_to_self:
	mov	x3, #1
	b	2f
	// All but the ERET.
	.global	no_eret
no_eret:
	mov	x3, #0
2:	mov	x4, #0x3c9		// EL2h
	adr	x5, 3f
1:	adr	x6, round_trip_vectors
	mrs	x7, vbar_el2
	msr	spsr_el2, x4
	msr	elr_el2, x5
	msr	vbar_el2, x6
	isb
	mrs	x1, cntvct_el0
	cbz	x3, 3f
	eret
3:	isb
	mrs	x2, cntvct_el0
	msr	vbar_el2, x7
	isb
	sub	x0, x2, x1
	ret

	.balign	0x800
round_trip_vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	.if	n == 8
	b	3b
	.else
	b	vectors + n * 0x80
	.endif
	.set	n, n + 1
	.endr
