#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libvirt.sh [l1]: a domain by libvirt's own tools: defined, started, asked for its statistics, saved and restored, a snapshot
# taken and reverted to, suspended and resumed, destroyed, undefined; while its guest calculates and writes to its disk. With
# `l1` the domain has virtual EL2, and its guest must find its own KVM. Runs in client.sh, and starts the daemons that it needs.
# Environment: KERNEL (6.12), CPUS (2), MEM (256, MiB).
kind=${1:-flat}
kernel=${KERNEL:-6.12} cpus=${CPUS:-2} mem=${MEM:-256}
work=$(mktemp -d)
console=$work/console
daemons=

fail() {
	for log in "$console" /var/log/libvirt/qemu/*.log "$work"/*.log; do
		[ -f "$log" ] && echo "$log:" && tail -n 20 "$log" | tr -d '\r'
	done
	echo "FAIL libvirt-$kind $1"
	exit 1
}
trap 'virsh -q destroy lab >/dev/null 2>&1; kill $daemons 2>/dev/null; rm -rf "$work"' EXIT

# wait_until SECONDS WHAT COMMAND…: until COMMAND succeeds.
wait_until() {
	tries=0 limit=$1 what=$2
	shift 2
	until "$@" >"$work/said" 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt "$limit" ] || fail "$what: $(tail -n 1 "$work/said")"
		sleep 1
	done
}

# Each command of virsh must succeed.
must() { virsh -q "$@" >"$work/said" 2>&1 || fail "virsh $1: $(tail -n 1 "$work/said")"; }

beats() { grep -a "^GUEST beat $1 " "$console" | tail -n +$(($2 + 1)); }
alive_since() { for cpu in $(seq 0 $((cpus - 1))); do [ -n "$(beats "$cpu" "$1")" ] || return 1; done; }
# The timers of all CPUs are alive from now on.
wait_for_beats() {
	before=$(grep -ac "^GUEST beat 0 " "$console")
	wait_until 300 "after $1 a CPU's timer is dead" alive_since "$before"
	echo "$1: alive"
}

# What a user writes; libvirt finds the rest, the GIC among them, by asking QEMU and /dev/kvm.
domain() {
	case $kind in
	l1) extra="<qemu:commandline><qemu:arg value='-machine'/><qemu:arg value='virtualization=on'/></qemu:commandline>" words= ;;
	*) extra= words=quiet ;;
	esac
	cat <<-XML
	<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
	  <name>lab</name>
	  <memory unit='MiB'>$mem</memory>
	  <vcpu>$cpus</vcpu>
	  <os>
	    <type arch='aarch64' machine='virt'>hvm</type>
	    <kernel>/guest/linux-$kernel</kernel>
	    <initrd>/guest/initrd-$kernel</initrd>
	    <cmdline>console=ttyAMA0 panic=-1 $words lab.load=100000 lab.beat</cmdline>
	  </os>
	  <cpu mode='host-passthrough'/>
	  <on_poweroff>destroy</on_poweroff>
	  <devices>
	    <emulator>/usr/bin/qemu-system-aarch64</emulator>
	    <disk type='file' device='disk'>
	      <driver name='qemu' type='qcow2'/>
	      <source file='$work/disk.qcow2'/>
	      <target dev='vda' bus='virtio'/>
	    </disk>
	    <interface type='user'><model type='virtio'/></interface>
	    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
	    <serial type='file'><source path='$console' append='on'/></serial>
	  </devices>
	  $extra
	</domain>
	XML
}

virtlogd >"$work/virtlogd.log" 2>&1 &
daemons=$!
libvirtd >"$work/libvirtd.log" 2>&1 &
daemons="$daemons $!"
wait_until 300 "no answer from libvirtd" virsh -q version
versions=$(sed -n 's/^Using library: libvirt /libvirt-/p; s/^Running hypervisor: QEMU /-qemu-/p' "$work/said" | tr -d '\n')

must domcapabilities --virttype kvm --arch aarch64 --machine virt
grep -A4 "<gic supported='yes'>" "$work/said" | grep -q "<value>3</value>" || fail "libvirt finds no GICv3"

qemu-img convert -f raw -O qcow2 /guest/disk.ext4 "$work/disk.qcow2" || fail "no disk"
: >"$console"
domain >"$work/lab.xml"
must define "$work/lab.xml"
must start lab
wait_for_beats start
must domstats lab
cat "$work/said"
for name in cpu.time vcpu.0.time vcpu.0.exits.sum vcpu.0.halt_successful_poll.sum balloon.rss block.0.wr.bytes; do
	grep -q "^ *$name=" "$work/said" || fail "domstats tells nothing of $name"
done

must suspend lab
must resume lab
wait_for_beats suspend
if [ "$kind" = l1 ]; then
	grep -aq "VHE mode initialized successfully" "$console" || fail "its guest has no KVM"
else
	must save lab "$work/state"
	must restore "$work/state"
	wait_for_beats restore
	must snapshot-create-as lab first
	wait_for_beats snapshot
	must snapshot-revert lab first --running
	wait_for_beats revert
	must snapshot-delete lab first
fi
must dominfo lab
must destroy lab
must undefine lab
# Its network has nobody to talk to.
if grep -a "GUEST load disk differs\|GUEST log" "$console"; then fail "its guest found a mistake"; fi
echo "PASS $versions-$kind"
