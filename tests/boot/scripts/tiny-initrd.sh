#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# tiny-initrd.sh FILE [LAST]: make an initrd of busybox alone, whose init says what kernel, CPUs and clock it finds, runs the words
# LAST, and powers off.
root=$(mktemp -d)
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys"
cp /usr/bin/busybox "$root/bin/"
mknod "$root/dev/console" c 5 1
sed "s|^LAST$|$2|" >"$root/init" <<'END'
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
LAST
$b poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null) >"$1"
rm -rf "$root"
