// SPDX-License-Identifier: GPL-2.0-only
// probe(entry, spsr, x0, outcome): run what is at `entry` until an exception comes to this level, EL1 or virtual EL2: with
// E2H, the names of EL1's registers are EL2's.

	.text
	.balign	0x800
	.global	census_vectors
census_vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	stp	x1, x2, [sp, #-16]!
	mov	x1, #n
	b	taken
	.set	n, n + 1
	.endr

	.balign	0x80
taken:
	adrp	x2, frame
	add	x2, x2, :lo12:frame
	ldr	x2, [x2]
	cbz	x2, 1f
	stp	x0, x1, [x2]
	mrs	x1, esr_el1
	mrs	x0, elr_el1
	stp	x1, x0, [x2, #16]
	add	sp, sp, #16
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	adrp	x2, frame
	str	xzr, [x2, :lo12:frame]
	ldp	x29, x30, [sp], #96
	ret
1:	mrs	x0, esr_el1
	mrs	x1, elr_el1
	bl	census_lost
2:	b	2b

	.global	probe
probe:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	adrp	x9, frame
	str	x3, [x9, :lo12:frame]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	mov	x0, x2
	isb
	eret

	.bss
	.balign	8
frame:	.skip	8
