#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# xen.sh: boot Debian's Xen (the lab's disk has it) at virtual EL2 as L1, a Linux 6.12 as its dom0, and from there, by xl, the
# same Linux as a domU; to power-off of all three. Environment: CPUS (2, of L1), MEM (1536M, of L1), L1_CPU (host), L1_FIRMWARE (none:
# QEMU starts Xen itself; else EDK2 or U-Boot, which finds Xen on a disk as any EFI machine does).
cpus=${CPUS:-2}
work=$(mktemp -d)
. /run/lab/env
mkdir -p "$work/disk" "$work/lab/l1"
mount -t ext4 -o ro,noload /run/lab/disk "$work/disk"
cp "$work/disk/xen" "$work/xen"
umount "$work/disk"
cp "$(command -v xen-dom0.sh)" "$work/lab/l1/job"
{
	cat /guest/initrd-6.12
	(cd "$work" && find lab | cpio -o -H newc 2>/dev/null)
} >"$work/initrd"

# Xen hands its own console on as hvc0.
options="dom0_mem=768M console=dtuart sync_console" words="console=hvc0 panic=-1 quiet nowatchdog"
if [ -z "$L1_FIRMWARE" ]; then
	# QEMU tells Xen of the two by the device tree.
	set -- -kernel "$work/xen" -append "$options" \
		-device guest-loader,addr=0x49000000,kernel=/guest/linux-6.12,bootargs="$words" \
		-device guest-loader,addr=0x52000000,initrd="$work/initrd"
else
	esp=$work/esp/EFI/BOOT
	mkdir -p "$esp"
	mv "$work/xen" "$esp/BOOTAA64.EFI"
	cp /guest/linux-6.12 "$esp/linux"
	mv "$work/initrd" "$esp/initrd"
	printf '[global]\ndefault=lab\n[lab]\noptions=%s\nkernel=linux %s\nramdisk=initrd\n' "$options" "$words" >"$esp/BOOTAA64.cfg"
	# On NVMe, so that the other disks keep their names; U-Boot looks at the first of each kind.
	set -- -bios "$L1_FIRMWARE" -drive file="fat:rw:$work/esp",if=none,id=esp,format=raw \
		-device nvme,drive=esp,serial=esp,bootindex=0
fi
started=$(date +%s)
qemu-system-aarch64 -M virt,virtualization=on,acpi=off -accel kvm -cpu "${L1_CPU:-host}" -smp "$cpus" -m "${MEM:-1536M}" -nographic \
	-no-reboot "$@" \
	-drive file="$LAB_ROOT",if=none,id=root,format=raw,snapshot=on -device virtio-blk-pci,drive=root \
	-drive file="$(readlink -f /run/lab/disk)",if=none,id=xen,format=raw,snapshot=on -device virtio-blk-pci,drive=xen \
	-netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile= </dev/null 2>&1 |
	tee "$work/console" | tr -d '\r' | sed 's/^/L1: /'
seconds=$(($(date +%s) - started))

said() { grep -aq "$1" "$work/console"; }
result=1
if ! said "(XEN) Brought up $cpus CPUs"; then
	why="Xen did not bring up $cpus CPUs: $(grep -a . "$work/console" | tail -n 1)"
elif ! said "^GUEST cpus $cpus of $cpus"; then
	why="dom0: $(grep -a . "$work/console" | tail -n 1)"
elif ! said "^domU: GUEST cpus 2 of 2" || ! said "^domU: GUEST done"; then
	why="domU: $(grep -a '^domU\|^FAIL' "$work/console" | tail -n 1)"
elif ! said "^domU is gone"; then
	why="domU did not power off"
elif ! said "^GUEST done"; then
	why="dom0 did not reach the end: $(grep -a . "$work/console" | tail -n 1)"
else
	result=0
fi
if [ $result = 0 ]; then
	echo "PASS xen L0, Xen, dom0 and domU, $seconds s to power-off"
else
	echo "FAIL xen $why" | tr -d '\r'
fi
rm -rf "$work"
exit $result
