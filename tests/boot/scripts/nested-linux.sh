#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-linux.sh L1 L2…: boot Debian's cloud kernel L1 at virtual EL2, and in it the kernels L2 as its guests
# (guest-linux.sh), to power-off of both. Environment: CPUS (2, of L1), MEM (1G, of L1), L2_CPUS (as many), L2_MEM
# (384M), LOAD (seconds of work in L2, 0), GUEST_APPEND (quiet).
l1=$1
shift
cpus=${CPUS:-2}
words=$(kvm-mode.sh words "${MODE:-vhe}") || exit
says=$(kvm-mode.sh says "${MODE:-vhe}")
work=$(mktemp -d)
echo "CPUS=${L2_CPUS:-$cpus} MEM=${L2_MEM:-384M} LOAD=${LOAD:-0} GUEST_APPEND='${GUEST_APPEND-quiet}' guest-linux.sh $*" >"$work/job"

started=$(date +%s)
CPUS=$cpus L1_APPEND="${GUEST_APPEND-quiet} $words" boot-l1.sh "$l1" "$work/job" "$(command -v guest-linux.sh)" |
	tee "$work/console" | tr -d '\r' | sed 's/^/L1: /'
seconds=$(($(date +%s) - started))

result=1
if ! grep -aEq "kvm \[[0-9]*\]: $says initialized successfully" "$work/console"; then
	why="L1 has no KVM: $(grep -a 'GUEST kvm' "$work/console" | tail -n 1)"
elif ! grep -aq "GUEST cpus $cpus of $cpus" "$work/console"; then
	why="not all $cpus CPUs of L1 came up"
elif ! grep -aq "^GUEST net answers" "$work/console" || ! grep -aq "^GUEST messages of virtio_net: [1-9]" "$work/console"; then
	why="L1's network: $(grep -a '^GUEST net\|^GUEST messages' "$work/console" | tr '\n' ' ')"
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
