#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# label.sh NAME [timed]: pass a console on, line by line as it comes, each with NAME before it; timed: with this level's
# uptime in seconds too. Not sed: into a pipe it writes only when its buffer is full, and a hang would show nothing.
cr=$(printf '\r')
while IFS= read -r line; do
	line=${line%"$cr"}
	if [ "$2" = timed ]; then
		read -r up _ </proc/uptime
		printf '%6s s %s: %s\n' "${up%.*}" "$1" "$line"
	else
		printf '%s: %s\n' "$1" "$line"
	fi
done
