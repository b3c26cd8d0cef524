#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libguestfs.sh: libguestfs' own test: it makes its appliance of the packages around it, boots that as a guest under KVM and
# works on a disk there. Runs in client.sh. The appliance is kept as long as the clients' disk.
work=$(mktemp -d)
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_kvm LIBGUESTFS_CACHEDIR=/var/tmp
export SUPERMIN_KERNEL=/guest/linux-6.12 SUPERMIN_KERNEL_VERSION SUPERMIN_MODULES
SUPERMIN_MODULES=$(echo /lib/modules/*)
SUPERMIN_KERNEL_VERSION=${SUPERMIN_MODULES##*/}

libguestfs-test-tool --timeout 1500 >"$work/said" 2>&1
status=$?
version=$(dpkg-query -W -f '${Version}' libguestfs0t64 | sed 's/^[0-9]*://; s/-.*//')
if [ $status = 0 ] && grep -q "TEST FINISHED OK" "$work/said"; then
	echo "PASS libguestfs-$version"
	result=0
else
	tail -n 60 "$work/said"
	echo "FAIL libguestfs libguestfs-test-tool ended with status $status: $(tail -n 1 "$work/said")"
	result=1
fi
rm -rf "$work"
exit $result
