// SPDX-License-Identifier: GPL-2.0-only
/* Per-CPU storage, cross calls, hotplug, and the machine's way down (reboot, kexec). */
#define pr_fmt(fmt) "nestvisor: " fmt
#include <linux/cpu_pm.h>
#include <linux/cpuhotplug.h>
#include <linux/glue.h>
#include <linux/host_compat.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/smp.h>

static DEFINE_PER_CPU_ALIGNED(struct nest_percpu, nest_percpu);
static int hotplug_state;
static bool going_down;

struct nest_percpu *nest_port_this_cpu(void)
{
	return this_cpu_ptr(&nest_percpu);
}

struct nest_percpu *nest_port_cpu(unsigned int cpu)
{
	return per_cpu_ptr(&nest_percpu, cpu);
}

unsigned int nest_port_cpu_id(void)
{
	return raw_smp_processor_id();
}

unsigned int nest_port_cpus_online(void)
{
	return num_online_cpus();
}

unsigned int nest_port_cpu_limit(void)
{
	return nr_cpu_ids;
}

struct cpu_call {
	unsigned int op;
	void *argument;
};

static void do_cpu_call(void *data)
{
	struct cpu_call *call = data;

	nest_cpu_call(call->op, call->argument);
}

void nest_port_call_all_cpus(unsigned int op, void *argument)
{
	struct cpu_call call = { op, argument };

	on_each_cpu(do_cpu_call, &call, 1);
}

/*
 * A vCPU's thread may be scheduled anywhere, so that a CPU that lacks what a guest has seen elsewhere cannot come up as long
 * as the module is loaded. (CPUs that are up at load lack nothing: the kernel's system-wide values hold for all of them.)
 */
static int cpu_up_callback(unsigned int cpu)
{
	struct user_fpsimd_state room;
	const char *lacks = NULL;

	nest_irq_cpu_up();
	nest_neon_begin(&room);
	preempt_disable();
	if (!READ_ONCE(going_down)) {
		lacks = nest_cpu_vectors();
		if (!lacks)
			lacks = nest_cpu_online();
	}
	preempt_enable();
	nest_neon_end(&room);
	if (!lacks)
		return 0;
	nest_irq_cpu_down();
	pr_err("CPU %u is refused: guests may rely on what the other CPUs have and it has not: %s\n", cpu, lacks);
	return -EINVAL;
}

static int cpu_down_callback(unsigned int cpu)
{
	preempt_disable();
	nest_cpu_offline();
	preempt_enable();
	nest_irq_cpu_down();
	return 0;
}

/*
 * No guest may run once the machine goes down: kexec's next kernel must find EL2 as the module found it. The IPI takes every
 * CPU out of its guest, which gives the host its HCR_EL2 and vectors back; the rest of a vCPU's state goes when its thread is
 * scheduled out. `going_down` is for a CPU that comes out of idle after the IPI: it must not open for guests again.
 */
static void quiesce(void *unused)
{
	nest_cpu_offline();
}

static int reboot_callback(struct notifier_block *block, unsigned long code, void *unused)
{
	WRITE_ONCE(going_down, true);
	on_each_cpu(quiesce, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_block = {
	.notifier_call = reboot_callback,
};

/* After deep sleep, list registers and timers are UNKNOWN. This CPU was up before, so nest_cpu_online() does not refuse it. */
static int power_callback(struct notifier_block *block, unsigned long action, void *unused)
{
	if (action == CPU_PM_EXIT && !READ_ONCE(going_down))
		(void)nest_cpu_online();
	return NOTIFY_OK;
}

static struct notifier_block power_block = {
	.notifier_call = power_callback,
};

int nest_hotplug_init(void)
{
	int ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "nestvisor:online", cpu_up_callback, cpu_down_callback);

	if (ret < 0)
		return ret;
	hotplug_state = ret;
	ret = register_reboot_notifier(&reboot_block);
	if (!ret) {
		ret = cpu_pm_register_notifier(&power_block);
		if (ret)
			unregister_reboot_notifier(&reboot_block);
	}
	if (ret)
		cpuhp_remove_state(hotplug_state);
	return ret;
}

void nest_hotplug_exit(void)
{
	cpu_pm_unregister_notifier(&power_block);
	unregister_reboot_notifier(&reboot_block);
	cpuhp_remove_state(hotplug_state);
}
