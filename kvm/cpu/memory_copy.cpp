// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <kvm/cpu/memory_copy.hpp>

namespace nest::kvm {
namespace {

using arch::MopsIss;

struct Progress {
    u64 destination, source, left;
};

// Option A: a negative count, which runs up to 0, and addresses of the end; or, for a copy from the end backwards, a positive one
// and addresses of the start, as the prologue takes them.
void from_option_a(Progress& p) {
    if (static_cast<s64>(p.left) >= 0)
        return;
    p.destination += p.left;
    p.source += p.left;
    p.left = -p.left;
}

// Option B: addresses of what is left; for a copy from the end backwards (PSTATE.N) of its end.
void from_option_b(Progress& p, bool backwards) {
    if (!backwards)
        return;
    p.destination -= p.left;
    p.source -= p.left;
}

}  // namespace

void restart_at_prologue(CpuState& state) {
    using P = arch::SPSR_EL2;
    const auto iss = MopsIss::of(state.context.esr & arch::ESR_EL2::ISS::kMask);
    const auto destination = static_cast<unsigned>(iss.get<MopsIss::Destreg>());
    const auto source = static_cast<unsigned>(iss.get<MopsIss::Srcreg>());
    const auto size = static_cast<unsigned>(iss.get<MopsIss::Sizereg>());
    const bool set = iss.get<MopsIss::MemInst>();
    const bool option_a = iss.get<MopsIss::OptionA>() != iss.get<MopsIss::WrongOption>();

    Progress p{state.gpr(destination), state.gpr(source), state.gpr(size)};
    if (option_a)
        from_option_a(p);
    else
        from_option_b(p, !set && (state.context.pstate & P::N::kMask));
    state.set_gpr(destination, p.destination);
    if (!set)  // else the register has the byte to be set
        state.set_gpr(source, p.source);
    state.set_gpr(size, p.left);
    state.context.pc -= iss.get<MopsIss::FromEpilogue>() ? 8 : 4;
    state.context.pstate &= ~P::SS::kMask;
}

}  // namespace nest::kvm
