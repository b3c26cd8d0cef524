// SPDX-License-Identifier: GPL-2.0-only
/* MMU notifiers answer "was the page young?" by a bool. */
#include <linux/mmu_notifier.h>

static bool test_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long address)
{
	return false;
}

const struct mmu_notifier_ops probe = { .test_young = test_young };
