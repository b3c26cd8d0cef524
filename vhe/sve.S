/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SVE's registers to and from memory: Z0 to Z31, P0 to P15, FFR, each as long as ZCR_EL2 makes it for EL2 (vhe/sve_image.hpp).
 * Context: EL2 with CPTR_EL2.ZEN open, interrupts off; the caller owns the registers.
 */
	.arch armv8.2-a+sve
	.section .noinstr.text, "ax"

	.macro predicates_at to, image			/* behind 32 vectors */
	addvl	\to, \image, #31
	addvl	\to, \to, #1
	.endm

	.macro each_z op
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op	z\n, [x0, #\n, mul vl]
	.endr
	.endm

	.macro each_p op
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op	p\n, [x1, #\n, mul vl]
	.endr
	.endm

	.globl nest_sve_save
	.hidden nest_sve_save
	.type nest_sve_save, %function
nest_sve_save:
	hint	#34
	predicates_at x1, x0
	each_z	str
	each_p	str
	rdffr	p0.b
	str	p0, [x1, #16, mul vl]
	ret
	.size nest_sve_save, . - nest_sve_save

	.globl nest_sve_load
	.hidden nest_sve_load
	.type nest_sve_load, %function
nest_sve_load:
	hint	#34
	predicates_at x1, x0
	ldr	p0, [x1, #16, mul vl]
	wrffr	p0.b
	each_z	ldr
	each_p	ldr
	ret
	.size nest_sve_load, . - nest_sve_load

	.globl nest_sve_vector_bytes
	.hidden nest_sve_vector_bytes
	.type nest_sve_vector_bytes, %function
nest_sve_vector_bytes:
	hint	#34
	rdvl	x0, #1
	ret
	.size nest_sve_vector_bytes, . - nest_sve_vector_bytes

	.section .note.GNU-stack, "", %progbits
