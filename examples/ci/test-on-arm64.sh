#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# test-on-arm64.sh [OPTION…]: run l1-test.c as an L1 hypervisor in the lab, and end with its exit status (1 too where it says
# none, 124 where it does not come to its end). Any machine with Debian 12 or 13 will do, x86-64 as well; it needs no /dev/kvm.
# OPTIONs go to tools/lab run: --cpu neoverse-v1 is another machine, --peer Linux's own KVM. EXPECT=43 lets the test fail.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The guest: yours may be an Image file (--kernel), an initrd (--initrd) or a disk (--disk).
"${CC:-aarch64-linux-gnu-gcc}" -Wall -Werror -O1 -static -o "$work/init" "$here/l1-test.c"
(cd "$work" && echo init | cpio -o -H newc --quiet >initrd)

"$here/../../tools/lab" run --kernel 6.12 --initrd "$work/initrd" --el2 --smp 1 --mem 512M \
	--status '^EXIT: STATUS=([0-9]+)' --timeout 300 --append "quiet panic=-1 ${EXPECT:+EXPECT=$EXPECT}" "$@"
