#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# client.sh COMMAND…: run COMMAND among Debian's own clients: in a chroot on their disk, which has QEMU 10.0, libvirt and
# libguestfs, with L0's devices, guests and scripts. What COMMAND mounts or leaves running ends with it.
# Environment: QEMU (own; root: L0's QEMU 11.1 takes the place of 10.0).
top=/mnt/client
mkdir -p $top
# A mount namespace of its own, so that nothing has to be unmounted.
exec busybox unshare -m sh -e -c '
	top=$1
	shift
	mount -t ext4 /run/lab/disk $top
	mount -t proc proc $top/proc
	mount -t sysfs sysfs $top/sys
	mount -t tmpfs tmpfs $top/run
	mount --rbind /dev $top/dev
	mount --bind /guest $top/guest
	mount --bind /run/lab/scripts $top/scripts
	[ ! -d /mnt/share ] || mount --bind /mnt/share $top/mnt/share
	if [ "$QEMU" = root ]; then
		for part in bin/qemu-system-aarch64 bin/qemu-img share/qemu lib/aarch64-linux-gnu/qemu; do
			[ ! -e /usr/$part ] || mount --bind /usr/$part $top/usr/$part
		done
	fi
	export PATH=/scripts:/usr/sbin:/usr/bin HOME=/root TMPDIR=/tmp
	chroot $top "$@"' sh $top "$@"
