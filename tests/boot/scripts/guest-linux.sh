#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# guest-linux.sh KERNEL…: boot Debian's cloud kernels as guests of this level, all at once, to user space and power-off.
# Each must see all CPUs, its clock, and its disk and network by messages of the ITS. The network is vhost-net where this level
# has it, and where no load (which needs QEMU's TFTP server) is asked for.
# Environment: MACHINE (virt), CPUS (4), MEM (512M), LOAD (seconds of work, 0), GUEST_APPEND (quiet; every console character
# costs an exit to QEMU, so a talkative guest boots in twice the time).
cpus=${CPUS:-4} load=${LOAD:-0}
work=$(mktemp -d)
if [ "$load" != 0 ]; then
	mkdir "$work/tftp"
	head -c 300000 /dev/urandom >"$work/tftp/net"
	(cd "$work/tftp" && md5sum net >net.md5)
fi

# NUMBER: the guest's. Its network is 10.0.NUMBER.0/24.
network() {
	if [ "$load" = 0 ] && [ -c /dev/vhost-net ] && command -v ip >/dev/null; then
		printf '#!/bin/sh\nip addr add 10.0.%s.2/24 dev "$1" && ip link set "$1" up\n' "$1" >"$work/up.$1"
		chmod +x "$work/up.$1"
		echo "tap,id=net,ifname=lab$1,vhost=on,script=$work/up.$1,downscript=no"
	else
		echo "user,id=net,restrict=on,net=10.0.$1.0/24,tftp=$work/tftp"
	fi
}

# KERNEL NUMBER
boot() {
	qemu-system-aarch64 -M "${MACHINE:-virt}" -accel kvm -cpu host -smp "$cpus" -m "${MEM:-512M}" \
		-nographic -no-reboot -kernel "/guest/linux-$1" -initrd "/guest/initrd-$1" \
		-drive file=/guest/disk.ext4,if=virtio,format=raw,snapshot=on \
		-netdev "$(network "$2")" -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci \
		-append "console=ttyAMA0 panic=-1 ${GUEST_APPEND-quiet} lab.load=$load lab.net=10.0.$2" </dev/null >"$work/$1" 2>&1
	echo "$?" >"$work/$1.status"
	echo "$(($(date +%s) - started))" >"$work/$1.seconds"
}

judge() {
	console=$work/$1
	sed "s/^/$1: /" "$console" | tr -d '\r' | grep -a GUEST
	status=$(cat "$work/$1.status")
	seconds=$(cat "$work/$1.seconds")
	if [ "$status" != 0 ]; then
		why="QEMU ended with status $status: $(grep -a . "$console" | tail -n 1)"
	elif ! grep -aq "GUEST cpus $cpus of $cpus" "$console"; then
		why="not all $cpus CPUs came up: $(grep -a 'GUEST cpus' "$console")"
	elif ! grep -aq "GUEST disk hello" "$console"; then
		why="disk: $(grep -a 'GUEST disk' "$console")"
	elif ! grep -aq "GUEST net answers" "$console"; then
		why="network: $(grep -a 'GUEST net' "$console")"
	elif ! grep -aq "GUEST messages of virtio_blk: [1-9]" "$console" || ! grep -aq "GUEST messages of virtio_net: [1-9]" "$console"; then
		why="no message of the disk or the network by the ITS: $(grep -a 'GUEST messages' "$console" | tr '\n' ' ')"
	elif [ "$load" != 0 ] && grep -aq "GUEST load.*differs" "$console"; then
		why=$(grep -a "GUEST load.*differs" "$console" | head -n 1)
	elif [ "$load" != 0 ] && ! grep -aEq "GUEST load rounds: disk [1-9][0-9]*, network [1-9]" "$console"; then
		why="a load did no round: $(grep -a 'GUEST load' "$console" | head -n 1)"
	elif [ "$load" != 0 ] && ! grep -aq "GUEST load done" "$console"; then
		why="did not finish its load"
	elif grep -aq "GUEST log" "$console"; then
		why=$(grep -a "GUEST log" "$console" | head -n 1)
	elif ! grep -aq "GUEST done" "$console"; then
		why="did not reach the end: $(grep -a . "$console" | tail -n 1)"
	else
		echo "PASS linux-$1 $cpus CPUs, $seconds s to power-off"
		return 0
	fi
	tail -n 30 "$console" | tr -d '\r'
	echo "FAIL linux-$1 $why" | tr -d '\r'
	return 1
}

started=$(date +%s)
number=2
for kernel in "$@"; do
	boot "$kernel" $number &
	number=$((number + 1))
done
wait
result=0
for kernel in "$@"; do
	judge "$kernel" || result=1
done
rm -rf "$work"
exit $result
