#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# nested-trace.sh: the tracepoints of the nested transitions and the counters in debugfs, over bare-metal guests that make each of them.
tracing=/sys/kernel/tracing
[ -d $tracing/events ] || mount -t tracefs tracefs $tracing || exit 1
events=$tracing/events/nestvisor
[ -d $events ] || { echo "no $events"; exit 1; }
run() { /mnt/share/guests/nested_guests "$@" >/tmp/cases 2>&1 || { cat /tmp/cases; exit 1; }; }
result=0

# want NAME PATTERN: some event matches. never NAME PATTERN: none does.
want() {
	if grep -Eq "$2" /tmp/trace; then
		echo "PASS trace-$1"
	else
		echo "FAIL trace-$1 no event matches $2"
		result=1
	fi
}
never() {
	if grep -Eq "$2" /tmp/trace; then
		echo "FAIL trace-$1 $(grep -E "$2" /tmp/trace | head -n 1)"
		result=1
	else
		echo "PASS trace-$1"
	fi
}

echo 0 >$tracing/tracing_on
echo >$tracing/trace
echo 1 >$tracing/tracing_on
run eret-to-el1-and-back
cp $tracing/trace /tmp/trace
never off 'nested_|exit:|kvm_'

echo 1 >$events/enable
echo 1 >$tracing/events/kvm/enable
run eret-to-el1-and-back vhe-tge-user-svc illegal-eret-el3 stage2-translation-fault-read tlbi-ipas2-takes-effect \
	wfi-in-l2-ends-by-l1-timer vmid-switch
echo 0 >$events/enable
echo 0 >$tracing/events/kvm/enable
cp $tracing/trace /tmp/trace
x='0x[0-9a-f]+'
want forward "nested_forward: vm=[0-9]+ vcpu=0 counter=[1-9][0-9]* tier=0 vector=sync from=L2 elr=$x esr=0x5a[0-9a-f]{6} "
want eret-l2 "nested_eret: .* tier=0 to=L2 pc=$x spsr=$x"
want eret-el0 'nested_eret: .* to=vEL2-EL0 '
want eret-illegal 'nested_eret: .* to=illegal '
want fault-forwarded "nested_shadow_fault: .* outcome=forwarded ipa=$x"
want fault-mapped 'nested_shadow_fault: .* tier=1 outcome=mapped '
want fault-taken "nested_forward: .* from=L2 .* esr=0x9[0-9a-f]+ far=$x hpfar=0x[1-9a-f]"
want tlbi 'nested_tlbi: .* scope=IPA regime=EL1&0 '
want shadow 'nested_shadow: .* created baddr=0x[1-9a-f]'
want interrupt 'nested_interrupt: .* vector=IRQ elr='
never nothing-lost 'nested_lost'
want exit-l2 " exit: vm=[0-9]+ vcpu=0 world=L2 kind=sync esr=0x5a[0-9a-f]{6} pc=$x far=0x0 hpfar=0x0"
want exit-fault " exit: .* world=L2 kind=sync esr=0x9[0-9a-f]+ pc=$x far=$x hpfar=0x[1-9a-f]"
want exit-vel2 ' exit: .* world=vEL2 kind=sync '
want kvm-exit 'kvm_exit: TRAP: HSR_EC: 0x0016 \(HVC64\), PC: 0x'
want kvm-entry 'kvm_entry: PC: 0x'
[ $result = 0 ] || head -n 60 /tmp/trace

# The counters of a VM while it runs.
debug=/sys/kernel/debug
[ -d $debug/nestvisor ] || mount -t debugfs debugfs $debug || exit 1
# A case is over in half a second: again, until one was seen half-way.
rm -f /tmp/seen
(
	while [ ! -e /tmp/seen ]; do
		/mnt/share/guests/nested_guests stage2-live-changes-other-vcpu >/tmp/cases 2>&1 || exit 1
	done
) &
counted() { grep -Eq "$1" /tmp/vms; }
: >/tmp/vms
for round in $(seq 300); do
	cat $debug/nestvisor/vms >/tmp/vms
	# A VM's lines come before its vCPUs': the first ERET may fall between the two.
	counted '^vm [0-9]+ nested_erets: ' && counted ' vcpu [0-9]+ nested_l2_exits_by_class' && break
done
touch /tmp/seen
wait $! || { cat /tmp/cases; exit 1; }
cp /tmp/vms /tmp/trace
want vms-vcpu '^vm [0-9]+ vcpu [0-9]+ nested_l2_exits_by_class\[[0-9]+\]: [1-9]'
want vms-vm '^vm [0-9]+ nested_erets: [1-9]'

# Nobody listens any more; to the kernel's own events, as soon as the module has noticed that.
echo >$tracing/trace
run eret-to-el1-and-back
cp $tracing/trace /tmp/trace
never off-again 'nested_|exit:|kvm_'
exit $result
