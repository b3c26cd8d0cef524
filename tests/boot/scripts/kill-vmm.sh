#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kill-vmm.sh ROUNDS: kill -9 QEMU at random moments of a guest's boot. Afterwards the module must unload (so no VM, vCPU
# or interrupt is left), and the host must have its memory back, but for what its caches keep.
rounds=${1:-3} slack_kb=${SLACK_KB:-65536}

free_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree/ { print $2 }' /proc/meminfo
}

start() {
	qemu-system-aarch64 -M virt,gic-version=3,its=off -accel kvm -cpu host -smp 2 -m 256M -nographic -nic none \
		-kernel /guest/linux-6.12 -initrd /guest/initrd-6.12 -append "console=ttyAMA0 quiet" </dev/null >/dev/null 2>&1 &
	vmm=$!
}

start # the first pays for what the host caches for good
sleep 3
kill -9 "$vmm"
wait "$vmm" 2>/dev/null
before=$(free_kb)
round=0
while [ "$round" -lt "$rounds" ]; do
	start
	seconds=$(awk -v seed="$round$$" 'BEGIN { srand(seed); printf "%.1f", 0.2 + 8 * rand() }')
	if [ "$round" = 0 ]; then
		# QEMU takes a while until it opens /dev/kvm.
		until [ "$(cat /sys/module/nestvisor/refcnt)" -gt 0 ]; do sleep 0.1; done
		if rmmod nestvisor 2>/dev/null; then
			echo "FAIL kill-vmm the module was unloaded while a VM existed"
			exit 1
		fi
	fi
	sleep "$seconds"
	kill -9 "$vmm"
	wait "$vmm" 2>/dev/null
	round=$((round + 1))
done
after=$(free_kb)
echo "free before $before kB, after $after kB"
[ "$after" -gt $((before - slack_kb)) ] || { echo "FAIL kill-vmm $((before - after)) kB are missing"; exit 1; }
rmmod nestvisor || { echo "FAIL kill-vmm the module cannot be unloaded: something still holds it"; exit 1; }
insmod "$LAB_MODULE" || exit 1
echo "$rounds rounds"
