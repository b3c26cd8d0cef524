#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# partition.sh FOLDER crash-linux|crash-rtos: the Type 1 hypervisor of tests/partition at virtual EL2, with a Linux 6.12 on vCPU 0 and
# an RTOS on vCPU 1, of whom one crashes. FOLDER has hypervisor.elf and rtos.bin.
#   crash-linux   Linux panics in user space and is started again, twice; the RTOS must not notice
#   crash-rtos    the RTOS writes to Linux's memory, once a second of its life; Linux must come to power-off as if alone
folder=$1 crash=$2
work=$(mktemp -d)
. "$(command -v levels.sh)"
case $crash in
crash-linux) tick=0 ;;
crash-rtos) tick=1000 ;;
*) echo "no such crash: $crash" >&2; exit 2 ;;
esac

tiny-initrd.sh "$work/initrd" "$([ "$crash" = crash-linux ] && echo 'echo c >/proc/sysrq-trigger')"
# What Linux is told: a machine of its own, with neither EL2 nor the second CPU nor more memory.
machine="virt,gic-version=3,its=off,highmem=off"
append="console=ttyAMA0 panic=1 quiet nowatchdog"
qemu-system-aarch64 -M "$machine,dumpdtb=$work/dtb" -accel kvm -cpu host -smp 1 -m 512M -nographic -nic none \
	-kernel /guest/linux-6.12 -initrd "$work/initrd" -append "$append" </dev/null >/dev/null 2>&1

read -r started _ </proc/uptime
qemu-system-aarch64 -M "$machine,virtualization=on" -accel kvm -cpu host -smp 2 -m 1G -nographic -nic none \
	-serial stdio -serial file:"$work/report" -monitor none \
	-device loader,file="$folder/hypervisor.elf",cpu-num=0 \
	-device loader,file="$folder/rtos.bin",addr=0x6e000000,force-raw=on \
	-device loader,file=/guest/linux-6.12,addr=0x64000000,force-raw=on \
	-device loader,file="$work/initrd",addr=0x68000000,force-raw=on \
	-device loader,file="$work/dtb",addr=0x6c000000,force-raw=on \
	-device loader,addr=0x6e800000,data=$tick,data-len=8 </dev/null 2>&1 |
	tee "$work/console" | label.sh Linux
read -r ended _ </proc/uptime
sed 's/^/hypervisor: /' "$work/report"

reported() { grep -Eq "$1" "$work/report"; }
ends=$(grep -c "^GUEST done" "$work/console")
why=
if ! reported "^rtos: [1-9]"; then
	why="no report: $(tail -n 1 "$work/report"); $(tell .)"
elif reported "^rtos: stands still"; then
	why="the RTOS did not go on"
elif reported "[1-9][0-9]* damaged" || reported "[1-9][0-9]* interrupts at EL2"; then
	why=$(grep "damaged" "$work/report")
elif [ "$crash" = crash-linux ]; then
	if [ "$(grep -c "^linux: reset" "$work/report")" != 2 ] || [ "$(grep -c "sysrq triggered crash\|SysRq : Trigger a crash" "$work/console")" != 2 ]; then
		why="Linux did not crash twice: $(tell .)"
	elif ! reported " 0 crashes"; then
		why="the RTOS crashed, too: $(grep "last crash" "$work/report")"
	fi
elif [ "$ends" != 1 ] || ! reported "^linux: off"; then
	why="Linux: $(tell .)"
elif ! reported " [1-9][0-9]* crashes" || ! reported "^rtos: last crash at 0x40200000"; then
	why="the RTOS did not crash: $(grep crashes "$work/report")"
fi
verdict "partition-$crash" "Linux and an RTOS below a Type 1 hypervisor"
