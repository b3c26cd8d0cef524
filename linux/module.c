// SPDX-License-Identifier: GPL-2.0-only
/* Load and unload: refuse with one clear line where guests cannot run, else register /dev/kvm. */
#define pr_fmt(fmt) "nestvisor: " fmt
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/glue.h>

static bool nv2 = true;
module_param(nv2, bool, 0444);
MODULE_PARM_DESC(nv2, "use FEAT_NV2 for nested guests (default on; off traps every EL2 access of a guest hypervisor)");

static bool e2h0 = true;
module_param(e2h0, bool, 0444);
MODULE_PARM_DESC(e2h0, "let guest hypervisors choose HCR_EL2.E2H (default on; off shows it as RES1, as Linux's KVM does)");

static bool mpam = true;
module_param(mpam, bool, 0444);
MODULE_PARM_DESC(mpam, "keep guests from FEAT_MPAM's registers (default on; off where the firmware traps and does not survive it)");

static struct miscdevice nest_dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &nest_dev_fops, /* who may open it is the distribution's udev rule for "kvm" */
};

/* A taken minor number means that the kernel's own KVM is active: so this comes first. open() works when all is set up. */
static int register_device(void)
{
	int ret = misc_register(&nest_dev);

	if (ret == -EBUSY || ret == -EEXIST)
		pr_err("the kernel's own KVM is active; boot with kvm-arm.mode=none\n");
	else if (ret)
		pr_err("cannot register /dev/kvm: error %d\n", ret);
	return ret;
}

static int __init nest_init(void)
{
	struct nest_host_config config = { .nv2 = nv2, .e2h0 = e2h0, .leave_mpam = !mpam };
	const char *refusal = nest_core_refusal();
	int ret;

	if (refusal) {
		pr_err("%s\n", refusal);
		return -ENODEV;
	}
	ret = register_device();
	if (ret)
		return ret;
	ret = nest_vcpu_thread_init();
	if (ret)
		goto out_device;
	ret = nest_eventfd_init();
	if (ret)
		goto out_thread;
	ret = nest_irq_init(&config);
	if (ret)
		goto out_eventfd;
	ret = nest_core_init(&config);
	if (ret) {
		pr_err("cannot set up: error %d\n", ret);
		goto out_irq;
	}
	ret = nest_hotplug_init();
	if (ret) {
		pr_err("cannot follow CPU hotplug: error %d\n", ret);
		goto out_core;
	}
	nest_exit_events_init();
	nest_perf_init();
	nest_debugfs_init();
	nest_dev_open_for_business();
	pr_info("ready\n");
	return 0;

out_core:
	nest_core_exit();
out_irq:
	nest_irq_exit();
out_eventfd:
	nest_eventfd_exit();
out_thread:
	nest_vcpu_thread_exit();
out_device:
	misc_deregister(&nest_dev);
	return ret;
}

static void __exit nest_exit(void)
{
	misc_deregister(&nest_dev);
	nest_debugfs_exit();
	nest_perf_exit();
	nest_eventfd_exit(); /* late irqfd shutdowns may hold the last reference of a VM */
	nest_exit_events_exit();
	nest_hotplug_exit();
	nest_core_exit();
	nest_irq_exit();
	nest_vcpu_thread_exit();
}

module_init(nest_init);
module_exit(nest_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(NEST_VERSION); /* Kbuild reads it from VERSION */
MODULE_DESCRIPTION("Nestvisor: a VHE hypervisor with nested virtualisation, offering the /dev/kvm ABI");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
