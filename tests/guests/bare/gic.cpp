// SPDX-License-Identifier: GPL-2.0-only
#include "gic.hpp"

namespace nest::guests {
namespace {

volatile u32& redistributor(u64 offset) { return memory32(redistributor_base() + offset); }
constexpr u64 kSgiFrame = 0x10000;

}  // namespace

void gic_init() {
    distributor(0) = 1 << 4 | 1 << 1;                   // ARE, EnableGrp1
    gic_init_cpu();
}

void gic_init_cpu() {
    if (at_el2())
        WRITE("icc_sre_el2", READ("icc_sre_el2") | 9);  // SRE, Enable
    else
        WRITE("icc_sre_el1", READ("icc_sre_el1") | 1);
    isb();
    redistributor(0x14) = redistributor(0x14) & ~2u;    // GICR_WAKER.ProcessorSleep
    redistributor(kSgiFrame + 0x80) = ~0u;              // GICR_IGROUPR0
    for (u32 i = 0; i < 8; i++)
        redistributor(kSgiFrame + 0x400 + 4 * i) = 0xa0a0'a0a0;
    WRITE("icc_pmr_el1", 0xff);
    WRITE("icc_bpr1_el1", 0);
    WRITE("icc_igrpen1_el1", 1);
    isb();
}

void gic_enable(u32 intid) {
    redistributor(kSgiFrame + 0x100) = 1u << intid;
    dsb();
}

void gic_use_group0(u32 intid) {
    distributor(0) = 1 << 4 | 1 << 1 | 1 << 0;          // and EnableGrp0
    redistributor(kSgiFrame + 0x80) = redistributor(kSgiFrame + 0x80) & ~(1u << intid);
    WRITE("icc_bpr0_el1", 0);
    WRITE("icc_igrpen0_el1", 1);
    isb();
}

void gic_set_priority(u32 intid, u32 priority) {
    reinterpret_cast<volatile unsigned char*>(&redistributor(kSgiFrame + 0x400))[intid] = static_cast<unsigned char>(priority);
    dsb();
}

u64 gic_acknowledge() {
    const u64 intid = READ("icc_iar1_el1");
    dsb();
    return intid & 0xff'ffff;
}

void gic_end(u64 intid) {
    WRITE("icc_eoir1_el1", intid);
    isb();
}

bool gic_is_pending(u32 intid) { return redistributor(kSgiFrame + 0x200) >> intid & 1; }
bool gic_is_active(u32 intid) { return redistributor(kSgiFrame + 0x300) >> intid & 1; }
void gic_set_active(u32 intid) {
    redistributor(kSgiFrame + 0x300) = 1u << intid;
    dsb();
}

}  // namespace nest::guests
