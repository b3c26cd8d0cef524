#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# migrate.sh ROUNDS KIND…: Linux boots in QEMU, calculates, writes to its disk and takes interrupts, and goes to another QEMU
# ROUNDS times, the kinds in turn. Behind each move the timer of each of its CPUs must be alive, and its clock must have gone
# on: neither back, nor by more than the time that passed. At the end its sums and its disk must be right.
#   socket    to a QEMU that listens
#   file      to a file, which the next QEMU reads
#   postcopy  to a QEMU that fetches most of the memory when the guest is already there
#   snapshot  savevm, some time, loadvm, in one QEMU: here the clock goes back, to what it was. Alone only.
# Environment: KERNEL (6.12), CPUS (2), MEM (256M), ACCEL (kvm).
rounds=${1:-1}
shift
[ $# -gt 0 ] || set -- socket
cpus=${CPUS:-2}
work=$(mktemp -d)
console=$work/console
cp /guest/disk.ext4 "$work/disk"
: >"$console"
number=0
trap 'kill $vmm $next 2>/dev/null; rm -rf "$work"' EXIT

fail() {
	tail -n 20 "$console" | tr -d '\r'
	# Without what the monitor echoes, key by key.
	grep -av "$(printf '\033')" "$work/monitor.$number" | tail -n 20
	echo "FAIL migrate $kind (round $round): $1"
	exit 1
}

now() { cut -d' ' -f1 /proc/uptime; }

# start NUMBER OPTION…: a QEMU in the background, as $started. Its monitor reads monitor.NUMBER.in.
start() {
	at=$work/monitor.$1
	shift
	mkfifo "$at.in" "$at.out"
	# A snapshot is kept in what snapshot=on makes; a disk that two QEMUs share must be the file itself.
	qemu-system-aarch64 -M virt,gic-version=3 -accel "${ACCEL:-kvm}" -cpu host -smp "$cpus" -m "${MEM:-256M}" -display none \
		-chardev file,id=console,path="$console",append=on -serial chardev:console \
		-chardev pipe,id=monitor,path="$at" -mon chardev=monitor,mode=readline \
		-nic none -no-reboot -kernel "/guest/linux-${KERNEL:-6.12}" -initrd "/guest/initrd-${KERNEL:-6.12}" \
		-drive file="$work/disk",if=virtio,format=raw,snapshot="$snapshot" \
		-append "console=ttyAMA0 panic=-1 quiet lab.load=$load lab.beat" "$@" </dev/null >"$at.qemu" 2>&1 &
	started=$!
	cat "$at.out" >>"$at" &
}

say() { echo "$2" >"$work/monitor.$1.in"; }

# What the guest's clock says in the last beat; nothing before the first.
clock() { grep -a "^GUEST beat" "$console" | tail -n 1 | tr -d '\r' | cut -d' ' -f4; }

# Beats of all CPUs that come from now on.
wait_for_beats() {
	lines=$(wc -l <"$console")
	for cpu in $(seq 0 $((cpus - 1))); do
		tries=0
		until tail -n +$((lines + 1)) "$console" | grep -aq "^GUEST beat $cpu "; do
			tries=$((tries + 1))
			[ $tries -lt 1200 ] || fail "no timer on CPU $cpu"
			kill -0 "$vmm" 2>/dev/null || fail "QEMU is gone: $(cat "$work/monitor.$number.qemu")"
			sleep 0.1
		done
	done
}

# wait_for_status NUMBER WORD
wait_for_status() {
	tries=0
	until grep -aq "Migration status: $2\|^Status: .*$2" "$work/monitor.$1"; do
		grep -aq "Migration status: failed\|^Status: .*failed" "$work/monitor.$1" && fail "QEMU gave up"
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || fail "no migration in ten minutes"
		sleep 0.5
		say "$1" "info migrate"
	done
}

# The guest goes on in $next; the QEMU that it came from ends.
change_over() {
	say "$number" quit
	wait "$vmm"
	vmm=$next next=
	number=$((number + 1))
}

# The next QEMU listens.
wait_for_socket() {
	until [ -S "$work/socket" ]; do
		kill -0 "$next" 2>/dev/null || fail "the next QEMU: $(cat "$work/monitor.$((number + 1)).qemu")"
		sleep 0.1
	done
}

move_socket() {
	rm -f "$work/socket"
	start $((number + 1)) -incoming "unix:$work/socket"
	next=$started
	wait_for_socket
	say "$number" "migrate_set_parameter downtime-limit 2000"
	say "$number" "migrate -d unix:$work/socket"
	wait_for_status "$number" completed
	change_over
}

move_postcopy() {
	rm -f "$work/socket"
	start $((number + 1)) -incoming defer
	next=$started
	say $((number + 1)) "migrate_set_capability postcopy-ram on"
	say $((number + 1)) "migrate_incoming unix:$work/socket"
	wait_for_socket
	say "$number" "migrate_set_capability postcopy-ram on"
	say "$number" "migrate_set_parameter max-bandwidth 4M"
	say "$number" "migrate -d unix:$work/socket"
	wait_for_status "$number" active
	say "$number" "migrate_set_parameter max-postcopy-bandwidth 0"
	say "$number" migrate_start_postcopy
	wait_for_status "$number" completed
	change_over
	say "$number" "migrate_set_capability postcopy-ram off"	# or the next QEMU has to expect it, too
}

move_file() {
	say "$number" "migrate -d file:$work/state"
	wait_for_status "$number" completed
	start $((number + 1)) -incoming "file:$work/state"
	next=$started
	change_over
}

move_snapshot() {
	say "$number" "savevm here"
	sleep 3
	say "$number" "loadvm here"
	say "$number" "delvm here"
	say "$number" "info status"
	until grep -aq "VM status: running" "$work/monitor.$number"; do sleep 0.1; done
	grep -aq "^Error" "$work/monitor.$number" && fail "the snapshot: $(grep -a '^Error' "$work/monitor.$number")"
}

kind=boot round=0 load=$((30 + rounds * 15)) snapshot=off
# A snapshot lies in a file of its own beside the disk, which the next QEMU would not see.
case " $* " in
" snapshot ") snapshot=on ;;
*" snapshot "*) fail "snapshot does not go together with other kinds" ;;
esac
start 0
vmm=$started
wait_for_beats
for round in $(seq "$rounds"); do
	kind=$1
	shift
	set -- "$@" "$kind"
	: >"$work/monitor.$number"
	before=$(clock) since=$(now)
	"move_$kind"
	wait_for_beats
	after=$(clock) until=$(now)
	# A beat may lie on the console for a while before somebody looks.
	awk -v before="$before" -v after="$after" -v passed="$(awk "BEGIN { print $until - $since }")" -v kind="$kind" 'BEGIN {
		gone = after - before
		printf "%s: the guest went on for %.1f s in %.1f s\n", kind, gone, passed
		exit !(gone <= passed + 5 && (gone >= 0 || kind == "snapshot"))
	}' || fail "the clock jumped from $before to $after"
done
tries=0
until grep -aq "^GUEST done" "$console"; do
	tries=$((tries + 1))
	[ $tries -lt 3000 ] || fail "the guest does not come to its end"
	kill -0 "$vmm" 2>/dev/null || break
	sleep 0.1
done
grep -aq "^GUEST done" "$console" || fail "the guest is gone: $(cat "$work/monitor.$number.qemu")"
grep -aq "GUEST load.*differs\|GUEST log\|GUEST disk corrupt" "$console" && fail "$(grep -a 'differs\|GUEST log\|corrupt' "$console" | head -n 1)"
grep -aEq "GUEST load rounds: disk [1-9]" "$console" || fail "the disk did no round"
grep -a "GUEST load\|GUEST messages" "$console" | tr -d '\r'
echo "PASS migrate $rounds times: $*"
