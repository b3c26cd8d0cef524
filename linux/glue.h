/* SPDX-License-Identifier: GPL-2.0-only */
/* What the glue's files share. The core does not include this file. */
#ifndef NEST_GLUE_H
#define NEST_GLUE_H

#include <port/entry.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/signal.h>

struct nest_host_vm {
	struct mm_struct *mm; /* held by mmgrab(): the structure, not the address space */
	struct mmu_notifier notifier;
	bool notifier_registered;
	struct nest_vm *core;
	struct nest_stat_file *stat_files; /* debugfs_kvm.c's */
	struct dentry *stat_folder;
};

struct nest_host_vcpu {
	struct nest_vcpu *core;
	struct preempt_notifier notifier;
	struct task_struct *task; /* the thread inside KVM_RUN; freed by RCU, see nest_port_vcpu_kick() */
	struct rcuwait wait;
	sigset_t sigmask; /* for KVM_RUN, if sigmask_active */
	bool sigmask_active, sigmask_entered;
	struct user_fpsimd_state fpsimd; /* the guest's, while its thread is preempted, on kernels that want room for them */
};

extern const struct file_operations nest_dev_fops;

/* From now on /dev/kvm can be opened; until then it answers ENODEV. */
void nest_dev_open_for_business(void);

int nest_irq_init(struct nest_host_config *config);
void nest_irq_exit(void);
/* Linux's numbers of the EL1 timers' and the maintenance interrupt, from ACPI's tables; unchanged if the tables lack one. */
void nest_irq_find_in_acpi(unsigned int *virtual_timer, unsigned int *physical_timer, unsigned int *maintenance);
void nest_irq_cpu_up(void);
void nest_irq_cpu_down(void);
void nest_exit_events_init(void);
void nest_exit_events_exit(void);
/* Somebody listens to nestvisor:exit, or nobody any more. */
int nest_exit_events_on(void);
void nest_exit_events_off(void);
/* As long as VMs exist, somebody looks whether the kernel's own events have listeners. Sleeps. */
void nest_exit_events_vm_begins(void);
void nest_exit_events_vm_ends(void);
/* kvm:kvm_exit, if somebody listens. Interrupts off. */
void nest_kvm_exit_event(const struct nest_trace_exit *exit);
void nest_debugfs_init(void);
void nest_debugfs_exit(void);
void nest_debugfs_kvm_init(void);
void nest_debugfs_kvm_exit(void);
/* /sys/kernel/debug/kvm/PID-FD of a VM, whose file has the descriptor `fd`. Without it if there is no memory. Sleeps. */
void nest_debugfs_kvm_add(struct nest_host_vm *vm, int fd);
void nest_debugfs_kvm_remove(struct nest_host_vm *vm);
/* Is this where nest_port_guest_exit_time() takes the interrupt that has ended a guest's stay? */
bool nest_in_guest_exit_window(unsigned long pc);
void nest_perf_init(void);
void nest_perf_exit(void);
int nest_hotplug_init(void);
void nest_hotplug_exit(void);
int nest_eventfd_init(void);
void nest_eventfd_exit(void);
int nest_vcpu_thread_init(void);
void nest_vcpu_thread_exit(void);

int nest_notifier_register(struct nest_host_vm *vm);
void nest_notifier_unregister(struct nest_host_vm *vm);

#endif
