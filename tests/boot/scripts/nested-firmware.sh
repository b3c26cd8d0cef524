#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-firmware.sh FOLDER MODE…: L1 by each firmware in FOLDER, which starts at virtual EL2 without E2H and hands over to a Linux
# 6.12 whose KVM is in each MODE (nested-linux.sh: vhe, nvhe, protected), and an L2 below.
folder=$1
shift
for firmware in "$folder"/edk2-* "$folder"/u-boot-*; do
	for mode in "$@"; do
		echo "@ ${firmware##*/} $mode"
		L1_FIRMWARE=$firmware MODE=$mode nested-linux.sh 6.12 6.12 >/tmp/console || {
			tail -n 40 /tmp/console
			exit 1
		}
		tail -n 1 /tmp/console | sed "s/^PASS /PASS ${firmware##*/}-$mode-/"
	done
done
echo "all firmware has handed over"
