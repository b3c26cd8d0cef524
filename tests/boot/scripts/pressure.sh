#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# pressure.sh MEGABYTES COMMAND…: run it with at most so much memory; what is more goes to compressed swap. It fails if
# nothing was swapped out, as then nothing was tried.
limit=$1
shift
group=/sys/fs/cgroup/pressure
if ! grep -q zram0 /proc/swaps; then
	echo 3G >/sys/block/zram0/disksize
	busybox mkswap /dev/zram0 >/dev/null
	busybox swapon /dev/zram0 || exit 1
fi
before=$(awk '$1 == "pswpout" { print $2 }' /proc/vmstat)
mkdir -p $group
echo "${limit}M" >$group/memory.high
(echo 0 >$group/cgroup.procs && exec "$@")
result=$?
rmdir $group
swapped=$((($(awk '$1 == "pswpout" { print $2 }' /proc/vmstat) - before) / 256))
echo "swapped out $swapped MiB"
[ $swapped -gt 0 ] && exit $result
exit 1
