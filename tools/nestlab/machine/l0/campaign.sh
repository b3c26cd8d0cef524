# SPDX-License-Identifier: GPL-2.0-only
# Runs many tests in one boot of L0; nestlab/machine/campaign.py reads what it prints.

# item NAME SECONDS COMMAND: run it in a session of its own, so that a time-out takes its children along.
item() {
	# The tests' own log is what dmesg gained meanwhile.
	echo "@@LAB ITEM $1"
	setsid sh -c "$3" </dev/null 2>&1 &
	child=$!
	(
		sleep "$2" &
		nap=$!
		trap 'kill $nap; exit' TERM
		wait $nap
		kill -TERM -$child
		sleep 5
		kill -KILL -$child
	) 2>/dev/null &
	dog=$!
	wait $child
	status=$?
	kill -TERM $dog 2>/dev/null
	kill -KILL -$child 2>/dev/null
	echo
	echo "@@LAB LOG"
	dmesg -c
	echo "@@LAB DONE $status"
}
