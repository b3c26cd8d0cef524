// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proves, when the module is built, that the numbers and layouts in kvm/abi/ are those of this kernel's headers. Headers
 * that are older than the newest of these numbers prove nothing: then another kernel's have to.
 */
#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/host_probed.h>
#include <linux/kvm.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <linux/kvm.h>
#include <stddef.h>
#endif

#if !defined(__KERNEL__) || defined(NEST_HAVE_ABI)

#define NEST_DIRECTION_NONE       _IOC_NONE
#define NEST_DIRECTION_WRITE      _IOC_WRITE
#define NEST_DIRECTION_READ       _IOC_READ
#define NEST_DIRECTION_READ_WRITE (_IOC_READ | _IOC_WRITE)

#define IOCTL(name, direction, number, bytes) \
	static_assert(name == _IOC(NEST_DIRECTION_##direction, KVMIO, number, bytes), #name);
#include "../kvm/abi/ioctls.def"

#define CAPABILITY(name, number, answer) static_assert((name) == (number), #name);
#include "../kvm/abi/capabilities.def"

#define NUMBER(name, value) static_assert((unsigned long long)(name) == (value), #name);
#include "../kvm/abi/numbers.def"

#define STRUCT(ours, theirs, bytes) static_assert(sizeof(struct theirs) == (bytes), #theirs);
#define FIELD(ours, member, theirs, their_member, offset) \
	static_assert(offsetof(struct theirs, their_member) == (offset), #theirs "." #their_member);
#include "../kvm/abi/layout.def"

#endif
