// SPDX-License-Identifier: GPL-2.0-only
/* <linux/kvm.h> has all numbers and structures of the ABI that is offered, as of 6.12: abi_check.c can compare. */
#include <linux/kvm.h>

int probe = KVM_PRE_FAULT_MEMORY;
