#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-recursion.sh [L1 [L2 [L3]]] (7.2 6.12 6.12): a hypervisor under a hypervisor under a hypervisor. L1 is a Linux that
# offers nested virtualisation itself (kvm-arm.mode=nested), L2 boots at L1's virtual EL2 and has a KVM, L3 is its guest
# (guest-tiny.sh), to power-off of all. Every line of every console comes out as it is said, labelled by its levels.
# Environment: L1_CPUS (1), L1_MEM (2G), L2_CPUS (1), L2_MEM (1G), L3_CPUS (1), L3_MEM (256M); L1_APPEND, L2_APPEND,
# L3_APPEND (quiet); L2_EL2 (on; off: L2 is flat and only the way down is tried); BEAT (60, seconds from one line of L0's
# counters to the next); L1_MODULE (a Nestvisor for L1's kernel: L1's hypervisor is that instead of Linux' own); L2_MODE (vhe;
# nvhe: L2's EL2 is without E2H, which a Linux as L1 offers to no QEMU).
l1=${1:-7.2} l2=${2:-6.12} l3=${3:-6.12}
. levels.sh
work=$(mktemp -d)

# What L1 sources as L0 sources the lab's: there the root disk is the only one.
echo "LAB_ROOT=/dev/vda" >"$work/env"
cat >"$work/job-l2" <<END
LABEL=L3 CPUS=${L3_CPUS:-1} MEM=${L3_MEM:-256M} GUEST_APPEND='${L3_APPEND-quiet}' guest-tiny.sh $l3
END
mode=nested nests='^GUEST kvm.* VHE\+NV2 mode initialized successfully' load=:
if [ -n "$L1_MODULE" ]; then
	mode=none nests='^GUEST kvm.* nestvisor: ready'
	load='insmod /run/lab/nestvisor.ko; dmesg | grep nestvisor: | sed "s/^/GUEST kvm /"'
fi
l2_words=$(kvm-mode.sh words "${L2_MODE:-vhe}") || exit
l2_says=$(kvm-mode.sh says "${L2_MODE:-vhe}")
cat >"$work/job-l1" <<END
$load
CPUS=${L2_CPUS:-1} MEM=${L2_MEM:-1G} EL2=${L2_EL2:-on} L1_APPEND='${L2_APPEND-quiet} $l2_words' \
	boot-l1.sh $l2 /run/lab/job-l2 /run/lab/label.sh /run/lab/guest-tiny.sh /run/lab/tiny-initrd.sh | label.sh L2
END

# A sign of life: the levels above can be silent for minutes.
beat() {
	while sleep "$1"; do
		read -r up _ </proc/uptime
		printf '%6s s L0:' "${up%.*}"
		sed -nE 's/^vm [0-9]+ (nested_(erets|forwards|l2_exits): .*)/ \1/p' /sys/kernel/debug/nestvisor/vms | tr -d '\n'
		echo
	done
}
beat=
[ ! -f /sys/kernel/debug/nestvisor/vms ] || { beat "${BEAT:-60}" & beat=$!; }

read -r started _ </proc/uptime
CPUS=${L1_CPUS:-1} MEM=${L1_MEM:-2G} L1_APPEND="kvm-arm.mode=$mode ${L1_APPEND-quiet}" \
	boot-l1.sh "$l1" "$work/job-l1" "$work/job-l2" "$work/env" \
	"$(command -v boot-l1.sh)" "$(command -v label.sh)" "$(command -v guest-tiny.sh)" "$(command -v tiny-initrd.sh)" $L1_MODULE |
	tr -d '\r' | tee "$work/console" | label.sh L1 timed
read -r ended _ </proc/uptime
[ -z "$beat" ] || kill "$beat"

why=
if ! said '^GUEST kernel'; then
	why="L1 did not come up: $(tell .)"
elif ! said "$nests"; then
	why="L1's KVM does not nest: $(tell '^GUEST kvm')"
elif ! said '^L2: GUEST kernel'; then
	why="L2 did not come up: $(tell .)"
elif ! said "^L2: GUEST kvm .*\\]: $l2_says initialized successfully"; then
	why="L2 has no KVM at EL2: $(tell '^L2: GUEST kvm')"
elif ! said '^L2: L3: GUEST kernel'; then
	why="L3 did not come up: $(tell '^L2: ')"
elif ! said '^L2: PASS tiny-'; then
	why="L3: $(tell '^L2: (FAIL|L3:)')"
elif said '^(L2: )?GUEST log'; then
	why=$(tell '^(L2: )?GUEST log')
elif ! said '^L2: GUEST done'; then
	why="L2 did not reach the end: $(tell '^L2: ')"
elif ! said '^GUEST done'; then
	why="L1 did not reach the end: $(tell .)"
fi
verdict "nested-recursion-$l1-$l2-$l3" "L0, L1, L2 and L3"
