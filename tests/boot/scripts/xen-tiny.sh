#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# xen-tiny.sh XEN: boot that Xen at virtual EL2 of this level's hypervisor, and as its dom0 a Linux 6.12 with nothing but busybox
# (tiny-initrd.sh), to power-off of both; their consoles come out as they are. Environment: CPUS (1), MEM (768M).
work=$(mktemp -d)
tiny-initrd.sh "$work/initrd"
qemu-system-aarch64 -M virt,virtualization=on -accel kvm -cpu host -smp "${CPUS:-1}" -m "${MEM:-768M}" -nographic -nic none \
	-no-reboot -kernel "$1" -append "dom0_mem=320M console=dtuart sync_console" \
	-device guest-loader,addr=0x49000000,kernel=/guest/linux-6.12,bootargs="console=hvc0 panic=-1 quiet" \
	-device guest-loader,addr=0x52000000,initrd="$work/initrd" </dev/null 2>&1
rm -rf "$work"
