#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# host-cycle.sh [COMMAND…]: what each kind of host must do, whatever its kernel and firmware: load the module, boot a small
# guest, run COMMAND, unload; and the same again without COMMAND, for what the first unloading may have left behind.
# It says first what kind of host that is.

fail() {
	echo "FAIL host-cycle $1"
	exit 1
}

case $(uname -v) in
*PREEMPT_RT*) preemption=PREEMPT_RT ;;
*) preemption=ordinary ;;
esac
if [ -d /sys/firmware/acpi/tables ]; then firmware=ACPI; else firmware="device tree"; fi
pages=$(awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps)
echo "HOST $(uname -r), $preemption kernel, pages of $pages KiB, $firmware"

round() {
	insmod "$LAB_MODULE" || fail "insmod: $(dmesg | tail -n 1)"
	CPUS=2 guest-tiny.sh 6.12 || fail "the small guest"
	if [ $# != 0 ]; then
		"$@" || fail "$*"
	fi
	rmmod nestvisor || fail rmmod
	! grep -q '^nestvisor ' /proc/modules || fail "it stays in /proc/modules"
}

round "$@"
round
echo "PASS host-cycle"
