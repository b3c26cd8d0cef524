// SPDX-License-Identifier: GPL-2.0-only
/* The core's records become trace events. The core makes records of a kind only while somebody listens to its event. */
#include <linux/glue.h>

#define CREATE_TRACE_POINTS
#include <linux/trace_nested.h>

#define SWITCH(event, kind) \
	int event##_on(void) \
	{ \
		nest_trace_listen(kind, true); \
		return 0; \
	} \
	void event##_off(void) \
	{ \
		nest_trace_listen(kind, false); \
	}
SWITCH(nest_trace_forward, NEST_TRACE_FORWARD)
SWITCH(nest_trace_interrupt, NEST_TRACE_INTERRUPT)
SWITCH(nest_trace_eret, NEST_TRACE_ERET)
SWITCH(nest_trace_shadow_fault, NEST_TRACE_SHADOW_FAULT)
SWITCH(nest_trace_tlbi, NEST_TRACE_TLBI)
SWITCH(nest_trace_shadow, NEST_TRACE_SHADOW)

void nest_port_trace_exit(uint32_t vm, uint32_t vcpu, const struct nest_trace_exit *exit)
{
	nest_kvm_exit_event(exit);
	trace_exit(vm, vcpu, exit);
}

void nest_port_trace(uint32_t vm, uint32_t vcpu, const struct nest_trace_record *record)
{
	switch (record->kind) {
	case NEST_TRACE_FORWARD:
		trace_nested_forward(vm, vcpu, record);
		break;
	case NEST_TRACE_INTERRUPT:
		trace_nested_interrupt(vm, vcpu, record);
		break;
	case NEST_TRACE_ERET:
		trace_nested_eret(vm, vcpu, record);
		break;
	case NEST_TRACE_SHADOW_FAULT:
		trace_nested_shadow_fault(vm, vcpu, record);
		break;
	case NEST_TRACE_TLBI:
		trace_nested_tlbi(vm, vcpu, record);
		break;
	case NEST_TRACE_SHADOW:
		trace_nested_shadow(vm, vcpu, record);
		break;
	default:
		trace_nested_lost(vm, vcpu, record);
		break;
	}
}
