#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# sve-leaks.sh SECONDS: two processes and two VMs, each VM with L1 and L2, keep patterns of their own in all of SVE's registers, all on
# one CPU, which they share by preemption. None may find another's, or lose its own.
seconds="${1:?usage: sve-leaks.sh SECONDS}"
status=0
processes=""

for i in 1 2; do
	taskset 1 /mnt/share/guests/sve_patterns "$seconds" &
	processes="$processes $!"
	(
		end=$(($(date +%s) + seconds)) runs=0
		while [ "$(date +%s)" -lt $end ]; do
			said="$(taskset 1 /mnt/share/guests/nested_guests sve-patterns 2>&1)" || { echo "$said"; exit 1; }
			runs=$((runs + 1))
		done
		echo "$runs runs of VM $i"
	) &
	processes="$processes $!"
done
for process in $processes; do
	wait "$process" || status=1
done
[ $status = 0 ] && echo "PASS sve-leaks" || echo "FAIL sve-leaks"
exit $status
