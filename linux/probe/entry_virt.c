// SPDX-License-Identifier: GPL-2.0-only
/* The work before a guest's entry is asked for without a struct kvm_vcpu, by another header. */
#include <linux/entry-virt.h>

int probe(void)
{
	return xfer_to_guest_mode_handle_work();
}
