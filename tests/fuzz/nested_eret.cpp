// SPDX-License-Identifier: GPL-2.0-only
// A sequence of exceptions and exception returns with any SPSR, ELR and HCR, E2H included: the vCPU never gets a PSTATE that the
// hardware must not see, never lands in a world that its PSTATE contradicts, and does what a straightforward
// transcription of AArch64.ExceptionReturn does.
#include <arch/cpu.hpp>
#include <cstdlib>
#include <cstring>
#include <nested/cpu/eret.hpp>
#include <nested/vel2/el2_registers.hpp>
#include <tests/fake/port.hpp>

using namespace nest;
using namespace nest::nested;
using arch::SysReg;
using P = arch::SPSR_EL2;

namespace {

struct Step {
    u64 spsr, elr, hcr;
    u32 mdscr;
    u8 what, cptr, pad[2];
};

void check(bool ok) {
    if (!ok)
        std::abort();
}

// What the manual says of PSTATE, EL by EL.
struct Model {
    unsigned el, sp;
    bool illegal;
};
Model model_return(u64 spsr, bool tge, unsigned old_sp) {
    const Model stay{2, old_sp, true};
    if (spsr & 0x10)
        return stay;
    const unsigned el = spsr >> 2 & 3, sp = spsr & 1;
    if ((spsr & 2) || el == 3 || (el == 0 && sp) || (el == 1 && tge))
        return stay;
    return {el, sp, false};
}

// Hardware runs the guest at EL0 or EL1 in AArch64, and knows none of the bits of features that the VM lacks.
void check_pstate(u64 pstate) {
    const u64 mode = pstate & 0x1f;
    check(mode == arch::kModeEL0t || mode == arch::kModeEL1t || mode == arch::kModeEL1h);
    check(!(pstate & ~known_spsr_bits(false)));
}

Features features_of_vm() {
    Features f;
    f.set(Feature::kRas, true).set(Feature::kFgt, true).set(Feature::kNv2, true).set(Feature::kPauth, true);
    f.set(Feature::kVhe, true).set(Feature::kE2h0, true).set(Feature::kNv1, true);
    f.pac = Pac::kFaultCombined;
    return f;
}
vhe::SwitchFeatures features_of_host() {
    vhe::SwitchFeatures features{};
    features.pauth = features.fgt = features.hcrx = true;
    return features;
}

// A vCPU with virtual EL2.
class Run {
public:
    // False: no memory.
    bool start() {
        if (!file_.init())
            return false;
        v_.enable(config_);
        static vncr::Translations none;
        v_.vncr = &none;
        reset_el2(v_);
        load_world(cpu_, v_, TrapSources{ours_, features_, host_});
        vhe::load_vel2(cpu_, file_);
        return true;
    }
    void step(const Step& s) {
        if (s.what & 8)
            v_.choice_made();  // until then NV2 is off
        if (v_.in_vel2() && v_.form_is_stale() && !v_.e2h_was_written())
            change_form(cpu_, v_);
        cpu_.log.clear();
        if (v_.in_vel2() && !v_.at_el0() && (s.what & 1))
            exception_return(s);
        else
            exception(s);
    }

private:
    void exception_return(const Step& s) {
        set_registers(s);
        const u64 before_pc = context_.pc, before = context_.pstate;
        const unsigned old_sp = before & 1;
        const bool authenticated = s.what & 4;
        const u64 esr = u64{0x1a} << 26 | (authenticated ? 2 : 0);
        const Model want = model_return(s.spsr, tge(s), old_sp);
        Returned r = emulate_eret(cpu_, v_, esr);
        if (r == Returned::kAgain) {
            check(e2h(s) != v_.e2h() && context_.pc == before_pc && context_.pstate == before && cpu_.log.empty());
            change_form(cpu_, v_);
            r = emulate_eret(cpu_, v_, esr);
        }
        check(e2h(s) == v_.e2h());
        if (r == Returned::kFpac) {
            check(authenticated && (s.what & 2));
            check(context_.pc == before_pc && context_.pstate == before);
            take_exception(cpu_, v_, fpac_exception(esr), args_);
            check_pstate(context_.pstate);
            return;
        }
        check(r != Returned::kUndefined && r != Returned::kAgain);
        check_pstate(context_.pstate);
        check(authenticated || context_.pc == s.elr);
        if (r == Returned::kL2)
            check_guest(s, want);
        else
            check_vel2(s, want, old_sp);
    }
    static bool e2h(const Step& s) { return s.hcr & arch::HCR_EL2::E2H::kMask; }
    static bool tge(const Step& s) { return s.hcr & arch::HCR_EL2::TGE::kMask; }
    void set_registers(const Step& s) {
        file_.set(SysReg::HCR_EL2, s.hcr);
        file_.set(SysReg::CPTR_EL2, u64{s.cptr} << 20);
        file_.set(SysReg::MDSCR_EL1, s.mdscr);
        cpu_.registers[SysReg::SPSR_EL12] = vhe::spsr_in(v_.form(), s.spsr);
        cpu_.registers[SysReg::ELR_EL12] = s.elr;
        // Without E2H only L1's trapped write changes SCTLR_EL2, and leaves it in both.
        const u64 sctlr = s.what & 2 ? arch::SCTLR_EL1::EnIA::kMask : 0;
        file_.set(SysReg::SCTLR_EL2, sctlr);
        cpu_.registers[SysReg::SCTLR_EL12] = sctlr;
    }
    // The return leads to L2: and then the world is switched.
    void check_guest(const Step& s, const Model& want) {
        check(!want.illegal && want.el < 2 && !(tge(s) && e2h(s)));
        check((context_.pstate & 0xf) == (want.el << 2 | want.sp));
        cpu_.registers[SysReg::VBAR_EL12] = marker_;
        if (!v_.e2h())
            file_.set(SysReg::VBAR_EL2, marker_);  // as for SCTLR_EL2
        switch_to_l2(cpu_, v_, args_);
        check(file_.get(SysReg::VBAR_EL2) == marker_ && v_.in_l2());
        check(!(cpu_.registers[SysReg::HCR_EL2] & arch::HCR_EL2::TGE::kMask));
        marker_ += 0x800;
    }
    // The return leads to virtual EL2 or its user space, or is illegal.
    void check_vel2(const Step& s, const Model& want, unsigned old_sp) {
        const u64 guest_mode = to_guest_view(context_.pstate) & 0xf;
        if (want.illegal) {
            check(guest_mode == (8 | old_sp) && (context_.pstate & P::IL::kMask));
            check((context_.pstate & 0xf00003c0) == (s.spsr & 0xf00003c0));
        } else {
            check(guest_mode == (want.el << 2 | want.sp));
            check((want.el == 2) || (tge(s) && e2h(s)));
        }
    }
    // An exception, from wherever the vCPU is.
    void exception(const Step& s) {
        const u64 from = v_.guest_pstate();
        const bool was_guest = v_.in_l2();
        context_.pc = s.elr;
        const bool switched = take_exception(cpu_, v_, Exception::stage2(s.spsr, s.elr, s.hcr), args_);
        check(switched == was_guest && v_.in_vel2() && !v_.at_el0());
        check_pstate(context_.pstate);
        check((context_.pstate & 0x3cf) == (0x3c0 | arch::kModeEL1h));
        check(vhe::spsr_in(v_.form(), cpu_.registers[SysReg::SPSR_EL12]) == from && cpu_.registers[SysReg::ELR_EL12] == s.elr);
        check(cpu_.registers[SysReg::ESR_EL12] == s.spsr && file_.get(SysReg::HPFAR_EL2) == s.hcr);
        check((context_.pc - cpu_.registers[SysReg::VBAR_EL12]) <= 0x600);
    }

    const Config config_{features_of_vm(), true};
    const vhe::SwitchFeatures features_ = features_of_host();
    const vhe::HostContext host_{};
    const vhe::TrapConfig ours_{};
    const SwitchArgs args_{};
    test::FakeCpu cpu_;
    vhe::GuestContext context_{};
    vncr::RegisterFile file_;
    VirtualEl2 v_{context_, file_};
    u64 marker_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Run run;
    if (!run.start())
        return 0;
    for (; size >= sizeof(Step); data += sizeof(Step), size -= sizeof(Step)) {
        Step s;
        std::memcpy(&s, data, sizeof(s));
        run.step(s);
    }
    return 0;
}
