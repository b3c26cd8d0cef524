#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# checked.sh COMMAND…: on a kernel that checks (tools/lab debug-kernel), run COMMAND with the module loaded, then unload it.
# Nothing of it may stay allocated, and no checker may have switched itself off on the way.
# The words are one line for the shell. Environment: NV2 (1, the module's parameter).
leaks=/sys/kernel/debug/kmemleak
status=0

fail() {
	echo "FAIL checked $1"
	status=1
}

# kmemleak tells of an object five seconds after its allocation, and when two scans agree.
scan() {
	sleep 6
	echo scan >$leaks
	echo scan >$leaks
}

[ -f $leaks ] || { echo "FAIL checked this kernel has no kmemleak"; exit 1; }
scan
echo clear >$leaks || { echo "FAIL checked kmemleak is switched off"; exit 1; }
insmod "$LAB_MODULE" nv2="${NV2:-1}" || exit 1
sh -c "$*" || status=$?
rmmod nestvisor || fail "the module cannot be unloaded: something still holds it"
scan
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
[ $status = 0 ] && echo "checked: nothing left behind"
exit $status
