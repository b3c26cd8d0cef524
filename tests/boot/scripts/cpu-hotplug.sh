#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# cpu-hotplug.sh ROUNDS: CPU 1 of the host goes and comes while a guest with as many vCPUs runs; the guest must not notice.
rounds=${1:-3}
CPUS=2 guest-linux.sh 6.12 >/tmp/hotplug.guest 2>&1 &
guest=$!
round=0
while [ "$round" -lt "$rounds" ]; do
	sleep 2
	echo 0 >/sys/devices/system/cpu/cpu1/online || exit 1
	sleep 1
	echo 1 >/sys/devices/system/cpu/cpu1/online || exit 1
	round=$((round + 1))
done
wait "$guest" || { cat /tmp/hotplug.guest; exit 1; }
grep "^PASS" /tmp/hotplug.guest
echo "$rounds rounds"
