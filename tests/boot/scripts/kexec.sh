#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kexec.sh: the machine goes over to another kernel while guests run, with nobody to stop them first. That kernel must come
# up at EL2 with all CPUs, and its own KVM must start there. This one does not come back, so its successor ends the test.
kexec=/usr/sbin/kexec cpus=$(nproc)
work=/tmp/next
mkdir -p $work/bin $work/dev $work/proc
cp /usr/bin/busybox $work/bin/busybox
mknod $work/dev/console c 5 1
cat >$work/init <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
want() {
	[ "\$2" = "\$3" ] && echo "PASS \$1" || echo "FAIL \$1 \$2, not \$3"
}
want all-cpus "\$(nproc)" "$cpus"
want at-el2 "\$(dmesg | grep -c 'CPU: All CPU(s) started at EL2')" 1
want kvm-starts "\$(dmesg | grep -c 'kvm .*: VHE mode initialized successfully')" 1
echo "@@LAB LOG"
dmesg
echo "@@LAB DONE 0"
poweroff -f
INIT
chmod +x $work/init
(cd $work && find . | cpio -o -H newc 2>/dev/null) >/tmp/next.cpio || exit 1

guest() {
	qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp 2 -m 256M -nographic -nic none -no-reboot \
		-kernel /guest/linux-6.12 -initrd /guest/initrd-6.12 -append "console=ttyAMA0 quiet lab.load=600" </dev/null
}
for number in 1 2; do
	guest >/tmp/guest$number 2>&1 &
done
for number in 1 2; do
	until grep -aq "GUEST disk" /tmp/guest$number; do
		sleep 1
		[ "$(pidof qemu-system-aarch64 | wc -w)" = 2 ] || { cat /tmp/guest*; exit 1; }
	done
done
$kexec -l /guest/linux-6.12 --initrd=/tmp/next.cpio --command-line="console=ttyAMA0 quiet panic=-1 oops=panic" || exit 1
echo "two guests run"
exec $kexec -e
