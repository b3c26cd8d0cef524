#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# repeat.sh N COMMAND…: run it N times; the first failure ends it and shows that round's output.
times=$1
shift
for round in $(seq "$times"); do
	if ! said=$("$@" 2>&1); then
		echo "$said"
		echo "round $round of $times failed"
		exit 1
	fi
done
echo "$times rounds"
