/* SPDX-License-Identifier: GPL-2.0-only */
/* FP/SIMD registers to and from a FpState. Context: the caller owns them (nest_port_fpsimd_begin()). */
	.arch armv8-a+simd
	.section .noinstr.text, "ax"

#define FP_CONTROL 512				/* FPSR, FPCR */

	.macro each_pair op
	\op	q0, q1, [x0, #32 * 0]
	\op	q2, q3, [x0, #32 * 1]
	\op	q4, q5, [x0, #32 * 2]
	\op	q6, q7, [x0, #32 * 3]
	\op	q8, q9, [x0, #32 * 4]
	\op	q10, q11, [x0, #32 * 5]
	\op	q12, q13, [x0, #32 * 6]
	\op	q14, q15, [x0, #32 * 7]
	\op	q16, q17, [x0, #32 * 8]
	\op	q18, q19, [x0, #32 * 9]
	\op	q20, q21, [x0, #32 * 10]
	\op	q22, q23, [x0, #32 * 11]
	\op	q24, q25, [x0, #32 * 12]
	\op	q26, q27, [x0, #32 * 13]
	\op	q28, q29, [x0, #32 * 14]
	\op	q30, q31, [x0, #32 * 15]
	.endm

	.globl nest_fpsimd_save
	.hidden nest_fpsimd_save
	.type nest_fpsimd_save, %function
nest_fpsimd_save:
	hint	#34
	each_pair stp
	mrs	x1, fpsr
	mrs	x2, fpcr
	add	x0, x0, #FP_CONTROL
	stp	w1, w2, [x0]
	ret
	.size nest_fpsimd_save, . - nest_fpsimd_save

	.globl nest_fpsimd_load
	.hidden nest_fpsimd_load
	.type nest_fpsimd_load, %function
nest_fpsimd_load:
	hint	#34
	each_pair ldp
	add	x0, x0, #FP_CONTROL
	ldp	w1, w2, [x0]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
	.size nest_fpsimd_load, . - nest_fpsimd_load

	.section .note.GNU-stack, "", %progbits
