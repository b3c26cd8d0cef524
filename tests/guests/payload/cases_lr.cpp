// SPDX-License-Identifier: GPL-2.0-only
// L1 injects interrupts into L2 by list registers of its own GIC virtualisation.
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "list_registers.hpp"

namespace nest::guests {
namespace {

constexpr u64 kEois = 1, kUnderflow = 2;                                // ICH_MISR_EL2
constexpr u64 kHw = bit(61), kEoi = bit(41);                            // ICH_LR<n>_EL2
constexpr u64 kUnmasked = kEl1h & ~kIrqMask;

void has_no_interrupt() {
    const Frame f = run_l2(l2_hvc, {.spsr = kUnmasked});
    IS_HVC(f, kDone);
}

}  // namespace

void case_lr_injects() {
    use_lrs(kEn);
    WRITE("ich_lr0_el2", lr(48, 0x80));
    EQUAL("ICH_ELRSR_EL2 bit 0 of a pending one", READ("ich_elrsr_el2") & 1, 0);
    IS_HVC(run_l2(l2_spin, {.spsr = kUnmasked}), kL2Vector + 5);
    const Frame taken = run_l2(l2_ack);
    IS_HVC(taken, kDone);
    EQUAL("ICC_IAR1_EL1 in L2", taken.x[0], 48);
    EQUAL("state: active", state_of(READ("ich_lr0_el2")), 2);
    has_no_interrupt();
    IS_HVC(run_l2(l2_end, {.x0 = 48}), kDone);
    EQUAL("state: invalid", state_of(READ("ich_lr0_el2")), 0);
    EQUAL("ICH_ELRSR_EL2 bit 0", READ("ich_elrsr_el2") & 1, 1);
    const Frame spurious = run_l2(l2_ack);
    IS_HVC(spurious, kDone);
    EQUAL("ICC_IAR1_EL1 in L2 with nothing left", spurious.x[0], 1023);
}

void case_lr_masked() {
    use_lrs(kEn, 0x80);
    WRITE("ich_lr0_el2", lr(48, 0x80));     // not above the mask
    has_no_interrupt();
    WRITE("ich_lr0_el2", lr(48, 0x78));
    IS_HVC(run_l2(l2_spin, {.spsr = kUnmasked}), kL2Vector + 5);
    WRITE("ich_hcr_el2", 0);
    isb();
    has_no_interrupt();
}

void case_lr_order() {
    constexpr u64 kOrder[] = {49, 48, 50, 1023};
    use_lrs(kEn);
    WRITE("ich_lr0_el2", lr(48, 0x90));
    WRITE("ich_lr1_el2", lr(49, 0x80));
    WRITE("ich_lr2_el2", lr(50, 0xa0));
    for (const u64 intid : kOrder) {
        const Frame f = run_l2(l2_ack_eoi);
        IS_HVC(f, kDone);
        EQUAL("INTID", f.x[0], intid);
    }
}

void case_maintenance_eoi() {
    use_lrs(kEn);
    gic_enable(kMaintenance);
    WRITE("ich_lr0_el2", lr(48, 0x80) | kEoi);
    const Frame f = run_l2(l2_ack_eoi);
    // The interrupt is asynchronous: the HVC may still come first.
    if (f.vector == kVectorLower)
        IS_HVC(f, kDone);
    else
        TAKEN(f, kVectorLowerIrq);
    EQUAL("ICH_MISR_EL2", READ("ich_misr_el2"), kEois);
    EQUAL("ICH_EISR_EL2", READ("ich_eisr_el2"), 1);
    if (f.vector == kVectorLower)
        TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    EQUAL("INTID", gic_acknowledge(), kMaintenance);
    WRITE("ich_lr0_el2", 0);
    isb();
    EQUAL("ICH_MISR_EL2 with an empty LR", READ("ich_misr_el2"), 0);
    gic_end(kMaintenance);
    EQUAL("INTID after the level fell", gic_acknowledge(), 1023);
    has_no_interrupt();
}

void case_maintenance_underflow() {
    use_lrs(kEn | kUie);
    gic_enable(kMaintenance);
    EQUAL("ICH_MISR_EL2 with no LR", READ("ich_misr_el2"), kUnderflow);
    TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    EQUAL("INTID", gic_acknowledge(), kMaintenance);
    WRITE("ich_hcr_el2", kEn);
    isb();
    gic_end(kMaintenance);
    has_no_interrupt();
    WRITE("ich_lr0_el2", lr(48, 0x80));
    WRITE("ich_lr1_el2", lr(49, 0x80));
    WRITE("ich_hcr_el2", kEn | kUie);
    isb();
    EQUAL("ICH_MISR_EL2 with two LRs", READ("ich_misr_el2"), 0);
}

// An LR with HW: L2's deactivation deactivates L1's own interrupt.
void case_lr_physical() {
    use_lrs(kEn);
    gic_enable(kPhysicalTimer);
    gic_set_active(kPhysicalTimer);
    CHECK("active at first", gic_is_active(kPhysicalTimer));
    WRITE("ich_lr0_el2", lr(48, 0x80) | kHw | u64{kPhysicalTimer} << 32);
    const Frame f = run_l2(l2_ack_eoi);
    IS_HVC(f, kDone);
    EQUAL("INTID", f.x[0], 48);
    EQUAL("state: invalid", state_of(READ("ich_lr0_el2")), 0);
    CHECK("no more active", !gic_is_active(kPhysicalTimer));
}

}  // namespace nest::guests
