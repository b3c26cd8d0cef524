// SPDX-License-Identifier: GPL-2.0-only
// A Type 1 hypervisor that does nothing but divide: vCPU 0 is Linux's, vCPU 1 the RTOS's, and so are their interrupts.
//
// Linux runs twice, or once if it powers off. After each end the RTOS must go on for kMoreTicks, then the machine is switched off. What
// happened goes to the second UART, where partition.sh reads it.
#include "../../guests/bare/check.hpp"
#include "../../guests/bare/gic.hpp"
#include "../../guests/bare/smp.hpp"
#include "../mailbox.hpp"
#include "console.hpp"
#include "linux.hpp"
#include "rtos_host.hpp"
#include "tables.hpp"

namespace nest::partition {
namespace {

using namespace guests;

constexpr u64 kMoreTicks = 500;

u64 all_ticks() { return rtos_life.ticks + mailbox().ticks; }

// While a crash is counted the sum may go back for a moment, so that what is awaited is ticks of one life, or another crash.
bool rtos_goes_on() {
    const u64 crashes = rtos_life.crashes, ticks = mailbox().ticks;
    const u64 until = READ("cntpct_el0") + 60 * READ("cntfrq_el0");
    while (READ("cntpct_el0") < until)
        if (rtos_life.crashes != crashes || mailbox().ticks >= ticks + kMoreTicks)
            return true;
    return false;
}

u64 nanoseconds(u64 counts) { return counts * 1'000'000'000 / READ("cntfrq_el0"); }

void report_rtos() {
    const volatile Mailbox& box = mailbox();
    print("rtos: ", all_ticks(), " ticks, ", box.skipped, " skipped, ", box.rounds, " rounds, ", box.damaged, " damaged, ",
          rtos_life.crashes, " crashes, ", rtos_life.interrupted, " interrupts at EL2\n");
    if (rtos_life.crashes) {
        print("rtos: last crash at ");
        print_hex(rtos_life.address);
        print(", ESR_EL2 ");
        print_hex(rtos_life.esr);
        print("\n");
    }
    if (box.activations)
        print("rtos: from a tick's time to its task ", nanoseconds(box.least), " ns at least, ",
              nanoseconds(box.sum / box.activations), " on average, ", nanoseconds(box.most), " at most\n");
}

[[noreturn]] void host_linux() {
    LinuxExits exits = {};
    for (int starts = 1; starts <= 2; starts++) {
        print("linux: start ", starts, "\n");
        const LinuxEnd end = run_linux(exits);
        print(end == LinuxEnd::kOff ? "linux: off\n" : end == LinuxEnd::kReset ? "linux: reset\n" : "linux: stopped\n");
        print(rtos_goes_on() ? "rtos: goes on\n" : "rtos: stands still\n");
        if (end == LinuxEnd::kOff)
            break;
    }
    print("linux: ", exits.calls, " calls, ", exits.distributor, " accesses to the distributor, ", exits.others, " to nothing\n");
    report_rtos();
    power_off();
}

}  // namespace
}  // namespace nest::partition

using nest::guests::Frame;
using nest::guests::u64;

extern "C" void payload_main(u64 cpu, u64) {
    using namespace nest::partition;
    nest::guests::use_world(cpu, vectors);
    WRITE("icc_sre_el2", READ("icc_sre_el2") | 9);
    nest::guests::isb();
    if (cpu)
        host_rtos();
    kConsole.enable();
    make_tables();
    nest::guests::distributor(0) = 1 << 4 | 1 << 1;         // ARE, EnableGrp1: of both, for good
    nest::guests::start_second(nullptr);
    host_linux();
}

extern "C" void unexpected_exception(const Frame* frame) {
    using namespace nest::partition;
    print("hypervisor: exception, ESR_EL2 ");
    print_hex(frame->esr);
    print(", ELR_EL2 ");
    print_hex(frame->elr);
    print("\n");
}
