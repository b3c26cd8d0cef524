// SPDX-License-Identifier: GPL-2.0-only
#include "place.hpp"

#include <cstring>

#include <arch/sysreg.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/abi/registers.hpp>

#include "calls.hpp"
#include "el2.hpp"
#include "guest.hpp"

namespace nest::fuzz_kvm {
namespace {

namespace abi = nest::kvm::abi;
using arch::SysReg;

constexpr u64 core_id(u64 offset) { return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | offset; }

// A vCPU and a way to its registers.
struct Setter {
    World& world;
    Random& r;
    int vcpu;

    void set(u64 id, u64 value) {
        std::memcpy(here().scratch + kPage, &value, sizeof value);
        const abi::OneReg access{id, reinterpret_cast<u64>(here().scratch + kPage)};
        std::memcpy(here().scratch, &access, sizeof access);
        checked_ioctl(world, r, vcpu, abi::KVM_SET_ONE_REG, reinterpret_cast<u64>(here().scratch));
    }
    void set(SysReg reg, u64 value) { set(abi::sysreg_id(reg), value); }
    void core(u64 offset, u64 value) { set(core_id(offset), value); }
};

constexpr u64 kVirtualEl2 = 0x3c9, kEl1h = 0x3c5;
u64 code_address(Random& r) { return kRam + kCode + r.below(kCodeSize) / 4 * 4; }

u64 vttbr(Random& r) {
    const u64 tables = r.percent(60) ? kRam + kGoodTables : r.percent(80) ? kRam + kRandomTables + r.below(kTables) * kPage : guest_address(r);
    return (r.percent(95) ? tables : r.number()) | r.below(4) << 48;
}

u64 vtcr(Random& r) {
    const u64 good = u64{1} << 31 | 2 << 16 | 3 << 12 | 1 << 6 | 25;      // 40 bits of PA, 39 of IPA, from level 1
    return r.percent(75) ? good : r.percent(60) ? good ^ u64{1} << r.below(32) : r.number();
}

void place_el2(Setter& s, Random& r) {
    const u64 hcr = plausible_hcr(r);
    const bool e2h = hcr & arch::HCR_EL2::E2H::kMask;
    s.set(SysReg::HCR_EL2, hcr);
    s.set(SysReg::VTTBR_EL2, vttbr(r));
    s.set(SysReg::VTCR_EL2, vtcr(r));
    s.set(SysReg::VNCR_EL2, r.percent(70) ? kRam + kVncrPage : guest_address(r));
    s.set(SysReg::VBAR_EL2, kRam + kEl2Vectors);
    s.set(SysReg::CPTR_EL2, r.percent(80) ? (e2h ? 0x0030'0000 : 0x32ff) : r.number());   // nothing traps
    s.set(SysReg::MDCR_EL2, r.percent(80) ? 0 : r.number());
    s.set(SysReg::CNTHCTL_EL2, r.percent(60) ? (e2h ? 0xc00 : 3) : r.number());
    s.set(SysReg::CNTVOFF_EL2, r.percent(60) ? 0 : r.number());
    for (const SysReg reg : {SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2, SysReg::HFGITR_EL2, SysReg::HDFGRTR_EL2, SysReg::HDFGWTR_EL2,
                             SysReg::HCRX_EL2, SysReg::TCR_EL2, SysReg::TTBR0_EL2, SysReg::VSESR_EL2, SysReg::VMPIDR_EL2})
        if (r.one_in(12))
            s.set(reg, r.number());
    s.set(SysReg::ELR_EL2, r.percent(90) ? code_address(r) : guest_address(r));
    s.set(SysReg::SPSR_EL2, r.percent(85) ? r.of({kEl1h, u64{0x3c0}, u64{0x005}}) : r.number());
}

}  // namespace

void put_in_place(World& world, Random& r, int vcpu) {
    Setter s{world, r, vcpu};
    for (u64 i = 0; i < 31; i += 1 + r.below(3))
        s.core(2 * i, r.percent(70) ? guest_address(r) : r.number());
    s.set(SysReg::VBAR_EL1, kRam + kVectors);
    s.set(SysReg::CPACR_EL1, 0x0030'0000);
    s.set(SysReg::SCTLR_EL1, r.percent(97) ? 0x30d0'0800 : r.number());
    place_el2(s, r);                    // a vCPU without has no such registers
    s.core(2 * 34, kRam + kStack);      // SP_EL1
    switch (r.below(5)) {
    case 0:                             // EL1; without virtual EL2, the only one
        s.core(2 * 33, kEl1h);
        s.core(2 * 32, r.one_in(2) ? start_address() : code_address(r));
        break;
    case 1:
        s.core(2 * 33, r.percent(90) ? kVirtualEl2 : r.number());
        s.core(2 * 32, r.percent(50) ? start_address() : code_address(r));
        break;
    default:                            // L2, as soon as virtual EL2 has executed its ERET; E2H as HCR_EL2 has it by then
        s.core(2 * 33, kVirtualEl2);
        s.core(2 * 32, eret_address());
    }
}

}  // namespace nest::fuzz_kvm
