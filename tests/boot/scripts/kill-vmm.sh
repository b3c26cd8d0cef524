#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kill-vmm.sh ROUNDS [KIND…]: kill -9 a VMM at random moments, the kinds in turn. Afterwards the module must unload (so no
# VM, vCPU or interrupt is left), and the host must have its memory back, but for what its caches keep.
#   linux   QEMU, while Linux boots in its guest (default)
#   l2      the bare-metal cases in which L2 runs nearly all of the time, on two vCPUs
#   moves   bare-metal cases, their state read out again and again and taken to a new VM
rounds=${1:-3} slack_kb=${SLACK_KB:-65536}
shift
[ $# -gt 0 ] || set -- linux

# Where the kernel cannot be told to drop its caches (CONFIG_SYSCTL), as it counts them itself.
free_kb() {
	sync
	field=MemAvailable
	[ ! -w /proc/sys/vm/drop_caches ] || { echo 3 >/proc/sys/vm/drop_caches; field=MemFree; }
	awk -v field="$field:" '$1 == field { print $2 }' /proc/meminfo
}

references() { cat /sys/module/nestvisor/refcnt; }

# A process group of its own: the bare-metal cases have a process for each VM.
start_linux() {
	setsid qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp 2 -m 256M -nographic -nic none \
		-kernel /guest/linux-6.12 -initrd /guest/initrd-6.12 -append "console=ttyAMA0 quiet" </dev/null >/dev/null 2>&1 &
	vmm=$!
}
start_cases() {
	setsid sh -c "while :; do /mnt/share/guests/nested_guests $*; done" >/dev/null 2>&1 &
	vmm=$!
}
start_l2() { start_cases "smp-both-run-l2 '*-other-vcpu' ich-lr-under-sgis"; }
start_moves() { start_cases "--move-every 3000"; }

# Dead once nobody refers to the module: the last of a group may still be on its way out.
kill_vmm() {
	kill -9 -"$vmm" || { echo "FAIL kill-vmm the $kind VMM was gone before it was killed"; exit 1; }
	wait "$vmm" 2>/dev/null
	tries=0
	until [ "$(references)" = 0 ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "FAIL kill-vmm a killed VMM still holds the module"; exit 1; }
		sleep 0.1
	done
}

for kind; do # the first of each kind pays for what the host caches for good
	start_"$kind"
	sleep 3
	kill_vmm
done
before=$(free_kb)
round=0
while [ "$round" -lt "$rounds" ]; do
	kind=$1
	shift
	set -- "$@" "$kind"
	start_"$kind"
	# QEMU takes a while until it opens /dev/kvm.
	until [ "$(references)" -gt 0 ]; do sleep 0.1; done
	if [ "$round$kind" = 0linux ] && rmmod nestvisor 2>/dev/null; then
		echo "FAIL kill-vmm the module was unloaded while a VM existed"
		exit 1
	fi
	# Mostly soon, up to six seconds.
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	sleep "$(awk -v seed="$seed" 'BEGIN { srand(seed); printf "%.2f", 6 * rand() * rand() }')" || exit 1
	kill_vmm
	round=$((round + 1))
	[ $((round % 25)) != 0 ] || echo "$round of $rounds rounds, $(cut -d. -f1 /proc/uptime) s of uptime"
done
after=$(free_kb)
echo "free before $before kB, after $after kB"
[ "$after" -gt $((before - slack_kb)) ] || { echo "FAIL kill-vmm $((before - after)) kB are missing"; exit 1; }
rmmod nestvisor || { echo "FAIL kill-vmm the module cannot be unloaded: something still holds it"; exit 1; }
insmod "$LAB_MODULE" || exit 1
echo "$rounds rounds"
