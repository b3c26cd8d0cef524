// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/nestvisor/exits: what all vCPUs that have ended have counted, as "name: value" lines;
 * .../vms: what each existing VM and vCPU has counted so far, as "vm N [vcpu N] name: value".
 */
#include <linux/debugfs.h>
#include <linux/glue.h>
#include <linux/seq_file.h>

static struct dentry *folder;

static int exits_show(struct seq_file *file, void *unused)
{
	const char *name;
	uint64_t value;
	unsigned int row;

	for (row = 0; nest_totals_row(row, &name, &value); row++)
		if (value)
			seq_printf(file, "%s: %llu\n", name, value);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exits);

void nest_port_stats_line(void *to, uint32_t vm, int vcpu, const char *name, int index, uint64_t value)
{
	seq_printf(to, "vm %u ", vm);
	if (vcpu >= 0)
		seq_printf(to, "vcpu %d ", vcpu);
	seq_puts(to, name);
	if (index >= 0)
		seq_printf(to, "[%d]", index);
	seq_printf(to, ": %llu\n", value);
}

static int vms_show(struct seq_file *file, void *unused)
{
	nest_stats_show(file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vms);

/* Errors are ignored: a kernel without debugfs has no such files. */
void nest_debugfs_init(void)
{
	folder = debugfs_create_dir("nestvisor", NULL);
	debugfs_create_file("exits", 0444, folder, NULL, &exits_fops);
	debugfs_create_file("vms", 0444, folder, NULL, &vms_fops);
}

void nest_debugfs_exit(void)
{
	debugfs_remove_recursive(folder);
}
