/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits and the nested transitions as tracepoints: events/nestvisor/ in tracefs. An exit is traced at once; a transition when the
 * vCPU is back in the host: "counter" is CNTPCT_EL0 when it happened. "tier" 0: with the guest's context loaded, 1: by way of the
 * host.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nestvisor

#if !defined(NEST_TRACE_NESTED_H) || defined(TRACE_HEADER_MULTI_READ)
#define NEST_TRACE_NESTED_H

#include <port/port.h>
#include <linux/tracepoint.h>

#ifndef NEST_TRACE_REGISTRATION
#define NEST_TRACE_REGISTRATION
int nest_trace_forward_on(void);
void nest_trace_forward_off(void);
int nest_trace_interrupt_on(void);
void nest_trace_interrupt_off(void);
int nest_trace_eret_on(void);
void nest_trace_eret_off(void);
int nest_trace_shadow_fault_on(void);
void nest_trace_shadow_fault_off(void);
int nest_trace_tlbi_on(void);
void nest_trace_tlbi_off(void);
int nest_trace_shadow_on(void);
void nest_trace_shadow_off(void);
#endif

#define NEST_TRACE_PROTO TP_PROTO(u32 vm, u32 vcpu, const struct nest_trace_record *r)
#define NEST_TRACE_ARGS TP_ARGS(vm, vcpu, r)
#define NEST_TRACE_COMMON \
	__field(u32, vm) __field(u32, vcpu) __field(u64, counter) __field(u8, tier) __field(u8, what) __field(u64, pc)
#define NEST_TRACE_ASSIGN_COMMON \
	__entry->vm = vm; \
	__entry->vcpu = vcpu; \
	__entry->counter = r->counter; \
	__entry->tier = r->tier; \
	__entry->what = r->what; \
	__entry->pc = r->pc

/* An exception that virtual EL2 takes. */
TRACE_EVENT_FN(nested_forward, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, esr) __field(u64, far) __field(u64, hpfar)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->esr = r->values[0];
		__entry->far = r->values[1];
		__entry->hpfar = r->values[2];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu tier=%u vector=sync from=%s elr=0x%llx esr=0x%llx far=0x%llx hpfar=0x%llx",
		  __entry->vm, __entry->vcpu, __entry->counter, __entry->tier,
		  __print_symbolic(__entry->what, {0, "L2"}, {1, "vEL2"}, {2, "vEL2-EL0"}), __entry->pc, __entry->esr,
		  __entry->far, __entry->hpfar),
	nest_trace_forward_on, nest_trace_forward_off
);

/* An interrupt or SError for L1 that ends L2's time. */
TRACE_EVENT_FN(nested_interrupt, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, esr)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->esr = r->values[0];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu tier=%u vector=%s elr=0x%llx esr=0x%llx",
		  __entry->vm, __entry->vcpu, __entry->counter, __entry->tier,
		  __print_symbolic(__entry->what, {1, "IRQ"}, {2, "FIQ"}, {3, "SError"}), __entry->pc, __entry->esr),
	nest_trace_interrupt_on, nest_trace_interrupt_off
);

/* ERET, ERETAA, ERETAB of virtual EL2. */
TRACE_EVENT_FN(nested_eret, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, spsr)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->spsr = r->values[0];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu tier=%u to=%s pc=0x%llx spsr=0x%llx",
		  __entry->vm, __entry->vcpu, __entry->counter, __entry->tier,
		  __print_symbolic(__entry->what, {0, "L2"}, {1, "vEL2"}, {2, "vEL2-EL0"}, {3, "illegal"}, {4, "undefined"},
				   {5, "FPAC"}), __entry->pc, __entry->spsr),
	nest_trace_eret_on, nest_trace_eret_off
);

