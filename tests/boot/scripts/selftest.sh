#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# selftest.sh SUITE NAME [ARGUMENTS]: one of the kernel's KVM selftests. NV=0 keeps the 7.2 ones from running at vEL2.
suite=/mnt/share/$1 name=$2
shift 2
for file in "$suite/$name" "$suite/arm64/$name" "$suite/aarch64/$name"; do
	[ -x "$file" ] && exec env NV="${NV:-0}" "$file" "$@"
done
echo "no selftest $name in $suite"
exit 1
