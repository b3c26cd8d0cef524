// SPDX-License-Identifier: GPL-2.0-only
// First instructions of a vCPU, at EL1 or EL2. The vectors are payload_main's to set.

	.section .text.start, "ax"
	.global _start
_start:				// vCPU 0: x0 = what to do, as payload_main knows it
	mov	x19, x0
	mov	x20, #0
	adrp	x1, stack0_top
	b	1f
	.global second_start
second_start:			// vCPU 1, by CPU_ON: x0 = its context
	mov	x19, x0
	mov	x20, #1
	adrp	x1, stack1_top
1:	msr	spsel, #1
	mov	sp, x1
	mov	x0, x20
	mov	x1, x19
	bl	payload_main
2:	wfi
	b	2b
