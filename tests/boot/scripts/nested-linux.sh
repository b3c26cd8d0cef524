#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-linux.sh L1 L2…: boot Debian's cloud kernel L1 at virtual EL2, and in it the kernels L2 as its guests
# (guest-linux.sh), to power-off of both. Environment: CPUS (2, of each), MEM (1G, of L1), L2_MEM (384M), LOAD (seconds of
# work in L2, 0), GUEST_APPEND (quiet).
l1=$1
shift
cpus=${CPUS:-2}
work=$(mktemp -d)
. /run/lab/env

# What L1 adds to its initramfs: the job and the script that it needs.
mkdir -p "$work/lab/l1"
cp "$(command -v guest-linux.sh)" "$work/lab/l1/"
echo "CPUS=$cpus MEM=${L2_MEM:-384M} LOAD=${LOAD:-0} GUEST_APPEND='${GUEST_APPEND-quiet}' guest-linux.sh $*" >"$work/lab/l1/job"
{
	cat "/guest/initrd-$l1"
	(cd "$work" && find lab | cpio -o -H newc 2>/dev/null)
} >"$work/initrd"

started=$(date +%s)
qemu-system-aarch64 -M virt,virtualization=on,gic-version=3,its=off -accel kvm -cpu host -smp "$cpus" -m "${MEM:-1G}" \
	-nographic -nic none -no-reboot -kernel "/guest/linux-$l1" -initrd "$work/initrd" \
	-drive file="$LAB_ROOT",if=virtio,format=raw,snapshot=on \
	-append "console=ttyAMA0 panic=-1 ${GUEST_APPEND-quiet}" </dev/null 2>&1 | tee "$work/console" | tr -d '\r' | sed 's/^/L1: /'
seconds=$(($(date +%s) - started))
rm -f "$work/initrd"

result=1
if ! grep -aq "VHE mode initialized successfully" "$work/console"; then
	why="L1 has no KVM: $(grep -a 'GUEST kvm' "$work/console" | tail -n 1)"
elif ! grep -aq "GUEST cpus $cpus of $cpus" "$work/console"; then
	why="not all $cpus CPUs of L1 came up"
elif ! grep -aq "^PASS linux-" "$work/console" || grep -aq "^FAIL linux-" "$work/console"; then
	why="L2: $(grep -a '^FAIL linux-' "$work/console" | head -n 1)"
elif grep -aq "^GUEST log" "$work/console"; then
	why=$(grep -a "^GUEST log" "$work/console" | head -n 1)
elif ! grep -aq "^GUEST done" "$work/console"; then
	why="L1 did not reach the end: $(grep -a . "$work/console" | tail -n 1)"
else
	result=0
fi
if [ $result = 0 ]; then
	echo "PASS nested-linux-$l1 L0, L1 and $# L2, $seconds s to power-off"
else
	echo "FAIL nested-linux-$l1 $why" | tr -d '\r'
fi
rm -rf "$work"
exit $result
