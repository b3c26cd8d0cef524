// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own events kvm:kvm_entry and kvm:kvm_exit, which perf, trace-cmd and bpftrace know. A kernel that has KVM built in
 * has these events, whether its KVM is active or not; this file finds them by name, compares their fields with what they mean
 * on arm64, and calls their probes.
 *
 * Who begins to listen to nestvisor:exit calls nest_exit_events_on(). Of the kernel's own events nobody is told: as long as there
 * are VMs, look() looks for listeners twenty times a second, by a timer that wakes no idle CPU.
 */
#include <linux/glue.h>
#include <linux/host_compat.h>
#include <linux/trace_events.h>
#include <linux/workqueue.h>

#define NEST_LOOK_PERIOD (HZ / 20)

/* What is watched for, and whether the core can be told. `lock` is taken inside the kernel's lock of all tracepoints. */
static DEFINE_MUTEX(lock);
static bool ours_wanted, kernels_wanted, core_ready;

static void tell_core(void)
{
	if (core_ready)
		nest_watch_exits(ours_wanted || kernels_wanted);
}

/* Called by tracing, as soon as the module's events exist, which is before nest_init(), and until after nest_exit(). */
int nest_exit_events_on(void)
{
	mutex_lock(&lock);
	ours_wanted = true;
	tell_core();
	mutex_unlock(&lock);
	return 0;
}

void nest_exit_events_off(void)
{
	mutex_lock(&lock);
	ours_wanted = false;
	tell_core();
	mutex_unlock(&lock);
}

#ifdef CONFIG_EVENT_TRACING

/* ---- the kernel's own events ------------------------------------------------------------------------------------ */

struct field {
	const char *name;
	int size;
};

/* The events' fields are their tracepoints' parameters, which is what cannot be asked for. */
static const struct field entry_fields[] = { { "vcpu_pc", sizeof(long) }, {} };
static const struct field exit_fields[] = { { "ret", sizeof(int) }, { "esr_ec", sizeof(int) }, { "vcpu_pc", sizeof(long) }, {} };

static struct tracepoint *entry_event, *exit_event;

static bool has_fields(const struct trace_event_class *class, const struct field *wanted)
{
	const struct trace_event_fields *field = class->fields_array;

	for (; wanted->name; wanted++, field++)
		if (!field->name || strcmp(field->name, wanted->name) || field->size != wanted->size)
			return false;
	return !field->type;
}

/* NULL: a kernel without it, or with an event of another kind by this name. Events that are built in stay. */
static struct tracepoint *find(const char *name, const struct field *fields)
{
	struct trace_event_file *file = trace_get_event_file(NULL, "kvm", name);
	struct tracepoint *found = NULL;

	if (IS_ERR(file))
		return NULL;
	if (file->event_call->flags & TRACE_EVENT_FL_TRACEPOINT && has_fields(file->event_call->class, fields))
		found = file->event_call->tp;
	trace_put_event_file(file);
	return found;
}

static bool has_listener(const struct tracepoint *event)
{
	return event && rcu_access_pointer(event->funcs);
}

/* What KVM calls an exit in its event: its codes, which are ABI for perf. */
enum { KVM_EXIT_CODE_IRQ, KVM_EXIT_CODE_SERROR, KVM_EXIT_CODE_TRAP };

void nest_port_trace_entry(uint64_t pc)
{
	int (*call_probes)(void *unused, unsigned long vcpu_pc);

	if (!has_listener(entry_event))
		return;
	NEST_TRACEPOINT_READER();
	call_probes = entry_event->iterator;
	call_probes(NULL, pc);
}

void nest_kvm_exit_event(const struct nest_trace_exit *exit)
{
	int (*call_probes)(void *unused, int ret, unsigned int esr_ec, unsigned long vcpu_pc);
	int code = KVM_EXIT_CODE_IRQ;

	if (!has_listener(exit_event))
		return;
	if (exit->kind == NEST_TRACE_EXIT_SYNC)
		code = KVM_EXIT_CODE_TRAP;
	else if (exit->kind == NEST_TRACE_EXIT_SERROR)
		code = KVM_EXIT_CODE_SERROR;
	NEST_TRACEPOINT_READER();
	call_probes = exit_event->iterator;
	call_probes(NULL, code, ESR_ELx_EC(exit->esr), exit->pc);
}

/* ---- looking for listeners -------------------------------------------------------------------------------------- */

static atomic_t vms;
static void look(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(look_work, look);

static void look(struct work_struct *work)
{
	bool wanted = has_listener(entry_event) || has_listener(exit_event);

	mutex_lock(&lock);
	if (wanted != kernels_wanted) {
		kernels_wanted = wanted;
		tell_core();
	}
	mutex_unlock(&lock);
	if (atomic_read(&vms))
		queue_delayed_work(system_power_efficient_wq, &look_work, NEST_LOOK_PERIOD);
}

void nest_exit_events_vm_begins(void)
{
	if (atomic_inc_return(&vms) == 1)
		mod_delayed_work(system_power_efficient_wq, &look_work, 0);
}

void nest_exit_events_vm_ends(void)
{
	atomic_dec(&vms);
}

static void find_events(void)
{
	entry_event = find("kvm_entry", entry_fields);
	exit_event = find("kvm_exit", exit_fields);
}

static void stop_looking(void)
{
	cancel_delayed_work_sync(&look_work);
}

#else

void nest_port_trace_entry(uint64_t pc) {}
void nest_kvm_exit_event(const struct nest_trace_exit *exit) {}
void nest_exit_events_vm_begins(void) {}
void nest_exit_events_vm_ends(void) {}
static void find_events(void) {}
static void stop_looking(void) {}

#endif

void nest_exit_events_init(void)
{
	find_events();
	mutex_lock(&lock);
	core_ready = true;
	tell_core();
	mutex_unlock(&lock);
}

/* No VM exists any more. */
void nest_exit_events_exit(void)
{
	stop_looking();
	mutex_lock(&lock);
	core_ready = false;
	mutex_unlock(&lock);
}
