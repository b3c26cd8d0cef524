#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# xen-dom0.sh: what Xen's dom0 does (xen.sh): starts Xen's daemons on the disk with its tools, and a domU by xl, whose console it
# shows until the domU has powered off.
top=/run/mnt/xen
mkdir -p $top
mount -t ext4 /dev/vdb $top || exit
mount --bind /dev $top/dev
mkdir -p $top/dev/pts
mount -t devpts devpts $top/dev/pts
mount --bind /proc $top/proc
mount --bind /sys $top/sys
mount --bind /guest $top/guest
mount -t tmpfs tmpfs $top/run
cat >$top/run/domu.cfg <<-END
	name = "domu"
	kernel = "/guest/linux-6.12"
	ramdisk = "/guest/initrd-6.12"
	memory = 256
	vcpus = 2
	extra = "console=hvc0 quiet nowatchdog"
	on_reboot = "destroy"
END
cat >$top/run/start <<-'END'
	export PATH=/usr/sbin:/usr/bin HOME=/root
	bin=$(echo /usr/lib/xen-[0-9]*/bin)
	modprobe -a xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
	mount -t xenfs xenfs /proc/xen
	mkdir -p /run/xen /run/xenstored /run/lock
	$bin/xenstored --pid-file /run/xenstored.pid || $bin/oxenstored --pid-file /run/xenstored.pid
	$bin/xen-init-dom0
	$bin/xenconsoled --pid-file=/run/xenconsoled.pid --log=guest --log-dir=/var/log/xen/console
	xl create /run/domu.cfg || echo "FAIL xl create"
	xl list
	log=/var/log/xen/console/guest-domu.log
	# As it comes; after the domU's last line there is nothing more to come.
	busybox tail -n +1 -F $log 2>/dev/null | while read -r line; do echo "domU: $line"; done &
	tries=0
	until grep -aq "GUEST done" $log 2>/dev/null || [ $tries -ge 150 ]; do
		tries=$((tries + 1))
		busybox sleep 1
	done
	busybox sleep 3
	xl list domu 2>/dev/null && echo "domU is still there" || echo "domU is gone"
END
chroot $top /bin/busybox sh /run/start
