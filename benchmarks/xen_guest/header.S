// SPDX-License-Identifier: GPL-2.0-only
// The header of an arm64 Image (Documentation/arch/arm64/booting.rst), linked in front of all else.

	.section .text.start, "ax"
	.global	image_start
image_start:
	b	_start
	.word	0
	.quad	0			// text_offset
	.quad	stack1_top - image_start
	.quad	2			// little-endian, 4 KiB pages
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0
