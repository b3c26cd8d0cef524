// SPDX-License-Identifier: GPL-2.0-only
// What of a guest is not random, copied to the start of its RAM: the way in, and vectors that bring it back to its code. The first
// vectors (VBAR_EL1) name EL1's registers, the second (VBAR_EL2) EL2's, which virtual EL2 has by these names with and without E2H.

	.section .rodata
	.balign	0x1000
	.global	guest_image, guest_image_end, guest_start, guest_eret
guest_image:

// The GIC's CPU interface on, then the code at kCode.
guest_start:
	mov	x28, #0xff
	msr	s3_0_c4_c6_0, x28	// ICC_PMR_EL1
	mov	x28, #1
	msr	s3_0_c12_c12_7, x28	// ICC_IGRPEN1_EL1
	isb
	b	guest_image + 0x10000

// Down to L2, as ELR_EL2 and SPSR_EL2 say.
guest_eret:
	eret

	.macro	vectors, el
	.balign	0x800
	.rept	4
	.balign	0x80
	b	skip_el\el
	.balign	0x80
	b	interrupt
	.balign	0x80
	b	interrupt
	.balign	0x80
	b	skip_el\el
	.endr

// Past the instruction; after a fetch that failed or an illegal state, to the code's beginning.
	.balign	0x80
skip_el\el:
	mrs	x28, esr_el\el
	lsr	x28, x28, #26
	and	x28, x28, #0x3e
	cmp	x28, #0x20		// EC 0x20, 0x21: a fetch
	b.eq	1f
	cmp	x28, #0x0e		// illegal execution state
	b.eq	2f
	cmp	x28, #0x22		// a PC that is not aligned
	b.eq	1f
	mrs	x28, elr_el\el
	add	x28, x28, #4
	msr	elr_el\el, x28
	and	x28, x28, #0xfc
	cmp	x28, #0x54		// at one of 64 instructions, whoever it was, on at this level
	b.eq	3f
	eret
2:	mrs	x28, spsr_el\el
	bic	x28, x28, #(1 << 20)
	msr	spsr_el\el, x28
	adr	x28, guest_image + 0x10000
	msr	elr_el\el, x28
	eret
// To its own code, as L2's would fail again: the tables are random.
1:	adr	x28, guest_image + 0x10000
	msr	elr_el\el, x28
3:	mrs	x28, currentel
	orr	x28, x28, #0x1		// EL1h, EL2h
	orr	x28, x28, #0x3c0
	msr	spsr_el\el, x28
	eret
	.endm

	vectors	1

interrupt:
	mrs	x28, s3_0_c12_c12_0	// ICC_IAR1_EL1
	msr	s3_0_c12_c12_1, x28	// ICC_EOIR1_EL1
	eret

	vectors	2
guest_image_end:
	.section .note.GNU-stack, "", %progbits
