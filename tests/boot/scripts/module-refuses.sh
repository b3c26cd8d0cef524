#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The module must refuse this machine, with that errno, and leave nothing behind.
wanted=$1
case $wanted in
EBUSY) text="resource busy" ;;
ENODEV) text="No such device" ;;
*) echo "unknown errno $wanted"; exit 1 ;;
esac

said=$(insmod "$LAB_MODULE" 2>&1)
status=$?
echo "$said"
if [ $status = 0 ]; then
	echo "the module loaded where it must refuse"
	exit 1
fi
if grep -q '^nestvisor ' /proc/modules; then
	echo "refused, but it is in /proc/modules"
	exit 1
fi
case $said in
*"$text"*) exit 0 ;;
*) echo "refused, but not with $wanted"; exit 1 ;;
esac