/* A stage-2 fault of L2, and what came of it. */
TRACE_EVENT_FN(nested_shadow_fault, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, esr) __field(u64, ipa)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->esr = r->values[0];
		__entry->ipa = r->values[1];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu tier=%u outcome=%s ipa=0x%llx esr=0x%llx pc=0x%llx",
		  __entry->vm, __entry->vcpu, __entry->counter, __entry->tier,
		  __print_symbolic(__entry->what, {0, "mapped"}, {1, "forwarded"}, {2, "bring-in"}, {3, "needs-tables"},
				   {4, "gave-up"}), __entry->ipa, __entry->esr, __entry->pc),
	nest_trace_shadow_fault_on, nest_trace_shadow_fault_off
);

/* L1's TLB invalidation, of its guest's regime or its own. A range; size 0: the one translation that holds `start`. */
TRACE_EVENT_FN(nested_tlbi, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, xt) __field(u64, start) __field(u64, size)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->xt = r->values[0];
		__entry->start = r->values[1];
		__entry->size = r->values[2];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu tier=%u scope=%s regime=%s xt=0x%llx start=0x%llx size=0x%llx pc=0x%llx",
		  __entry->vm, __entry->vcpu, __entry->counter, __entry->tier,
		  __print_symbolic(__entry->what & 0xf, {0, "all-VMIDs"}, {1, "VMID"}, {2, "stage1"}, {3, "ASID"}, {4, "VA"},
				   {5, "VA-all-ASIDs"}, {6, "IPA"}),
		  __print_symbolic(__entry->what >> 4, {0, "EL1&0"}, {1, "EL2&0"}, {2, "EL2"}), __entry->xt, __entry->start,
		  __entry->size, __entry->pc),
	nest_trace_tlbi_on, nest_trace_tlbi_off
);

/* A shadow stage 2 comes into being, or goes because another is wanted. */
TRACE_EVENT_FN(nested_shadow, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, baddr) __field(u64, vtcr) __field(u16, vmid)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->baddr = r->values[0];
		__entry->vtcr = r->values[1];
		__entry->vmid = r->values[2];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu %s baddr=0x%llx vtcr=0x%llx vmid=%u", __entry->vm, __entry->vcpu,
		  __entry->counter, __print_symbolic(__entry->what, {0, "created"}, {1, "evicted"}), __entry->baddr,
		  __entry->vtcr, __entry->vmid),
	nest_trace_shadow_on, nest_trace_shadow_off
);

/* An exit, before anything is done about it, of any vCPU: as kvm:kvm_exit, with the world and the syndrome. */
TRACE_EVENT_FN(exit, TP_PROTO(u32 vm, u32 vcpu, const struct nest_trace_exit *x), TP_ARGS(vm, vcpu, x),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u8, world) __field(u8, kind) __field(u64, esr) __field(u64, pc)
			 __field(u64, far) __field(u64, hpfar)),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->world = x->world;
		__entry->kind = x->kind;
		__entry->esr = x->esr;
		__entry->pc = x->pc;
		__entry->far = x->far;
		__entry->hpfar = x->hpfar;
	),
	TP_printk("vm=%u vcpu=%u world=%s kind=%s esr=0x%llx pc=0x%llx far=0x%llx hpfar=0x%llx", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->world, {0, "EL1"}, {1, "vEL2"}, {2, "L2"}),
		  __print_symbolic(__entry->kind, {0, "sync"}, {1, "irq"}, {2, "fiq"}, {3, "serror"}), __entry->esr, __entry->pc,
		  __entry->far, __entry->hpfar),
	nest_exit_events_on, nest_exit_events_off
);

/* So many records found no room; "counter" is that of the first one. */
TRACE_EVENT(nested_lost, NEST_TRACE_PROTO, NEST_TRACE_ARGS,
	TP_STRUCT__entry(NEST_TRACE_COMMON __field(u64, count)),
	TP_fast_assign(
		NEST_TRACE_ASSIGN_COMMON;
		__entry->count = r->values[0];
	),
	TP_printk("vm=%u vcpu=%u counter=%llu count=%llu", __entry->vm, __entry->vcpu, __entry->counter, __entry->count)
);

#endif

/* Kbuild adds this folder to the include path of trace.c: the name of the folder is a macro of the compiler's. */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace_nested
#include <trace/define_trace.h>
