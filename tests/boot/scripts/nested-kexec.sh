#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-kexec.sh MODE…: L1 goes over from one Linux 6.12 to the next by kexec, with its KVM in each MODE in turn (vhe, nvhe,
# protected), and each starts an L2 (guest-tiny.sh). A kernel without VHE leaves EL2 to the next one's beginning. Environment: CPUS (2).
cpus=${CPUS:-2}
work=$(mktemp -d)

# L1's job, the same for each of its kernels: lab.modes are those of this kernel and of all that follow.
cat >"$work/job" <<'END'
for word in $(cat /proc/cmdline); do
	case $word in lab.modes=*) modes=${word#lab.modes=} ;; esac
done
echo "MODE ${modes%%,*}: $(dmesg | grep -o 'kvm \[1\]: .*initialized successfully')"
guest-tiny.sh 6.12
next=${modes#*,}
[ "$next" != "$modes" ] || exit
mkdir -p /run/next/lab
cp -r /run/lab /run/next/lab/l1
{
	cat /guest/initrd-6.12
	(cd /run/next && find lab | cpio -o -H newc 2>/dev/null)
} >/run/initrd
kexec -l /guest/linux-6.12 --initrd=/run/initrd \
	--command-line="console=ttyAMA0 panic=-1 quiet $(kvm-mode.sh words "${next%%,*}") lab.modes=$next" && kexec -e
END

modes=$(echo "$*" | tr ' ' ,)
# Without an ITS: Linux never takes the LPIs' tables from a redistributor that a kernel before it has enabled, and where no EFI has
# reserved them, the next kernel may lie there (its_setup_lpi_prop_table()).
MACHINE=virt,its=off CPUS=$cpus L1_APPEND="quiet $(kvm-mode.sh words "$1") lab.modes=$modes" boot-l1.sh 6.12 "$work/job" "$(command -v kvm-mode.sh)" \
	"$(command -v guest-tiny.sh)" "$(command -v tiny-initrd.sh)" "$(command -v label.sh)" |
	tr -d '\r' | tee "$work/console" | sed 's/^/L1: /'

why=
for mode; do
	grep -aEq "^MODE $mode: kvm \[1\]: $(kvm-mode.sh says "$mode") initialized" "$work/console" || why="$why no KVM in mode $mode;"
done
[ "$(grep -ac "^GUEST cpus $cpus of $cpus" "$work/console")" = $# ] || why="$why not $cpus CPUs each time;"
[ "$(grep -ac '^PASS tiny-6.12' "$work/console")" = $# ] || why="$why not $# times an L2;"
grep -aq '^GUEST log' "$work/console" && why="$why $(grep -a '^GUEST log' "$work/console" | head -n 1)"
if [ -z "$why" ]; then
	echo "PASS nested-kexec $*"
else
	echo "FAIL nested-kexec$why $(tail -n 1 "$work/console")"
fi
rm -rf "$work"
[ -z "$why" ]
