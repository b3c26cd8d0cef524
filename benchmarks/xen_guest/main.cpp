// SPDX-License-Identifier: GPL-2.0-only
// The dom0 of a Xen that is L1: what an exit to Xen costs. Xen shows dom0's UART on its own console, line by line of less than 126
// characters (guest_loglvl=debug). For each operation a line with its median, in nanoseconds of CNTVCT_EL0, and one that asks to look:
// the operation goes on for some rounds.
#include "../../tests/guests/bare/gic.hpp"
#include "../../tests/guests/bare/smp.hpp"
#include "../qemu_guest/sampling.hpp"

extern "C" const char own_vectors[], image_start[];

namespace nest::xen_guest {
namespace {

using namespace qemu_guest;
using guests::smccc;

constexpr u64 kRounds = 12;
constexpr u64 kSmcccVersion = 0x8000'0000;
constexpr u64 kIidr = guests::kDistributor + 8;
constexpr u32 kSgi = 5;

volatile u64 handled, handled_at;       // interrupts of CPU 0: how many, and CNTVCT_EL0 of the last
volatile u64 second_ready, second_handled;

inline u32 load(u64 address) { return guests::memory32(address); }

void second_runs() {
    guests::gic_enable(kSgi);
    asm volatile("msr daifclr, #2" ::: "memory");
    second_ready = 1;
    for (;;)
        asm volatile("yield");
}

u64 sample_ipi() {
    second_handled = 0;
    const u64 before = now();
    guests::gic_send(kSgi, 1);
    while (!second_handled)
        asm volatile("wfe" ::: "memory");
    return now() - before;
}

// Armed when it is due already, until the handler's first instruction.
u64 sample_timer() {
    const u64 count = handled, before = now();
    WRITE("cntv_cval_el0", before);
    WRITE("cntv_ctl_el0", 1);
    while (handled == count)
        asm volatile("yield");
    return handled_at - before;
}

template <typename Sample>
void show(const char* name, Sample sample) {
    take_samples(sample);
    sort();
    put("@@XEN flat/");
    put(name);
    put(" ");
    put(samples[(kSamples - 1) / 2] * 1'000'000'000 / READ("cntfrq_el0"));
    put("\n@@TRACE flat/");
    put(name);
    put("\n");
    for (u64 round = 0; round < kRounds; round++)
        take_samples(sample);
}

void measure_all() {
    guests::gic_enable(guests::kVirtualTimer);
    asm volatile("msr daifclr, #2" ::: "memory");
    show("hypercall", [] { return timed([] { smccc(kSmcccVersion); }); });
    show("mmio-vgic", [] { return timed([] { load(kIidr); }); });
    show("timer-due", sample_timer);
    guests::start_second(second_runs);
    while (!second_ready)
        asm volatile("yield");
    show("ipi", sample_ipi);
    put("@@XEN done\n");
}

}  // namespace
}  // namespace nest::xen_guest

using nest::guests::u64;

// `cpu` 1: `function` is what it runs.
extern "C" void payload_main(u64 cpu, u64 function) {
    using namespace nest::xen_guest;
    WRITE("vbar_el1", own_vectors);
    nest::guests::isb();
    nest::guests::gic_init();
    if (cpu)
        reinterpret_cast<nest::guests::Code>(function)();
    enable_console();
    put("@@XEN base ");
    put(reinterpret_cast<u64>(image_start));
    put("\n");
    measure_all();
    nest::guests::power_off();
}

extern "C" void on_interrupt(u64 time) {
    using namespace nest::xen_guest;
    const u64 intid = nest::guests::gic_acknowledge();
    if (intid == nest::guests::kVirtualTimer) {
        WRITE("cntv_ctl_el0", 0);
        nest::guests::isb();
    }
    nest::guests::gic_end(intid);
    if (intid == kSgi) {
        second_handled = 1;
    } else {
        handled_at = time;
        handled = handled + 1;
    }
}

extern "C" void other_exception(u64 vector) {
    using namespace nest::xen_guest;
    put("xen_guest: exception at vector 0x");
    put(vector, 16);
    put(", ELR 0x");
    put(READ("elr_el1"), 16);
    put(", ESR 0x");
    put(READ("esr_el1"), 16);
    put("\n");
    nest::guests::power_off();
}
extern "C" void unexpected_exception(const nest::guests::Frame*) {}
