// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with virtual EL2 on a FakeCpu.
#pragma once
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <nested/cpu/exception.hpp>
#include <nested/vel2/el2_registers.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/nested/vel2/inputs.hpp>

namespace nest::nested {

using arch::SysReg;
using test::Event;
using test::FakeCpu;

struct Vel2Test : testing::Test {
    FakeCpu cpu;
    vhe::GuestContext context{};
    vncr::RegisterFile file;
    VirtualEl2 v{context, file};
    vncr::Translations translations;
    Config config;
    vhe::HostContext host{};
    vhe::SwitchFeatures features{};
    vhe::TrapConfig ours{};

    explicit Vel2Test(Features shown = every_feature(), bool nv2 = true) : config(shown, nv2) {
        EXPECT_TRUE(file.init());
        features.pauth = features.fgt = features.hcrx = features.amu = features.ras = true;
        features.breakpoints = 6;
        features.watchpoints = 4;
        v.enable(config);
        v.vncr = &translations;
        reset_el2(v);
        using H = arch::HCR_EL2;
        using M = arch::MDCR_EL2;
        ours.hcr =
            H::of(H::mask<H::E2H, H::RW, H::VM, H::FMO, H::IMO, H::AMO, H::TSC, H::TID3, H::TWI, H::API, H::APK>());
        ours.cptr = arch::CPTR_EL2{}.with<arch::CPTR_EL2::TAM>(1).with<arch::CPTR_EL2::TTA>(1);
        ours.mdcr = M::of(M::mask<M::TDA, M::TDOSA, M::TDRA, M::TPM>());
        host.mdcr = M::of(6);
    }
    SwitchArgs args() { return {}; }
    TrapSources sources() { return {ours, features, host}; }
    void l1(SysReg reg, u64 value) { file.set(reg, value); }
    template <typename R>
    void l1(R value) { file.set(value); }
    void add_hcr(u64 bits) { l1(SysReg::HCR_EL2, file.get(SysReg::HCR_EL2) | bits); }
    u64 hardware(SysReg r) { return cpu.registers[r]; }
    void at(u64 guest_mode, u64 flags = 0) { v.set_guest_pstate(flags | guest_mode); }
    // In L2, loaded, with nothing in the log.
    void enter_guest(u64 mode = arch::kModeEL1h) {
        load_world(cpu, v, sources());
        switch_to_l2(cpu, v, args());
        context.pstate = mode;
        cpu.log.clear();
    }
    unsigned writes_of(SysReg reg) const {
        unsigned n = 0;
        for (const Event& e : cpu.log)
            n += e.kind == Event::kWrite && e.what == static_cast<u64>(reg);
        return n;
    }
};

}  // namespace nest::nested
