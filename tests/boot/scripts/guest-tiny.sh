#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# guest-tiny.sh KERNEL: boot Debian's cloud kernel as a guest of this level with nothing but busybox: no module, no disk,
# no network. For levels at which each exit, and each page touched first, costs thousands of instructions further down.
# It must see its CPUs and its clock run. Environment: CPUS (1), MEM (256M), LABEL (GUEST), GUEST_APPEND (quiet).
cpus=${CPUS:-1}
work=$(mktemp -d)

tiny-initrd.sh "$work/initrd"

# Seconds of this level's own clock: it has no other.
read -r started _ </proc/uptime
{
	qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp "$cpus" -m "${MEM:-256M}" \
		-nographic -nic none -no-reboot -kernel "/guest/linux-$1" -initrd "$work/initrd" \
		-append "console=ttyAMA0 panic=-1 ${GUEST_APPEND-quiet}" </dev/null 2>&1
	echo "$?" >"$work/status"
} | tee "$work/console" | label.sh "${LABEL:-GUEST}"
read -r ended _ </proc/uptime

result=1
if [ "$(cat "$work/status")" != 0 ]; then
	why="QEMU ended with status $(cat "$work/status"): $(grep -a . "$work/console" | tail -n 1)"
elif ! grep -aq "GUEST cpus $cpus of $cpus" "$work/console"; then
	why="not all $cpus CPUs came up: $(grep -a 'GUEST cpus' "$work/console")"
elif ! grep -aq "GUEST timer [1-9]" "$work/console"; then
	why="its clock stands still: $(grep -a 'GUEST timer' "$work/console")"
elif grep -aq "GUEST log" "$work/console"; then
	why=$(grep -a "GUEST log" "$work/console" | head -n 1)
elif ! grep -aq "GUEST done" "$work/console"; then
	why="did not reach the end: $(grep -a . "$work/console" | tail -n 1)"
else
	result=0
fi
if [ $result = 0 ]; then
	echo "PASS tiny-$1 $cpus CPUs, $((${ended%.*} - ${started%.*})) s to power-off"
else
	echo "FAIL tiny-$1 $why" | tr -d '\r'
fi
rm -rf "$work"
exit $result
