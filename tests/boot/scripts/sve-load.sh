#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# sve-load.sh TIMES: load and unload the module while a process on each CPU has patterns in SVE's registers. The module tries the lengths
# of the vectors on each CPU when it is loaded, which must not be seen in a process.
times="${1:?usage: sve-load.sh TIMES}"
status=0
processes=""

for cpu in 1 2; do
	taskset $cpu /mnt/share/guests/sve_patterns 15 &
	processes="$processes $!"
done
for i in $(seq "$times"); do
	insmod "$LAB_MODULE" && rmmod nestvisor || status=1
done
for process in $processes; do
	wait "$process" || status=1
done
[ $status = 0 ] && echo "PASS sve-load" || echo "FAIL sve-load"
exit $status
