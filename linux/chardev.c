// SPDX-License-Identifier: GPL-2.0-only
/* Files: /dev/kvm, and the anonymous files of VMs, vCPUs, devices and statistics. */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/glue.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sched/mm.h>

/* ---- VM --------------------------------------------------------------------------------------------------------- */

bool nest_port_vm_is_ours(struct nest_host_vm *vm)
{
	return current->mm == vm->mm;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return nest_vm_ioctl(file->private_data, cmd, arg);
}

static int vm_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		nest_vm_release(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

void nest_port_vm_quiesce(struct nest_host_vm *vm)
{
	nest_debugfs_kvm_remove(vm);
	nest_notifier_unregister(vm);
}

void nest_port_vm_free(struct nest_host_vm *vm)
{
	nest_exit_events_vm_ends();
	mmdrop(vm->mm);
	kfree(vm);
}

static long create_vm(unsigned long type)
{
	struct nest_host_vm *host;
	struct nest_new_fd fd;
	int ret;

	ret = nest_port_fd_reserve(NEST_FD_VM, 0, &fd);
	if (ret)
		return ret;
	host = kzalloc(sizeof(*host), GFP_KERNEL_ACCOUNT);
	if (!host) {
		nest_port_fd_cancel(&fd);
		return -ENOMEM;
	}
	host->mm = current->mm;
	mmgrab(host->mm);
	ret = nest_vm_create(host, type, &host->core);
	if (ret) {
		mmdrop(host->mm);
		kfree(host);
		nest_port_fd_cancel(&fd);
		return ret;
	}
	/* From here on the core owns `host` and gives it back through nest_port_vm_free(). */
	nest_exit_events_vm_begins();
	ret = nest_notifier_register(host);
	if (ret) {
		nest_vm_release(host->core);
		nest_port_fd_cancel(&fd);
		return ret;
	}
	nest_debugfs_kvm_add(host, fd.fd);
	nest_port_fd_install(&fd, host->core);
	return fd.fd;
}

/* ---- vCPU ------------------------------------------------------------------------------------------------------- */

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return nest_vcpu_ioctl(file->private_data, cmd, arg);
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	void *memory = nest_vcpu_mmap_page(vmf->vma->vm_file->private_data, vmf->pgoff);

	if (!memory)
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(memory);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	const unsigned long last = vma->vm_pgoff + vma_pages(vma) - 1;

	/* A private copy would show the VMM an old ring for ever. */
	if ((nest_vcpu_mmap_in_ring(file->private_data, vma->vm_pgoff) || nest_vcpu_mmap_in_ring(file->private_data, last)) &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		nest_vcpu_release(file->private_data);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

/* ---- devices ---------------------------------------------------------------------------------------------------- */

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return nest_device_ioctl(file->private_data, cmd, arg);
}

static int device_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		nest_device_release(file->private_data);
	return 0;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.release = device_release,
};

/* ---- statistics ------------------------------------------------------------------------------------------------- */

#define STATS_FILE(name, kind)                                                                          \
	static ssize_t name##_read(struct file *file, char __user *to, size_t bytes, loff_t *offset)   \
	{                                                                                              \
		ssize_t done = nest_stats_read(kind, file->private_data, (uintptr_t)to, bytes, *offset); \
		if (done > 0)                                                                          \
			*offset += done;                                                               \
		return done;                                                                           \
	}                                                                                              \
	static int name##_release(struct inode *inode, struct file *file)                              \
	{                                                                                              \
		if (file->private_data)                                                                \
			nest_stats_release(kind, file->private_data);                                  \
		return 0;                                                                              \
	}                                                                                              \
	static const struct file_operations name##_fops = {                                            \
		.owner = THIS_MODULE,                                                                  \
		.read = name##_read,                                                                   \
		.release = name##_release,                                                             \
		.llseek = noop_llseek,                                                                 \
	}
STATS_FILE(vm_stats, NEST_FD_VM_STATS);
STATS_FILE(vcpu_stats, NEST_FD_VCPU_STATS);

/* ---- opening them ----------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const struct file_operations *fops;
	int flags;
	bool numbered; /* by the vCPU's id */
} kinds[] = {
	[NEST_FD_VM] = { "kvm-vm", &vm_fops, O_RDWR },
	[NEST_FD_VCPU] = { "kvm-vcpu", &vcpu_fops, O_RDWR, true },
	[NEST_FD_DEVICE] = { "kvm-arm-vgic-v3", &device_fops, O_RDWR },
	[NEST_FD_ITS] = { "kvm-arm-vgic-its", &device_fops, O_RDWR },
	[NEST_FD_VM_STATS] = { "kvm-vm-stats", &vm_stats_fops, O_RDONLY },
	[NEST_FD_VCPU_STATS] = { "kvm-vcpu-stats", &vcpu_stats_fops, O_RDONLY, true },
};

/* The file gets its object at install: until then private_data is NULL, and a file that is cancelled releases nothing. */
int nest_port_fd_reserve(enum nest_fd_kind kind, unsigned int vcpu_id, struct nest_new_fd *out)
{
	char name[sizeof("kvm-vcpu-stats:4294967295")];
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	if (kinds[kind].numbered)
		snprintf(name, sizeof(name), "%s:%u", kinds[kind].name, vcpu_id);
	else
		strscpy(name, kinds[kind].name, sizeof(name));
	file = anon_inode_getfile(name, kinds[kind].fops, NULL, kinds[kind].flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* Statistics are read at offsets, which an anonymous file does not allow by itself. */
	if (kind == NEST_FD_VM_STATS || kind == NEST_FD_VCPU_STATS)
		file->f_mode |= FMODE_PREAD;
	out->fd = fd;
	out->file = file;
	return 0;
}

void nest_port_fd_install(const struct nest_new_fd *fd, void *object)
{
	struct file *file = fd->file;

	file->private_data = object;
	fd_install(fd->fd, file);
}

void nest_port_fd_cancel(const struct nest_new_fd *fd)
{
	fput(fd->file);
	put_unused_fd(fd->fd);
}

static bool ready;

void nest_dev_open_for_business(void)
{
	smp_store_release(&ready, true);
}

static int dev_open(struct inode *inode, struct file *file)
{
	/* No ioctl here is laid out for 32-bit tasks. */
	return smp_load_acquire(&ready) && !is_compat_task() ? 0 : -ENODEV;
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return cmd == KVM_CREATE_VM ? create_vm(arg) : nest_dev_ioctl(cmd, arg);
}

const struct file_operations nest_dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};
