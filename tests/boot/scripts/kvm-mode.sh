#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kvm-mode.sh words|says MODE: the modes of Linux's KVM that tests choose: vhe, nvhe, protected. words: what the kernel's command line
# needs, nothing for vhe; says: what the kernel then calls it, an extended regular expression. Status 2 for another mode.
case $2 in
vhe) words= says="VHE mode" ;;
nvhe) words="kvm-arm.mode=nvhe" says="Hyp nVHE mode" ;;
protected) words="kvm-arm.mode=protected" says="Protected (hVHE|nVHE) mode" ;;
*) echo "no such mode: $2" >&2; exit 2 ;;
esac
[ "$1" = words ] && echo "$words" || echo "$says"
