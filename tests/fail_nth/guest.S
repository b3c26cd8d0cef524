// SPDX-License-Identifier: GPL-2.0-only
// A guest at EL1 with its MMU off: writes to a number of addresses, then says so by a store where no memory is; then the
// same again. Position-independent.
	.section .rodata
	.global	touch_begin, touch_end, stolen_begin, stolen_end
	.balign	4
touch_begin:			// x0: how many, x1: the first, x2: from one to the next, x3: where no memory is
	mov	x4, x0
	mov	x5, x1
1:	cbz	x4, 2f
	str	x5, [x5]
	add	x5, x5, x2
	sub	x4, x4, #1
	b	1b
2:	str	x5, [x3]
	b	touch_begin
touch_end:
stolen_begin:			// x0: an SMCCC function, x3: where no memory is; its answer is stored there
	mov	x19, x3			// an SMCCC call may leave results in x0 to x3
	hvc	#0
	str	x0, [x19]
	b	.
stolen_end:
	.section .note.GNU-stack, "", %progbits
