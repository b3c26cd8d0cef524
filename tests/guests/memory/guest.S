// SPDX-License-Identifier: GPL-2.0-only
// The guest: x0 to x1, a word into each 4 KiB, its own address plus x3; then a store to x2, where nothing is.
	.section .rodata
	.global	memory_guest, memory_guest_end
	.balign	4
memory_guest:
	add	x4, x0, x3
	str	x4, [x0]
	add	x0, x0, #0x1000
	cmp	x0, x1
	b.lo	memory_guest
	str	x0, [x2]
	b	.
memory_guest_end:
	.section .note.GNU-stack, "", %progbits
