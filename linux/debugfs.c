// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/nestvisor/exits: what all vCPUs that have ended have counted, as "name: value" lines;
 * .../vms: what each existing VM and vCPU has counted so far, as "vm N [vcpu N] name: value", and a VM's process, as "vm N pid: P";
 * .../shadows: what stage 2 of each VM and its shadows translate (translations_show()).
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

/*
 * "vm N slot K ipa I bytes B hva H": a memory slot, L1's addresses in those of its VMM;
 * "vm N stage2 ipa I bytes B pa P rwx TYPE": what the VM's stage 2 maps, neighbours with the same attributes being one line;
 * "vm N shadow K baddr A vtcr V vmid M users U": one of L1's stage 2, by its registers, and the vCPUs on it;
 * "vm N shadow K ipa I bytes B pa P rwx TYPE": what that shadow maps of L2's addresses.
 */
static int translations_show(struct seq_file *file, void *unused)
{
	nest_dump_translations(file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(translations);

void nest_port_dump_slot(void *to, struct nest_dump_slot line)
{
	seq_printf(to, "vm %u slot %u ipa 0x%llx bytes 0x%llx hva 0x%llx\n", line.vm, line.slot, line.ipa, line.bytes, line.hva);
}

void nest_port_dump_shadow(void *to, struct nest_dump_shadow line)
{
	seq_printf(to, "vm %u shadow %u baddr 0x%llx vtcr 0x%llx vmid %u users %u\n", line.vm, line.shadow, line.baddr, line.vtcr,
		   line.vmid, line.users);
}

void nest_port_dump_run(void *to, struct nest_dump_run line)
{
	static const char *const types[] = {
		[NEST_DUMP_NORMAL] = "normal", [NEST_DUMP_NORMAL_NC] = "normal-nc", [NEST_DUMP_DEVICE] = "device",
	};

	if (line.shadow < 0)
		seq_printf(to, "vm %u stage2", line.vm);
	else
		seq_printf(to, "vm %u shadow %d", line.vm, line.shadow);
	seq_printf(to, " ipa 0x%llx bytes 0x%llx pa 0x%llx %c%c%c %s\n", line.ipa, line.bytes, line.pa, line.read ? 'r' : '-',
		   line.write ? 'w' : '-', line.execute ? 'x' : '-', types[line.type]);
}

/* Errors are ignored: a kernel without debugfs has no such files. */
void nest_debugfs_init(void)
{
	nest_debugfs_kvm_init();
	folder = debugfs_create_dir("nestvisor", NULL);
	debugfs_create_file("exits", 0444, folder, NULL, &exits_fops);
	debugfs_create_file("vms", 0444, folder, NULL, &vms_fops);
	debugfs_create_file("shadows", 0400, folder, NULL, &translations_fops);
}

void nest_debugfs_exit(void)
{
	debugfs_remove_recursive(folder);
	nest_debugfs_kvm_exit();
}
