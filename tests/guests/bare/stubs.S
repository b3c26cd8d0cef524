// SPDX-License-Identifier: GPL-2.0-only
// L2's vectors, and the pieces of L2 that several cases use.

	.section .text.l2, "ax"

	// Entry n says so to EL2: HVC #0x1000 + n. It changes no register.
	.global	l2_vectors
	.balign	0x800
l2_vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	hvc	#(0x1000 + n)
	b	.
	.set	n, n + 1
	.endr

	.macro	stub name
	.balign	16
	.global	\name
\name:
	.endm
	.macro	done
	hvc	#7
	b	.
	.endm

	stub	l2_hvc
	done
	stub	l2_load
	ldr	w0, [x3]
	done
	stub	l2_store
	str	w0, [x3]
	done
	stub	l2_spin
	b	.
	stub	l2_svc
	svc	#0x2a
	done
	stub	l2_wfi
	wfi
	done
	stub	l2_ack_eoi
	mrs	x0, icc_iar1_el1
	isb
	msr	icc_eoir1_el1, x0
	isb
	done
	stub	l2_ack
	mrs	x0, icc_iar1_el1
	isb
	done
	stub	l2_end
	msr	icc_eoir1_el1, x0
	isb
	done
	stub	l2_undefined
	udf	#0
	done
	stub	l2_read_tpidr_el2
	mrs	x0, tpidr_el2
	done
	stub	l2_write_tpidr_el2
	msr	tpidr_el2, x1
	done
