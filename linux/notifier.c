// SPDX-License-Identifier: GPL-2.0-only
/* MMU notifiers: the kernel tells of a page of the VMM before it takes that page away. */
#include <linux/glue.h>
#include <linux/host_compat.h>

static struct nest_vm *vm_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct nest_host_vm, notifier)->core;
}

/* Never sleeps, so the OOM reaper's non-blockable ranges need no case of their own. */
static int invalidate_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	nest_mmu_invalidate_start(vm_of(notifier), range->start, range->end);
	return 0;
}

static void invalidate_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	nest_mmu_invalidate_end(vm_of(notifier), range->start, range->end);
}

static nest_young_t clear_flush_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return nest_mmu_age(vm_of(notifier), start, end, true);
}

/* No TLB maintenance is due here: a stale access flag only makes a page look older than it is. */
static nest_young_t clear_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return nest_mmu_age(vm_of(notifier), start, end, true);
}

static nest_young_t test_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long address)
{
	return nest_mmu_age(vm_of(notifier), address, address + 1, false);
}

static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	nest_mmu_release(vm_of(notifier));
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

int nest_notifier_register(struct nest_host_vm *vm)
{
	int ret;

	vm->notifier.ops = &notifier_ops;
	ret = mmu_notifier_register(&vm->notifier, vm->mm);
	vm->notifier_registered = ret == 0;
	return ret;
}

void nest_notifier_unregister(struct nest_host_vm *vm)
{
	if (vm->notifier_registered)
		mmu_notifier_unregister(&vm->notifier, vm->mm);
	vm->notifier_registered = false;
}
