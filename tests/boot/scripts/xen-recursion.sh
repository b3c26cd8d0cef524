#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# xen-recursion.sh MODULE: Debian's Xen (the lab's disk has it) as L2, below a Linux 6.12 as L1 whose hypervisor is MODULE, a
# Nestvisor for L1's kernel; L3 is Xen's dom0 (xen-tiny.sh); to power-off of all. A Linux as L1 would offer no EL2 without E2H.
# Environment: L1_CPUS (1), L1_MEM (2G), L2_CPUS (1).
. levels.sh
work=$(mktemp -d)
mkdir "$work/disk"
mount -t ext4 -o ro,noload /run/lab/disk "$work/disk"
cp "$work/disk/xen" "$work/xen"
umount "$work/disk"
cp "$1" "$work/nestvisor.ko"
cat >"$work/job" <<END
insmod /run/lab/nestvisor.ko
CPUS=${L2_CPUS:-1} xen-tiny.sh /run/lab/xen | label.sh L2
END

read -r started _ </proc/uptime
CPUS=${L1_CPUS:-1} MEM=${L1_MEM:-2G} L1_APPEND="kvm-arm.mode=none quiet" boot-l1.sh 6.12 "$work/job" "$work/nestvisor.ko" "$work/xen" \
	"$(command -v xen-tiny.sh)" "$(command -v tiny-initrd.sh)" "$(command -v label.sh)" |
	tr -d '\r' | tee "$work/console" | label.sh L1 timed
read -r ended _ </proc/uptime

why=
if ! said '^GUEST kernel'; then
	why="L1 did not come up: $(tell .)"
elif ! said '^L2: \(XEN\) Brought up'; then
	why="Xen did not come up: $(tell '^L2:')"
elif ! said '^L2: GUEST timer [1-9]' || ! said '^L2: GUEST done'; then
	why="dom0: $(tell '^L2: ')"
elif said '^(L2: )?GUEST log'; then
	why=$(tell '^(L2: )?GUEST log')
elif ! said '^GUEST done'; then
	why="L1 did not reach the end: $(tell .)"
fi
verdict xen-recursion "L0, L1, Xen and dom0"
