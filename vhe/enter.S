/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into the guest and back: general registers, SP_EL0, PC and PSTATE, and pointer authentication's instruction key A,
 * which the host's own return addresses are signed with. Everything else is C++'s (world_switch.hpp).
 *
 * u64 nest_enter_guest(GuestContext *guest, const HostContext *host)
 * Context: EL2 with E2H; interrupts, SErrors and debug exceptions masked; HCR_EL2, VBAR_EL2 and the traps are the
 * guest's. Returns the index of the vector that the exit came through: 0 synchronous, 1 IRQ, 2 FIQ, 3 SError.
 */
#include <vhe/offsets.h>

#define FRAME_SIZE 128
#define FRAME_GUEST 96
#define FRAME_HOST_SP_EL0 112		/* and x18 behind it */

#define OWN_SYNC 4			/* the vector of a synchronous exception from EL2 itself, with SP_EL2 */

/* By encoding: the assembler's default architecture may not know the names. */
#define APIAKeyLo s3_0_c2_c1_0
#define APIAKeyHi s3_0_c2_c1_1

	.section .noinstr.text, "ax"
	.balign 64
	.globl nest_enter_guest
	.hidden nest_enter_guest
	.type nest_enter_guest, %function
nest_enter_guest:
	hint	#34				/* BTI c */
	/* x0 guest, x1 host; all callee-saved registers are the host's */
	stp	x29, x30, [sp, #-FRAME_SIZE]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x0, x1, [sp, #FRAME_GUEST]
	mrs	x2, sp_el0
	stp	x2, x18, [sp, #FRAME_HOST_SP_EL0]	/* a kernel with CONFIG_SHADOW_CALL_STACK has return addresses at x18 */

	ldp	x2, x3, [x0, #GUEST_PC]
	msr	elr_el2, x2
	msr	spsr_el2, x3
	ldr	x2, [x0, #GUEST_SP_EL0]
	msr	sp_el0, x2			/* no C from here on: the kernel's current is in SP_EL0 */
	ldr	x4, [x1, #HOST_FLAGS]
	tbz	x4, #HOST_HAS_PAUTH_BIT, 1f
	ldp	x2, x3, [x0, #GUEST_KEY_IA]
	msr	APIAKeyLo, x2
	msr	APIAKeyHi, x3
1:
	ldp	x2, x3, [x0, #GUEST_X(2)]
	ldp	x4, x5, [x0, #GUEST_X(4)]
	ldp	x6, x7, [x0, #GUEST_X(6)]
	ldp	x8, x9, [x0, #GUEST_X(8)]
	ldp	x10, x11, [x0, #GUEST_X(10)]
	ldp	x12, x13, [x0, #GUEST_X(12)]
	ldp	x14, x15, [x0, #GUEST_X(14)]
	ldp	x16, x17, [x0, #GUEST_X(16)]
	ldp	x18, x19, [x0, #GUEST_X(18)]
	ldp	x20, x21, [x0, #GUEST_X(20)]
	ldp	x22, x23, [x0, #GUEST_X(22)]
	ldp	x24, x25, [x0, #GUEST_X(24)]
	ldp	x26, x27, [x0, #GUEST_X(26)]
	ldp	x28, x29, [x0, #GUEST_X(28)]
	ldr	x30, [x0, #GUEST_X(30)]
	ldp	x0, x1, [x0]
	eret					/* synchronises every system register written since */
	dsb	nsh				/* no straight-line speculation past the ERET */
	isb
	.size nest_enter_guest, . - nest_enter_guest

/*
 * x1 vector index; the guest's x0 and x1 are on the stack, all other registers are the guest's.
 */
	.type leave_guest, %function
leave_guest:
	ldr	x0, [sp, #16 + FRAME_GUEST + 8]
	ldr	x0, [x0, #HOST_DEFENCE]
	cbnz	x0, defend			/* before the first indirect branch */
.Ldefended:
	ldr	x0, [sp, #16 + FRAME_GUEST]
	stp	x2, x3, [x0, #GUEST_X(2)]
	stp	x4, x5, [x0, #GUEST_X(4)]
	stp	x6, x7, [x0, #GUEST_X(6)]
	stp	x8, x9, [x0, #GUEST_X(8)]
	stp	x10, x11, [x0, #GUEST_X(10)]
	stp	x12, x13, [x0, #GUEST_X(12)]
	stp	x14, x15, [x0, #GUEST_X(14)]
	stp	x16, x17, [x0, #GUEST_X(16)]
	stp	x18, x19, [x0, #GUEST_X(18)]
	stp	x20, x21, [x0, #GUEST_X(20)]
	stp	x22, x23, [x0, #GUEST_X(22)]
	stp	x24, x25, [x0, #GUEST_X(24)]
	stp	x26, x27, [x0, #GUEST_X(26)]
	stp	x28, x29, [x0, #GUEST_X(28)]
	str	x30, [x0, #GUEST_X(30)]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0]

	/* x0 guest, x1 vector index; the guest's registers are all in memory, sp is the host's frame */
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x0, #GUEST_PC]
	mrs	x2, sp_el0
	str	x2, [x0, #GUEST_SP_EL0]
	ldr	x5, [sp, #FRAME_GUEST + 8]
	ldr	x4, [x5, #HOST_FLAGS]
	tbz	x4, #HOST_HAS_PAUTH_BIT, 1f
	mrs	x2, APIAKeyLo
	mrs	x3, APIAKeyHi
	stp	x2, x3, [x0, #GUEST_KEY_IA]
	ldp	x2, x3, [x5, #HOST_KEY_IA]
	msr	APIAKeyLo, x2
	msr	APIAKeyHi, x3
	isb					/* the callers' return addresses are checked with this key */
1:
	ldp	x2, x18, [sp, #FRAME_HOST_SP_EL0]
	msr	sp_el0, x2
	.inst	0xd500419f			/* msr pan, #1: VHE implies FEAT_PAN, and the host runs with it set */
	mov	x0, x1
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #FRAME_SIZE
	ret

/*
 * x0 the CPU's ExitDefence, x1 the vector index, which is kept; no other register of the guest may change. The shape of
 * the loop is the one that the CPUs' makers counted rounds for.
 */
defend:
	cbz	w0, 3f
	mov	w0, w0				/* the rounds */
2:
	b	. + 4
	subs	x0, x0, #1
	b.ne	2b
	dsb	nsh				/* no branch behind the loop is speculated with the old history */
	isb
	ldr	x0, [sp, #16 + FRAME_GUEST + 8]
	ldr	x0, [x0, #HOST_DEFENCE]
3:
	lsr	x0, x0, #32
	cbz	x0, .Ldefended
	stp	x1, x2, [sp, #-32]!		/* SMCCC 1.1: x0 to x3 are the firmware's */
	str	x3, [sp, #16]
	smc	#0
	ldr	x3, [sp, #16]
	ldp	x1, x2, [sp], #32
	b	.Ldefended
	.size leave_guest, . - leave_guest

/*
 * bool nest_at_s1e1r(u64 va)
 * AT S1E1R: PAR_EL1 after the caller's ISB. False: the walk of the guest's tables met an external abort (bad memory), which
 * is a synchronous exception to EL2; hyp_exception makes it this function's result. Callers expect x0 to x17 to change.
 * Context: the vectors below.
 */
	.globl nest_at_s1e1r
	.hidden nest_at_s1e1r
	.type nest_at_s1e1r, %function
nest_at_s1e1r:
	hint	#34
.Lat:
	at	s1e1r, x0
	mov	x0, #1
	ret
.Lat_aborted:
	mov	x0, #0
	ret
	.size nest_at_s1e1r, . - nest_at_s1e1r

/*
 * An exception taken from EL2 itself while the guest's context is loaded; x0 is the vector slot. If nest_at_s1e1r's AT raised
 * it, that function returns false. Any other is a bug: nest_hyp_exception() hands the CPU back to the kernel's vectors, as far
 * as that goes, and reports. It does not return. As x18 may be the guest's (an ERET that failed), it gets a shadow call stack
 * that no guest chose; two CPUs that come here at once share that one.
 */
	.type hyp_exception, %function
hyp_exception:
	mrs	x2, elr_el2
	adr	x3, .Lat
	cmp	x2, x3
	ccmp	x0, #OWN_SYNC, #0, eq
	b.eq	1f
	adrp	x18, .Llast_shadow_stack
	add	x18, x18, :lo12:.Llast_shadow_stack
	mrs	x1, esr_el2
	mrs	x3, far_el2
	b	nest_hyp_exception
1:
	adr	x2, .Lat_aborted
	msr	elr_el2, x2
	eret
	dsb	nsh
	isb
	.size hyp_exception, . - hyp_exception

	.macro own_slot index
	.balign 128
	mov	x0, #\index
	b	hyp_exception
	.endm

	.macro guest_slot index
	.balign 128
	hint	#22				/* CLRBHB, or a NOP: see branch_history.hpp */
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\index
	b	leave_guest
	.endm

	.balign 2048
	.globl nest_guest_vectors
	.hidden nest_guest_vectors
nest_guest_vectors:
	own_slot 0
	own_slot 1
	own_slot 2
	own_slot 3
	own_slot 4
	own_slot 5
	own_slot 6
	own_slot 7
	guest_slot 0				/* from AArch64 */
	guest_slot 1
	guest_slot 2
	guest_slot 3
	guest_slot 0				/* from AArch32 at EL0 */
	guest_slot 1
	guest_slot 2
	guest_slot 3
	.balign 128

	.bss
	.balign 8
.Llast_shadow_stack:
	.skip 4096

	.section .note.GNU-stack, "", %progbits
