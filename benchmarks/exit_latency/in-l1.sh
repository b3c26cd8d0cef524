#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# in-l1.sh L1 SCRIPT: boot Debian's cloud kernel L1 at virtual EL2 and run the script there; it finds a copy of
# /mnt/share/bench at /run/lab/bench. Environment: CPUS (2), MEM (1G).
l1=$1
work=$(mktemp -d)
. /run/lab/env
mkdir -p "$work/lab/l1"
cp -r /mnt/share/bench "$work/lab/l1/"
cp "$2" "$work/lab/l1/job"
{
	cat "/guest/initrd-$l1"
	(cd "$work" && find lab | cpio -o -H newc 2>/dev/null)
} >"$work/initrd"
# CNTVCT_EL0 is to count all instructions, those that the VM waits for included: no adjustment by QEMU.
qemu-system-aarch64 -M virt,virtualization=on,gic-version=3,its=off -accel kvm -cpu host,kvm-no-adjvtime=on \
	-smp "${CPUS:-2}" -m "${MEM:-1G}" -nographic -nic none -no-reboot -kernel "/guest/linux-$l1" -initrd "$work/initrd" \
	-drive file="$LAB_ROOT",if=virtio,format=raw,snapshot=on \
	-append "console=ttyAMA0 panic=-1 quiet nokaslr" </dev/null 2>&1 | tr -d '\r'
rm -rf "$work"
