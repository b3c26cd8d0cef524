// SPDX-License-Identifier: GPL-2.0-only
// The header of an arm64 Image (Documentation/arch/arm64/booting.rst), the first instructions and the vectors of EL1.

	.section .text.header, "ax"
	b	start
	.word	0
	.quad	0			// text_offset
	.quad	image_size
	.quad	2			// little-endian, 4 KiB pages
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0

	.text
start:					// EL1, MMU off, everything masked; x0 = device tree, which nobody needs
	msr	spsel, #1
	adrp	x1, stack_top
	mov	sp, x1
	adr	x1, vectors
	msr	vbar_el1, x1
	isb
	bl	guest_main
	b	.

	.balign	0x800
vectors:
	.set	n, 0
	.rept	16
	.balign	0x80
	mov	x0, #(n * 0x80)
	mrs	x1, esr_el1
	mrs	x2, elr_el1
	b	unexpected_exception
	.set	n, n + 1
	.endr
