# SPDX-License-Identifier: GPL-2.0-only
# Sourced by what boots several levels and keeps L1's console in $work/console: looks into it, and the last line.

said() { grep -aEq "$1" "$work/console"; }
tell() { grep -aE "$1" "$work/console" | tail -n 1; }

# verdict NAME LEVELS: PASS unless $why says what went wrong; with the seconds of L0's own clock from $started to $ended. The status
# says the same.
verdict() {
	rm -rf "$work"
	if [ -z "$why" ]; then
		echo "PASS $1 $2, $((${ended%.*} - ${started%.*})) s to power-off"
	else
		echo "FAIL $1 $why"
		return 1
	fi
}
