#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Load and unload the module N times; /dev/kvm comes and goes with it, and nothing of it stays.
set -e
times=$1

fail() {
	echo "cycle $cycle: $1"
	exit 1
}

for cycle in $(seq "$times"); do
	[ ! -e /dev/kvm ] || fail "/dev/kvm is there before the module"
	insmod "$LAB_MODULE" || fail "insmod: $(dmesg | tail -n 1)"
	[ -c /dev/kvm ] || fail "no /dev/kvm"
	rmmod nestvisor || fail "rmmod"
	! grep -q '^nestvisor ' /proc/modules || fail "still in /proc/modules"
done
[ ! -e /dev/kvm ] || fail "/dev/kvm stays after the module"
echo "$times cycles"
