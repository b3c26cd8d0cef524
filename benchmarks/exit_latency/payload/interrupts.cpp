// SPDX-License-Identifier: GPL-2.0-only
// IPIs, EOI, timer, WFI, KVM_IRQ_LINE, LPIs.
#include "../../../tests/guests/bare/gic.hpp"
#include "../../../tests/guests/bare/its.hpp"
#include "../../../tests/guests/bare/smp.hpp"
#include "operation.hpp"

namespace nest::bench {

Interrupt interrupt[2];

namespace {

constexpr u32 kSgi = 5;
volatile u64 second_ready, written;

u32 timer_intid() { return at_el2() ? kHypVirtualTimer : kVirtualTimer; }
u64 cpu() { return READ("mpidr_el1") & 0xff; }

// Until the handler of this vCPU has run once more.
inline void await(u64 count) {
    while (interrupt[0].count == count)
        relax();
}

// From a write to a device until the handler's first instruction.
inline u64 write_until_handler(u64 address) {
    const u64 count = interrupt[0].count;
    const u64 before = now();
    memory64(address) = 1;
    await(count);
    return interrupt[0].time - before;
}

void second_runs() {
    gic_enable(kSgi);
    unmask();
    second_ready = 1;
    for (;;)
        relax();
}
void second_sleeps() {
    gic_enable(kSgi);
    unmask();
    second_ready = 1;
    for (;;)
        asm volatile("wfi" ::: "memory");
}
void start(void (*function)()) {
    start_second(function);
    while (!second_ready)
        relax();
}

u64 sample_ipi(u64) {
    written = 0;
    const u64 before = now();
    gic_send(kSgi, 1);
    while (!written)
        asm volatile("wfe" ::: "memory");
    return now() - before;
}

// The SGI is made pending and acknowledged outside of the measured part.
u64 sample_eoi(u64) {
    gic_send(kSgi, 0);
    while (!(READ("isr_el1") & bit(7)))
        relax();
    const u64 intid = gic_acknowledge();
    EQUAL("INTID", intid, kSgi);
    const u64 before = now();
    WRITE("icc_eoir1_el1", intid);
    return now() - before;
}

// As much of it as comes before the acknowledgement: an SGI that is not enabled.
void send_unseen() { gic_send(kSgi + 1, 0); }

// A millisecond ahead: more than programming the timer costs at any level.
u64 program_timer() {
    const u64 deadline = now() + READ("cntfrq_el0") / 1000;
    WRITE("cntv_cval_el0", deadline);
    WRITE("cntv_ctl_el0", 1);
    isb();
    return deadline;
}

u64 sample_timer(u64) {
    const u64 count = interrupt[0].count;
    const u64 deadline = program_timer();
    await(count);
    return interrupt[0].time - deadline;
}

u64 sample_timer_due(u64) {
    const u64 count = interrupt[0].count, before = now();
    WRITE("cntv_cval_el0", before);
    WRITE("cntv_ctl_el0", 1);
    isb();
    await(count);
    return interrupt[0].time - before;
}

// Masked: WFI ends all the same, and the next instruction is the one that counts.
u64 sample_wfi(u64) {
    const u64 count = interrupt[0].count;
    mask();
    const u64 deadline = program_timer();
    do
        asm volatile("wfi" ::: "memory");
    while (!(READ("isr_el1") & bit(7)));
    const u64 late = now() - deadline;
    unmask();
    await(count);
    return late;
}

void setup_timer() {
    gic_enable(timer_intid());
    unmask();
}

void setup_line() {
    constexpr u64 kWord = kSpi / 32 * 4;
    distributor(0x80 + kWord) = ~0u;                    // GICD_IGROUPR
    distributor(0x400 + kSpi / 4 * 4) = 0xa0a0'a0a0;    // GICD_IPRIORITYR
    memory64(kDistributor + 0x6000 + kSpi * 8) = 0;     // GICD_IROUTER: affinity 0.0.0.0
    distributor(0x100 + kWord) = 1u << kSpi % 32;       // GICD_ISENABLER
    unmask();
}
u64 sample_line(u64) { return write_until_handler(command::kRaise); }

void setup_lpi() {
    its_init();
    its_take_lpis();
    its_map(kEvent, kFirstLpi, 0);
    unmask();
}
u64 sample_lpi(u64) {
    const u64 count = interrupt[0].count;
    const u64 before = now();
    its_interrupt(kEvent);
    await(count);
    const u64 took = interrupt[0].time - before;
    its_told();
    return took;
}
u64 sample_doorbell(u64) { return write_until_handler(command::kDoorbell); }
u64 sample_message(u64) {
    const u64 count = interrupt[0].count;
    memory64(command::kMessage) = 1;
    await(count);
    return interrupt[0].time - memory64(kMessageTime);
}

}  // namespace

const Op op_ipi{[] { start(second_runs); }, sample_ipi, nullptr};
const Op op_ipi_sleeping{[] { start(second_sleeps); }, sample_ipi, nullptr};
const Op op_eoi{[] { gic_enable(kSgi); }, sample_eoi, [](u64) { send_unseen(); }};
const Op op_timer{setup_timer, sample_timer, nullptr};
const Op op_timer_due{setup_timer, sample_timer_due, nullptr};
const Op op_wfi_wakeup{setup_timer, sample_wfi, nullptr};
const Op op_irq_line{setup_line, sample_line, [](u64) { memory64(command::kNothing) = 0; }};
const Op op_lpi{setup_lpi, sample_lpi, [](u64) { its_told(); }};
const Op op_lpi_irqfd{setup_lpi, sample_doorbell, nullptr};
const Op op_lpi_irqfd_user{setup_lpi, sample_message, [](u64) { memory64(command::kNothing) = 0; }};

}  // namespace nest::bench

extern "C" void on_interrupt(nest::bench::u64 time) {
    using namespace nest::bench;
    const u64 intid = gic_acknowledge();
    const u64 self = cpu();
    if (intid == kSgi && self == 1)
        written = 1;
    else if (intid == timer_intid())
        WRITE("cntv_ctl_el0", 0);
    else if (intid == kSpi)
        memory64(command::kLower) = 0;
    isb();
    gic_end(intid);
    interrupt[self].time = time;
    interrupt[self].count = interrupt[self].count + 1;
}
