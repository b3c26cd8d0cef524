#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# xen-guest.sh IMAGE: boot Debian's Xen (the lab's disk has it) at virtual EL2 as L1, and the image as its dom0 with two CPUs, whose
# UART Xen shows on its own; to power-off. CNTVCT_EL0 counts all instructions: no adjustment by QEMU.
work=$(mktemp -d)
mkdir -p "$work/disk"
mount -t ext4 -o ro,noload /run/lab/disk "$work/disk"
cp "$work/disk/xen" "$work/xen"
umount "$work/disk"
qemu-system-aarch64 -M virt,virtualization=on -accel kvm -cpu host,kvm-no-adjvtime=on -smp 2 -m 768M -nographic -nic none -no-reboot \
	-kernel "$work/xen" -append "dom0_mem=256M dom0_max_vcpus=2 console=dtuart sync_console guest_loglvl=debug" \
	-device guest-loader,addr=0x49000000,kernel="$1",bootargs=none </dev/null 2>&1
rm -rf "$work"
