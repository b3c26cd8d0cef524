#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# leaks.sh [forget]: on a kernel that checks (tools/lab debug-kernel), unload the module. Nothing of it may stay allocated, and
# no checker may have switched itself off since the kernel started. With "forget", before the module is loaded: what is lost
# by then is not the module's.
leaks=/sys/kernel/debug/kmemleak
status=0

fail() {
	echo "FAIL checked $1"
	status=1
}

# kmemleak tells of an object five seconds after its allocation, and when two scans agree.
scan() {
	sleep 6
	echo scan >$leaks && echo scan >$leaks
}

[ -f $leaks ] || { echo "FAIL checked this kernel has no kmemleak"; exit 1; }
if [ "$1" = forget ]; then
	# kmemleak's own scans take a minute of each ten, all memory under RCU's eyes: what the tests wait for waits with them.
	echo scan=off >$leaks
	scan && echo clear >$leaks || fail "kmemleak is switched off"
	exit $status
fi
rmmod nestvisor || fail "the module cannot be unloaded: something still holds it"
scan || fail "kmemleak has switched itself off"
# A function that has no name any more is the module's: no other was ever loaded here.
awk '
	function tell() { if (ours) printf "%s", report; report = ""; ours = 0 }
	/^unreferenced/ { tell() }
	{ report = report $0 "\n" }
	/\[nestvisor\]/ || /^ *0x[0-9a-f]+$/ { ours = 1 }
	END { tell() }
' $leaks >/tmp/leaks
if [ -s /tmp/leaks ]; then
	cat /tmp/leaks
	fail "the module has left $(grep -c ^unreferenced /tmp/leaks) objects behind"
fi
grep -q 'debug_locks: *1' /proc/lockdep_stats || fail "lockdep has switched itself off"
echo scan >$leaks || fail "kmemleak has switched itself off"
exit $status
