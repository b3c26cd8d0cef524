// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/kvm, where tools such as kvm_stat look: a file for each statistic that is one number, with the sum over all
 * VMs; and the same files in a folder for each VM, called by the thread that made the VM and the VM's descriptor there: PID-FD.
 */
#include <linux/debugfs.h>
#include <linux/glue.h>
#include <linux/slab.h>

struct nest_stat_file {
	struct nest_vm *vm; /* NULL: of all VMs */
	unsigned int row;
};

static struct dentry *top;
static struct nest_stat_file *files_of_all;

static int stat_get(void *data, u64 *value)
{
	const struct nest_stat_file *file = data;

	*value = file->vm ? nest_stat_of_vm(file->vm, file->row) : nest_stat_of_all(file->row);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(stat_fops, stat_get, NULL, "%llu\n");

/* What the files refer to, to be freed when they are gone; NULL: no memory, and no files. */
static struct nest_stat_file *create_files(struct dentry *folder, struct nest_vm *vm)
{
	struct nest_stat_file *files;
	unsigned int rows = 0, row;

	while (nest_stat_name(rows))
		rows++;
	files = kcalloc(rows, sizeof(*files), GFP_KERNEL_ACCOUNT);
	for (row = 0; files && row < rows; row++) {
		files[row] = (struct nest_stat_file){ vm, row };
		debugfs_create_file_unsafe(nest_stat_name(row), 0444, folder, &files[row], &stat_fops);
	}
	return files;
}

void nest_debugfs_kvm_init(void)
{
	top = debugfs_create_dir("kvm", NULL);
	if (!IS_ERR(top))
		files_of_all = create_files(top, NULL);
}

void nest_debugfs_kvm_exit(void)
{
	debugfs_remove_recursive(top);
	kfree(files_of_all);
}

void nest_debugfs_kvm_add(struct nest_host_vm *vm, int fd)
{
	struct dentry *old;
	char name[32];

	if (IS_ERR_OR_NULL(top))
		return;
	snprintf(name, sizeof(name), "%d-%d", task_pid_nr(current), fd);
	/*
	 * An earlier VM of this thread may still exist, by its vCPUs' descriptors, though its own was closed and its number is used
	 * again. debugfs complains in the log about a name that is taken.
	 */
	old = debugfs_lookup(name, top);
	if (old) {
		dput(old);
		return;
	}
	vm->stat_folder = debugfs_create_dir(name, top);
	if (!IS_ERR(vm->stat_folder))
		vm->stat_files = create_files(vm->stat_folder, vm->core);
}

/* Returns when nobody reads the files any more. */
void nest_debugfs_kvm_remove(struct nest_host_vm *vm)
{
	debugfs_remove_recursive(vm->stat_folder);
	kfree(vm->stat_files);
}
