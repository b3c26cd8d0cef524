// SPDX-License-Identifier: GPL-2.0-only
// A sequence of exceptions and exception returns with any SPSR, ELR and HCR: the vCPU never gets a PSTATE that the
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Features f;
    f.set(Feature::kRas, true).set(Feature::kFgt, true).set(Feature::kNv2, true).set(Feature::kPauth, true);
    f.pac = Pac::kFaultCombined;
    const Config config(f, true);
    test::FakeCpu cpu;
    vhe::GuestContext context{};
    vncr::RegisterFile file;
    if (!file.init())
        return 0;
    VirtualEl2 v(context, file);
    v.enable(config);
    static vncr::Translations none;
    v.vncr = &none;
    reset_el2(v);
    vhe::SwitchFeatures features{};
    features.pauth = features.fgt = features.hcrx = true;
    const vhe::HostContext host{};
    const vhe::TrapConfig ours{};
    const SwitchArgs args{};
    load_world(cpu, v, TrapSources{ours, features, host});
    vhe::load_vel2(cpu, file);

    u64 marker = 1;
    for (; size >= sizeof(Step); data += sizeof(Step), size -= sizeof(Step)) {
        Step s;
        std::memcpy(&s, data, sizeof(s));
        cpu.log.clear();
        if (v.in_vel2() && !v.at_el0() && (s.what & 1)) {
            file.set(SysReg::HCR_EL2, s.hcr);
            file.set(SysReg::CPTR_EL2, u64{s.cptr} << 20);
            file.set(SysReg::MDSCR_EL1, s.mdscr);
            cpu.registers[SysReg::SPSR_EL12] = s.spsr;
            cpu.registers[SysReg::ELR_EL12] = s.elr;
            cpu.registers[SysReg::SCTLR_EL12] = s.what & 2 ? arch::SCTLR_EL1::EnIA::kMask : 0;
            const u64 before_pc = context.pc, before = context.pstate;
            const unsigned old_sp = before & 1;
            const bool authenticated = s.what & 4;
            const u64 esr = u64{0x1a} << 26 | (authenticated ? 2 : 0);
            const Model want = model_return(s.spsr, s.hcr & arch::HCR_EL2::TGE::kMask, old_sp);
            const Returned r = emulate_eret(cpu, v, esr);
            if (r == Returned::kFpac) {
                check(authenticated && (s.what & 2));
                check(context.pc == before_pc && context.pstate == before && cpu.log.empty());
                take_exception(cpu, v, fpac_exception(esr), args);
                check_pstate(context.pstate);
                continue;
            }
            check(r != Returned::kUndefined);
            check_pstate(context.pstate);
            check(authenticated || context.pc == s.elr);
            const u64 guest_mode = to_guest_view(context.pstate) & 0xf;
            if (r == Returned::kGuest) {
                check(!want.illegal && want.el < 2 && !(s.hcr & arch::HCR_EL2::TGE::kMask));
                check((context.pstate & 0xf) == (want.el << 2 | want.sp));
                cpu.registers[SysReg::VBAR_EL12] = marker;
                switch_to_guest(cpu, v, args);
                check(file.get(SysReg::VBAR_EL2) == marker && v.in_guest());
                check(!(cpu.registers[SysReg::HCR_EL2] & arch::HCR_EL2::TGE::kMask));
                marker += 0x800;
            } else if (want.illegal) {
                check(guest_mode == (8 | old_sp) && (context.pstate & P::IL::kMask));
                check((context.pstate & 0xf00003c0) == (s.spsr & 0xf00003c0));
            } else {
                check(guest_mode == (want.el << 2 | want.sp));
                check((want.el == 2) || (s.hcr & arch::HCR_EL2::TGE::kMask));
            }
            continue;
        }
        // Anything else is an exception, from wherever we are.
        const u64 from = v.guest_pstate();
        const bool was_guest = v.in_guest();
        context.pc = s.elr;
        const bool switched = take_exception(cpu, v, Exception::stage2(s.spsr, s.elr, s.hcr), args);
        check(switched == was_guest && v.in_vel2() && !v.at_el0());
        check_pstate(context.pstate);
        check((context.pstate & 0x3cf) == (0x3c0 | arch::kModeEL1h));
        check(cpu.registers[SysReg::SPSR_EL12] == from && cpu.registers[SysReg::ELR_EL12] == s.elr);
        check(cpu.registers[SysReg::ESR_EL12] == s.spsr && file.get(SysReg::HPFAR_EL2) == s.hcr);
        check((context.pc - cpu.registers[SysReg::VBAR_EL12]) <= 0x600);
    }
    return 0;
}
