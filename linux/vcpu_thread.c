// SPDX-License-Identifier: GPL-2.0-only
/* The thread of a vCPU: notifiers at each context switch, kicks, waits, signals, and the way into guest state. */
#include <linux/glue.h>
#include <linux/host_compat.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/*
 * Up to 6.17 xfer_to_guest_mode_handle_work() writes KVM_EXIT_INTR into the struct kvm_vcpu that it is given. The core reports
 * KVM_EXIT_INTR by itself, so all vCPUs share one stand-in, which nobody reads.
 */
static struct kvm_vcpu *stand_in;

int nest_vcpu_thread_init(void)
{
	stand_in = kvzalloc(sizeof(*stand_in), GFP_KERNEL);
	if (!stand_in)
		return -ENOMEM;
	stand_in->run = kvzalloc(sizeof(*stand_in->run), GFP_KERNEL);
	if (!stand_in->run) {
		kvfree(stand_in);
		return -ENOMEM;
	}
	preempt_notifier_inc();
	return 0;
}

void nest_vcpu_thread_exit(void)
{
	preempt_notifier_dec();
	kvfree(stand_in->run);
	kvfree(stand_in);
}

/* ---- context switches ------------------------------------------------------------------------------------------- */

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	nest_vcpu_load(container_of(notifier, struct nest_host_vcpu, notifier)->core);
}

static void sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	nest_vcpu_put(container_of(notifier, struct nest_host_vcpu, notifier)->core);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

struct nest_host_vcpu *nest_port_vcpu_alloc(void *owner)
{
	struct nest_host_vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;
	vcpu->core = owner;
	rcuwait_init(&vcpu->wait);
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	return vcpu;
}

void nest_port_vcpu_free(struct nest_host_vcpu *vcpu)
{
	kfree(vcpu);
}

void nest_port_vcpu_attach(struct nest_host_vcpu *vcpu)
{
	preempt_disable();
	WRITE_ONCE(vcpu->task, current);
	preempt_notifier_register(&vcpu->notifier);
	nest_vcpu_load(vcpu->core);
	preempt_enable();
}

void nest_port_vcpu_detach(struct nest_host_vcpu *vcpu)
{
	preempt_disable();
	nest_vcpu_put(vcpu->core);
	preempt_notifier_unregister(&vcpu->notifier);
	WRITE_ONCE(vcpu->task, NULL);
	preempt_enable();
}

/* ---- kicks and waits -------------------------------------------------------------------------------------------- */

/*
 * The RCU section is for this: CPU A reads vcpu->task; the thread detaches (which clears vcpu->task) and exits; its
 * task_struct is freed, and A kicks freed memory. A task_struct is freed after an RCU grace period, so not before A is done.
 */
void nest_port_vcpu_kick(struct nest_host_vcpu *vcpu)
{
	struct task_struct *task;

	rcu_read_lock();
	task = READ_ONCE(vcpu->task);
	if (task)
		kick_process(task);
	rcu_read_unlock();
}

void nest_port_vcpu_wake(struct nest_host_vcpu *vcpu)
{
	rcuwait_wake_up(&vcpu->wait);
}

void nest_port_vcpu_wait(struct nest_host_vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (nest_vcpu_runnable(vcpu->core) || signal_pending(current))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
}

/* ---- halt polling ----------------------------------------------------------------------------------------------- */

/* Names, units and defaults are those of Linux's kvm.ko. */
static struct nest_halt_polling polling = { .ns = 500000, .grow = 2, .grow_start = 10000, .shrink = 2 };

module_param_named(halt_poll_ns, polling.ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "the longest time that a vCPU polls before its thread sleeps, in ns (default 500000; 0: no polling)");
module_param_named(halt_poll_ns_grow, polling.grow, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow, "factor by which a vCPU's time of polling grows (default 2; 0: never)");
module_param_named(halt_poll_ns_grow_start, polling.grow_start, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow_start, "the shortest time of polling but none, in ns (default 10000)");
module_param_named(halt_poll_ns_shrink, polling.shrink, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_shrink, "divisor by which a vCPU's time of polling shrinks (default 2; 0: to none)");

