// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor's test that fits on two pages, to stand for yours: the only program of an L1. It makes a guest (L2) of one
 * instruction, a store to an address where nothing is, and expects to be told of that store. Its verdict is a line on the console:
 * `EXIT: STATUS=n`, 0 for success. EXPECT=n on L1's kernel command line is what L2 is expected to store (default: 42).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#define CODE_AT   0x40000000ul
#define DEVICE_AT 0x10000000ul
#define SLOT_BYTES 0x10000ul /* a multiple of each size that a page of L1 can have */
#define X(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | ((n) * 2))
#define PC   (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))

static const char *failed; /* the first call that failed */

static int need(int value, const char *what)
{
	if (value < 0 && !failed) {
		failed = what;
		printf("%s: %s\n", what, strerror(errno));
	}
	return value;
}

static void set(int vcpu, unsigned long long id, unsigned long long value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)&value };

	need(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

/* What L2 stores, or -1. */
static long stored_by_l2(void)
{
	static const unsigned int code[] = { 0xb9000020 }; /* str w0, [x1] */
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	int kvm, vm, vcpu, bytes;
	void *memory = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = CODE_AT, .memory_size = SLOT_BYTES, .userspace_addr = (unsigned long)memory,
	};

	memcpy(memory, code, sizeof(code));
	kvm = need(open("/dev/kvm", O_RDWR), "open /dev/kvm");
	vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	vcpu = need(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	need(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	need(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	bytes = need(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	if (failed)
		return -1;
	run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set(vcpu, X(0), 42);
	set(vcpu, X(1), DEVICE_AT);
	set(vcpu, PC, CODE_AT);
	need(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (failed)
		return -1;
	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write || run->mmio.phys_addr != DEVICE_AT) {
		printf("L2 came back with exit reason %u\n", run->exit_reason);
		return -1;
	}
	return run->mmio.data[0];
}

int main(void)
{
	const char *expect = getenv("EXPECT");
	long wanted = expect ? atol(expect) : 42, got;

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	got = stored_by_l2();
	printf("L2 stored %ld, expected was %ld\nEXIT: STATUS=%d\n", got, wanted, got != wanted);
	fflush(stdout);
	sleep(1); /* the console has to say it all */
	reboot(RB_POWER_OFF);
	return 1;
}
