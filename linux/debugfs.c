// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/debug/nestvisor/exits: what all vCPUs that have ended counted, as "name: value" lines. */
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

/* Without debugfs there is simply nothing to look at. */
void nest_debugfs_init(void)
{
	folder = debugfs_create_dir("nestvisor", NULL);
	debugfs_create_file("exits", 0444, folder, NULL, &exits_fops);
}

void nest_debugfs_exit(void)
{
	debugfs_remove_recursive(folder);
}
