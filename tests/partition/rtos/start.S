// SPDX-License-Identifier: GPL-2.0-only
// The RTOS's first instructions, its vectors, and the switch between its two tasks.
#include "../../guests/bare/pairs.inc"

	.section .text.start, "ax"
	.global	_start
_start:
	msr	spsel, #1
	adrp	x1, stack0_top
	mov	sp, x1
	adr	x1, rtos_vectors
	msr	vbar_el1, x1
	isb
	bl	rtos_main
	b	.

// All that a task has, on its own stack; `choose` gets the stack pointer and gives the one of the task that goes on.
	.macro	frame op
	\op	x0, x1, [sp]
	pairs	\op, sp, 16, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
	pairs	\op, sp, 128, x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29
	.endm
	.macro	switch_by choose
	sub	sp, sp, #272
	frame	stp
	mrs	x0, elr_el1
	stp	x30, x0, [sp, #240]
	mrs	x0, spsr_el1
	str	x0, [sp, #256]
	mov	x0, sp
	bl	\choose
	mov	sp, x0
	b	go_on
	.endm

	.text
go_on:
	ldr	x0, [sp, #256]
	msr	spsr_el1, x0
	ldp	x30, x0, [sp, #240]
	msr	elr_el1, x0
	frame	ldp
	add	sp, sp, #272
	eret

task_waits:
	switch_by rtos_wait
tick_taken:
	switch_by rtos_tick

// start_first(stack pointer of a frame as above)
	.global	start_first
start_first:
	mov	sp, x0
	b	go_on

// What the RTOS does not expect ends at the hypervisor.
	.macro	entry target
	.balign	0x80
	b	\target
	.endm
	.balign	0x800
rtos_vectors:
	.rept	4
	entry	lost
	.endr
	entry	task_waits	// SVC of a task
	entry	tick_taken	// IRQ
	.rept	10
	entry	lost
	.endr
lost:
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	hvc	#1
	b	.
