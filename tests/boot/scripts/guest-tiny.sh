#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# guest-tiny.sh KERNEL: boot Debian's cloud kernel as a guest of this level with nothing but busybox: no module, no disk,
# no network. For levels at which each exit, and each page touched first, costs thousands of instructions further down.
# It must see its CPUs and its clock run. Environment: CPUS (1), MEM (256M), LABEL (GUEST), GUEST_APPEND (quiet).
cpus=${CPUS:-1}
work=$(mktemp -d)

mkdir -p "$work/root/bin" "$work/root/dev" "$work/root/proc" "$work/root/sys"
cp /usr/bin/busybox "$work/root/bin/"
mknod "$work/root/dev/console" c 5 1
cat >"$work/root/init" <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
echo "GUEST kernel $($b uname -r)"
echo "GUEST cpus $($b nproc) of $(set -- /sys/devices/system/cpu/cpu[0-9]*; echo $#)"
read -r before _ </proc/uptime
$b sleep 1
read -r after _ </proc/uptime
echo "GUEST timer $((${after%.*} - ${before%.*})) s"
$b dmesg | $b grep -E 'BUG|WARNING|lockup|Unable to handle|Internal error' | $b sed 's/^/GUEST log /'
echo "GUEST done"
$b poweroff -f
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc 2>/dev/null) >"$work/initrd"
rm -rf "$work/root"

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
