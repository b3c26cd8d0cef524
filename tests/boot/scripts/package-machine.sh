#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# package-machine.sh STEP: what an installed Debian does at one boot of the packages' test, as root and by systemd: install,
# use, upgrade, remove or gone, in this order. /srv/share has the packages (packages/) and a guest (guest/).
step=$1
export LC_ALL=C HOME=/root DEBIAN_FRONTEND=noninteractive PATH=/srv/share/scripts:/usr/sbin:/usr/bin
log=/run/lab.log

fail() {
	echo "FAIL $step $1"
	exit 1
}

# What a command says is shown as it comes, and its status counts.
show() { { "$@" 2>&1 || touch /run/lab.failed; } | tee $log && [ ! -e /run/lab.failed ]; }

# KERNEL: DKMS has built our module for it, of the packages' version.
built() {
	dkms status nestvisor | grep -q "$1.*: installed" || fail "DKMS has no module for $1: $(dkms status | tr '\n' ';')"
	[ "$(modinfo -k "$1" -F version nestvisor)" = "$(cat /srv/share/VERSION)" ] || fail "modinfo does not say the version of the module for $1"
	echo "built for $1"
}

install() {
	if [ -e /sys/module/nestvisor ]; then fail "the module is there before its package"; fi
	show apt-get -qq update || fail "apt-get update: $(tail -n 1 $log)"
	# As docs/users/quickstart.md says.
	show apt-get -qq -y install linux-headers-arm64 || fail "apt-get install linux-headers-arm64: $(tail -n 1 $log)"
	show apt-get -qq -y install /srv/share/packages/nestvisor-dkms_*.deb /srv/share/packages/nestvisor-tools_*.deb ||
		fail "apt-get install: $(tail -n 1 $log)"
	built "$(uname -r)"
	grep -q kvm-arm.mode=none /boot/grub/grub.cfg || fail "no boot parameter"
	grep -q "boot again" $log || fail "postinst does not say that the machine has to boot again"
	useradd -m -G kvm member || fail "no user"
	useradd -m stranger || fail "no second user"
}

# The guest is one of the lab's own, and a user starts it who has no more rights than the group kvm.
use() {
	grep -qw kvm-arm.mode=none /proc/cmdline || fail "the machine has booted without the parameter"
	[ -e /sys/module/nestvisor ] || fail "nothing has loaded the module: $(dmesg | grep nestvisor | tail -n 1)"
	built "$(uname -r)"
	[ "$(stat -c %G:%a /dev/kvm)" = kvm:660 ] || fail "/dev/kvm is $(stat -c %U:%G:%a /dev/kvm)"
	if runuser -u stranger -- sh -c ': </dev/kvm' 2>/dev/null; then fail "anyone may open /dev/kvm"; fi
	ln -sfn /srv/share/guest /guest
	show env CPUS=2 runuser -u member -- guest-linux.sh 6.12 || fail "a member of the group kvm has no guest: $(tail -n 1 $log)"
	# 1: guests, but none that are hypervisors, which Debian's QEMU may not know yet.
	status=0
	nestvisor check || status=$?
	[ $status -le 1 ] || fail "nestvisor check finds fault: status $status"
	show sh -c '/usr/share/bug/nestvisor-dkms/script 3>&1' || fail "no report about a bug"
	grep -q "nestvisor/$(cat /srv/share/VERSION)" $log || fail "the report about a bug does not name the module"
}

# Another kernel, as an upgrade brings one; it is the next to boot.
upgrade() {
	show apt-get -qq update || fail "apt-get update: $(tail -n 1 $log)"
	show apt-get -qq -y install linux-image-cloud-arm64 linux-headers-cloud-arm64 || fail "apt-get install: $(tail -n 1 $log)"
	for folder in /lib/modules/*-cloud-arm64; do built "${folder##*/}"; done
	entry=$(sed -n "s/.*'\(gnulinux-[^']*-cloud-arm64-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg)
	menu=$(sed -n "s/^submenu .*'\(gnulinux-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg)
	grub-set-default "$menu>$entry" || fail "cannot choose the new kernel"
}

# The new kernel is used, too, and then everything goes.
remove() {
	case $(uname -r) in *-cloud-arm64) ;; *) fail "the new kernel has not been booted: $(uname -r)" ;; esac
	use
	show apt-get -qq -y purge nestvisor-dkms nestvisor-tools || fail "apt-get purge: $(tail -n 1 $log)"
	nothing
}

nothing() {
	if [ -e /sys/module/nestvisor ]; then fail "the module is still loaded"; fi
	if grep kvm-arm.mode /boot/grub/grub.cfg; then fail "the boot parameter is still there"; fi
	left=$(find / -xdev -name '*nestvisor*')
	[ -z "$left" ] || fail "left behind: $(echo "$left" | tr '\n' ' ')"
	if dkms status | grep nestvisor; then fail "DKMS still knows it"; fi
}

gone() {
	if grep kvm-arm.mode /proc/cmdline; then fail "the machine has booted with the parameter"; fi
	nothing
	[ -c /dev/kvm ] || fail "the kernel's own KVM has not come back"
}

"$step"
echo "PASS $step"