struct nest_halt_polling nest_port_halt_polling(void)
{
	return (struct nest_halt_polling){
		.ns = READ_ONCE(polling.ns),
		.grow = READ_ONCE(polling.grow),
		.grow_start = READ_ONCE(polling.grow_start),
		.shrink = READ_ONCE(polling.shrink),
	};
}

bool nest_port_may_poll(void)
{
	cpu_relax();
	return single_task_running() && !__xfer_to_guest_mode_work_pending();
}

/* ---- into the guest and back ------------------------------------------------------------------------------------ */

int nest_port_vcpu_before_entry(struct nest_host_vcpu *vcpu)
{
	cond_resched();
	return nest_work_before_guest(stand_in);
}

bool nest_port_vcpu_entry_blocked(void)
{
	return xfer_to_guest_mode_work_pending();
}

bool nest_port_vcpu_work_pending(void)
{
	return __xfer_to_guest_mode_work_pending();
}

void nest_port_guest_enter(void)
{
	guest_timing_enter_irqoff();
	guest_state_enter_irqoff();
}

void nest_port_guest_exit(void)
{
	guest_state_exit_irqoff();
}

/*
 * If a tick of the host made the guest exit, its handler must run before guest time ends, or the whole tick counts as system
 * time: so interrupts are turned on for one ISB.
 */
noinline void nest_port_guest_exit_time(void)
{
	local_irq_enable();
	asm volatile("nest_guest_exit_window_end: isb" ::: "memory");
	local_irq_disable();
	guest_timing_exit_irqoff();
}

/* The interrupt is taken before the ISB, or behind it. */
bool nest_in_guest_exit_window(unsigned long pc)
{
	extern const char nest_guest_exit_window_end[];

	return pc >= (unsigned long)nest_port_guest_exit_time && pc <= (unsigned long)nest_guest_exit_window_end + 4;
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

/*
 * The thread's own mask goes to current->real_blocked, as sigtimedwait() does it: a sender of a signal that the thread lets
 * through only during KVM_RUN then sees that user space blocks that signal. Otherwise a signal whose default is to kill the
 * process would kill it when sent, and one that is ignored by default would be thrown away, though the VMM means to take the
 * signal from its queue after KVM_RUN.
 */
void nest_port_sigmask_enter(struct nest_host_vcpu *vcpu)
{
	vcpu->sigmask_entered = vcpu->sigmask_active;
	if (vcpu->sigmask_entered)
		sigprocmask(SIG_SETMASK, &vcpu->sigmask, &current->real_blocked);
}

void nest_port_sigmask_leave(struct nest_host_vcpu *vcpu)
{
	if (!vcpu->sigmask_entered)
		return;
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

int nest_port_sigmask_set(struct nest_host_vcpu *vcpu, uint64_t user_set, unsigned int size, bool clear)
{
	sigset_t set;

	if (clear) {
		vcpu->sigmask_active = false;
		return 0;
	}
	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, (const void __user *)(uintptr_t)user_set, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigmask = set;
	vcpu->sigmask_active = true;
	return 0;
}

/* ---- the CPU ---------------------------------------------------------------------------------------------------- */

uint32_t nest_port_process_id(void)
{
	return task_pid_nr(current);
}

uint64_t nest_port_run_delay_ns(void)
{
	return READ_ONCE(current->sched_info.run_delay);
}

bool nest_port_fpsimd_survives_preemption(void)
{
	return NEST_FPSIMD_SURVIVES_PREEMPTION;
}

void nest_port_fpsimd_begin(struct nest_host_vcpu *vcpu)
{
	nest_neon_begin(&vcpu->fpsimd);
}

void nest_port_fpsimd_end(struct nest_host_vcpu *vcpu)
{
	nest_neon_end(&vcpu->fpsimd);
}

void nest_port_preempt_disable(void)
{
	preempt_disable();
}

void nest_port_preempt_enable(void)
{
	preempt_enable();
}

void nest_port_irq_disable(void)
{
	local_irq_disable();
}

void nest_port_irq_enable(void)
{
	local_irq_enable();
}

void nest_port_relax(void)
{
	cpu_relax();
	cond_resched();
}

bool nest_port_killed(void)
{
	return fatal_signal_pending(current);
}

unsigned long nest_port_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void nest_port_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}
