#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# boot-l1.sh L1 JOB FILE…: boot Debian's cloud kernel L1 at virtual EL2, on its console. It has the lab's root disk, finds
# the files (or folders) at /run/lab, runs the script JOB there and powers off (guest-init).
# In L1 it boots L2 in the same way, where the job finds an env at /run/lab that names the disk (nested-recursion.sh).
# Environment: CPUS (2), MEM (1G), MACHINE (virt), EL2 (on), L1_CPU (host), L1_FIRMWARE (none), L1_APPEND (quiet).
l1=$1 job=$2
shift 2
work=$(mktemp -d)
. /run/lab/env

mkdir -p "$work/lab/l1"
[ $# = 0 ] || cp -r "$@" "$work/lab/l1/"
cp "$job" "$work/lab/l1/job"
{
	cat "/guest/initrd-$l1"
	(cd "$work" && find lab | cpio -o -H newc 2>/dev/null)
} >"$work/initrd"
rm -rf "$work/lab"
qemu-system-aarch64 -M "${MACHINE:-virt},virtualization=${EL2:-on}" -accel kvm -cpu "${L1_CPU:-host}" -smp "${CPUS:-2}" \
	-m "${MEM:-1G}" ${L1_FIRMWARE:+-bios "$L1_FIRMWARE"} -nographic -no-reboot -kernel "/guest/linux-$l1" -initrd "$work/initrd" \
	-drive file="$LAB_ROOT",if=virtio,format=raw,snapshot=on \
	-netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci \
	-append "console=ttyAMA0 panic=-1 ${L1_APPEND-quiet}" </dev/null 2>&1
rm -rf "$work"
