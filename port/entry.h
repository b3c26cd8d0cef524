/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux's side calls in the core, by name: no function pointer crosses the boundary. Results are 0 or a positive
 * value, or -errno. Unless a line says otherwise, the context is a process that may sleep.
 */
#ifndef NEST_ENTRY_H
#define NEST_ENTRY_H

#include <port/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The core's objects, as the glue sees them. */
struct nest_vm;
struct nest_vcpu;

/* What the glue found out about the machine before it hands over. */
struct nest_host_config {
	bool nv2;                  /* module parameter: use FEAT_NV2 if it is there */
	unsigned virtual_ppi;      /* INTIDs of the EL1 timers and the vGIC, 16 to 31 */
	unsigned physical_ppi;
	unsigned maintenance_ppi;
	bool leave_mpam;           /* module parameter: the firmware keeps FEAT_MPAM's registers for itself */
	bool e2h0;                 /* module parameter: a guest hypervisor may choose HCR_EL2.E2H, if there is NV1 */
};

/* ---- the module ------------------------------------------------------------------------------------------------- */

int nest_core_init(const struct nest_host_config *config);
void nest_core_exit(void);
/* NULL, or the one line that says why this machine cannot run guests. Any context at EL2. */
const char *nest_core_refusal(void);
/*
 * On the CPU itself, preemption off: this CPU may run guests from now on / no longer. NULL, or the name of what this CPU lacks
 * and all CPUs had at nest_core_init(): then it runs no guest.
 */
const char *nest_cpu_online(void);
/*
 * The same for the lengths of SVE's vectors, which are tried one by one: that destroys what a process has in the registers. So once for
 * each CPU that comes up, before nest_cpu_online(), between kernel_neon_begin() and kernel_neon_end(), preemption off.
 */
const char *nest_cpu_vectors(void);
void nest_cpu_offline(void);
/* nest_port_call_all_cpus()'s work: interrupts off, on each CPU. */
void nest_cpu_call(unsigned op, void *argument);

/* ---- files ------------------------------------------------------------------------------------------------------ */

long nest_dev_ioctl(unsigned cmd, unsigned long arg);
/* KVM_CREATE_VM: the type's checks and the VM itself; the glue opens the file. */
int nest_vm_create(struct nest_host_vm *host, unsigned long type, struct nest_vm **out);
/* The VM's file was closed. The glue keeps its own side until the core calls nest_port_vm_free(). */
void nest_vm_release(struct nest_vm *vm);
long nest_vm_ioctl(struct nest_vm *vm, unsigned cmd, unsigned long arg);
long nest_vcpu_ioctl(struct nest_vcpu *vcpu, unsigned cmd, unsigned long arg);
void nest_vcpu_release(struct nest_vcpu *vcpu);
/* Page `index`, of the host's size, of the vCPU's mapping: kvm_run, the coalesced ring or the dirty ring; NULL when there is none. */
void *nest_vcpu_mmap_page(struct nest_vcpu *vcpu, unsigned long index);
/* Is that page one of the vCPU's dirty ring, which may only be mapped shared, and not executable? */
int nest_vcpu_mmap_in_ring(struct nest_vcpu *vcpu, unsigned long index);
long nest_device_ioctl(void *device, unsigned cmd, unsigned long arg);
void nest_device_release(void *device);
/* A statistics file: kind is NEST_FD_VM_STATS or NEST_FD_VCPU_STATS. Bytes copied, or -errno. */
long nest_stats_read(int kind, void *object, uint64_t user_buffer, size_t bytes, uint64_t offset);
void nest_stats_release(int kind, void *object);

/* Calls nest_port_stats_line() with `to` for each value of each existing VM and vCPU that is not zero. */
void nest_stats_show(void *to);
/* Calls nest_port_dump_*() with `to` for all that the VMs' stage 2 and their shadows translate. Sleeps. */
void nest_dump_translations(void *to);
/*
 * A VM's statistics that are one number each: the name of number `row`, NULL behind the last; and the value, of a VM or of all, that
 * of vCPUs being summed up. The VM stays meanwhile. Sleeps.
 */
const char *nest_stat_name(unsigned row);
uint64_t nest_stat_of_vm(struct nest_vm *vm, unsigned row);
uint64_t nest_stat_of_all(unsigned row);
/* Row `row` of what ended vCPUs counted; false behind the last. Any context. */
bool nest_totals_row(unsigned row, const char **name, uint64_t *value);

/* Somebody listens to records of this kind (NEST_TRACE_*), or nobody any more. Any context. */
void nest_trace_listen(unsigned kind, bool wanted);
/* Somebody watches entries and exits, or nobody any more. Between nest_core_init() and nest_core_exit(); one caller at a time;
 * sleeps. From then on each exit of each vCPU is told; a vCPU that is in the guest leaves it. */
void nest_watch_exits(bool wanted);

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/* MMU notifiers. [start, end) are the VMM's addresses. May be called with spinlocks held, interrupts on; never sleep. */
void nest_mmu_invalidate_start(struct nest_vm *vm, uint64_t start, uint64_t end);
void nest_mmu_invalidate_end(struct nest_vm *vm, uint64_t start, uint64_t end);
bool nest_mmu_age(struct nest_vm *vm, uint64_t start, uint64_t end, bool clear);
/* The VMM's mm goes away: nothing may stay mapped. */
void nest_mmu_release(struct nest_vm *vm);

/* ---- a vCPU's thread -------------------------------------------------------------------------------------------- */

/* The thread of this vCPU comes onto, or leaves, this CPU. Preemption off, interrupts on. */
void nest_vcpu_load(struct nest_vcpu *vcpu);
void nest_vcpu_put(struct nest_vcpu *vcpu);
/* Should a blocked vCPU go on? Any context. */
bool nest_vcpu_runnable(struct nest_vcpu *vcpu);

/* The guest whose stay an interrupt has ended on this CPU, for that interrupt's handler; false: no vCPU is loaded. `pc`: the guest's;
 * `user`: it was at EL0. */
bool nest_interrupted_guest(uint64_t *pc, bool *user);

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

/* A guest timer's physical interrupt (0 virtual, 1 physical), and the next two: hard interrupt context. */
void nest_timer_irq(unsigned which);
void nest_maintenance_irq(void);
void nest_hrtimer_fired(void *owner, unsigned which);
void nest_irqfd_wakeup(void *owner);   /* atomic context */
void nest_irqfd_shutdown(void *owner); /* a work queue */

#ifdef __cplusplus
}
#endif
#endif
