// SPDX-License-Identifier: GPL-2.0-only
	.section .rodata
	.global	payload_begin, payload_end
payload_begin:
	.incbin	"payload.bin"
payload_end:
	.section .note.GNU-stack, "", %progbits
