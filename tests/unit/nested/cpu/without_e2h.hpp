// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with virtual EL2 whose L1 chooses HCR_EL2.E2H, loaded; E2H is 0.
#pragma once
#include <nested/cpu/el2_sysreg.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {

using H = arch::HCR_EL2;
using arch::Encoding;
using arch::encoding_of;
using vhe::Vel2Form;

inline constexpr Vel2Form kWithout{.e2h = false, .nv2 = true}, kWithoutNv2{.e2h = false, .nv2 = false};

inline Features choosing() { return every_feature().set(Feature::kE2h0, true).set(Feature::kNv1, true); }

struct NoHooks final : El2Hooks {
    unsigned forms = 0;
    TlbiOp last{};
    Outcome timer(SysReg, bool, u64&) override { return Outcome::kDone; }
    Outcome gic(SysReg, u64&) override { return Outcome::kDone; }
    Outcome tlbi(const TlbiOp& op, u64) override {
        last = op;
        return Outcome::kDone;
    }
    Outcome at(const AtOp&) override { return Outcome::kDone; }
    void form_changed() override { forms++; }
};

struct WithoutE2h : Vel2Test {
    NoHooks hooks;

    explicit WithoutE2h(bool nv2 = true) : Vel2Test(choosing(), nv2) {
        choose(0);
        load();
    }
    // As a VMM would, in memory.
    void choose(u64 hcr) { set_one_reg(v, encoding_of(SysReg::HCR_EL2), hcr); }
    void load() {
        load_world(cpu, v, sources());
        vhe::load_vel2(cpu, file, v.form());
        cpu.log.clear();
    }
    Outcome access(Encoding e, bool is_read, u64 operand = 0) {
        context.x[5] = operand;
        return emulate_el2_access(cpu, v, arch::SysRegIss::of(sysreg_esr(e, is_read, 5) & 0x1ff'ffff), hooks);
    }
    Outcome read(SysReg r) { return access(encoding_of(r), true); }
    Outcome write(SysReg r, u64 value) { return access(encoding_of(r), false, value); }
};

}  // namespace nest::nested
