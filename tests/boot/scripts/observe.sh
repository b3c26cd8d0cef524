#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# observe.sh: what users watch hypervisors with, each over the same running guest, whose exits it must show: perf kvm stat, perf's
# samples of guests, trace-cmd, bpftrace, kvm_stat, and the project's own command. Runs in client.sh with QEMU=root.
# Environment: KERNEL (6.12).
kernel=${KERNEL:-6.12}
work=$(mktemp -d)
result=0
mkdir -p /sys/kernel/debug /sys/kernel/tracing
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing || exit 1
[ -d /sys/kernel/debug/nestvisor ] || mount -t debugfs debugfs /sys/kernel/debug || exit 1

# A guest that always has something to do: it calculates, beats by its timer, writes to its disk.
qemu-system-aarch64 -M virt -accel kvm -cpu host -smp 2 -m 256M -nographic -no-reboot -name observed \
	-kernel "/guest/linux-$kernel" -initrd "/guest/initrd-$kernel" \
	-drive file=/guest/disk.ext4,if=virtio,format=raw,snapshot=on -nic none \
	-append "console=ttyAMA0 panic=-1 quiet lab.load=100000 lab.beat" </dev/null >"$work/console" 2>&1 &
guest=$!
trap 'kill $guest 2>/dev/null; wait $guest 2>/dev/null; rm -rf "$work"' EXIT
tries=0
until grep -aq "^GUEST beat 1 " "$work/console"; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] && kill -0 $guest || { tail -n 20 "$work/console"; echo "FAIL observe the guest does not work"; exit 1; }
	sleep 1
done

# shows NAME PATTERN COMMAND…: the command succeeds and says something like that.
shows() {
	name=$1 pattern=$2
	shift 2
	if "$@" >"$work/said" 2>"$work/errors" && grep -Eq "$pattern" "$work/said"; then
		echo "PASS observe-$name"
		grep -E "$pattern" "$work/said" | head -n 3
	else
		tail -n 20 "$work/said" "$work/errors"
		echo "FAIL observe-$name says nothing like $pattern"
		result=1
	fi
}

cd "$work" || exit 1
# `live` says all to stderr, and minds no signal while it reads the end of its input. (perf's own file with tracepoints in it cannot be
# read again: docs/testing.md.)
perf_kvm_stat() {
	timeout -s KILL 30 perf kvm stat live -d 2 </dev/null 2>&1
	[ $? = 137 ]
}
shows perf-kvm-stat '(WFx|DABT_LOW|IRQ|SYS64) +[1-9]' perf_kvm_stat
# Misc 4 and 5 of a sample's header: in the kernel, or in user space, of a guest.
guest_samples() { perf kvm --guest record -o guest.data -e cpu-clock -a sleep 3 && perf script -i guest.data -D; }
shows perf-guest-samples 'PERF_RECORD_SAMPLE\(IP, 0x[45]\)' guest_samples
traced() { trace-cmd record -q -e kvm:kvm_entry -e kvm:kvm_exit -o trace.dat sleep 2 && trace-cmd report -N -i trace.dat; }
shows trace-cmd 'kvm_exit: +(TRAP|IRQ): .*PC: 0x' traced
shows bpftrace-list '^tracepoint:kvm:kvm_exit$' bpftrace -l 'tracepoint:kvm:*'
shows bpftrace-count '^@exits\[[0-9]+\]: [1-9]' \
	bpftrace -e 'tracepoint:kvm:kvm_exit { @exits[args.ret] = count(); } interval:s:3 { exit(); }'
shows kvm-stat '^ *exits +[1-9]' kvm_stat -1 -d
shows kvm-stat-of-one '^ *exits +[1-9]' kvm_stat -1 -d -p "$guest"
nestvisor() { PYTHONPATH=/mnt/share python3 -m nestvisor "$@"; }
shows stat '"exits"|"exits_by_class"' nestvisor stat --json
shows stat-prometheus '^nestvisor_[a-z_]*total\{.*\} [1-9]' nestvisor stat --prometheus
shows top 'L2|EL1' nestvisor top --seconds 2
shows top-folded '^observed.*;EL1;.* [1-9][0-9]*$' nestvisor top --seconds 2 --folded
shows shadow '"ipa": "?(0x40000000|1073741824)' nestvisor shadow --json

# And the guest goes on.
before=$(cat /sys/kernel/debug/kvm/exits)
sleep 2
[ "$(cat /sys/kernel/debug/kvm/exits)" -gt "$before" ] || { echo "FAIL observe the guest has stopped"; exit 1; }
exit $result
