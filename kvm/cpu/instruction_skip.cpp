// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/instruction_skip.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

constexpr u64 kThumb = u64{1} << 5;
constexpr u64 kItMask = u64{3} << 25 | u64{0x3f} << 10;  // IT[1:0] in 26:25, IT[7:2] in 15:10

constexpr unsigned it_of(u64 spsr) { return (spsr >> 10 & 0x3f) << 2 | (spsr >> 25 & 3); }
constexpr u64 with_it(u64 spsr, unsigned it) {
    return (spsr & ~kItMask) | u64{it >> 2 & 0x3f} << 10 | u64{it & 3} << 25;
}

// [DDI0487] ITAdvance(): the base condition stays, the mask shifts; at its end the block is over.
constexpr unsigned it_advance(unsigned it) { return (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f); }

bool may_be_conditional(Ec ec) {
    switch (ec) {
    case Ec::kCp15Rt:
    case Ec::kCp15Rrt:
    case Ec::kCp14Rt:
    case Ec::kCp14Ldc:
    case Ec::kFpAccess:
    case Ec::kCp10Id:
    case Ec::kCp14Rrt:
    case Ec::kSvc32:
    case Ec::kSmc32:
    case Ec::kWfx: return true;
    default: return false;
    }
}

}  // namespace

namespace detail {
void skip_aarch32(vhe::GuestContext& context) {
    bool thumb = context.pstate & kThumb;
    bool short_form = thumb && !ESR_EL2::of(context.esr).get<ESR_EL2::IL>();
    context.pc = static_cast<u32>(context.pc + (short_form ? 2 : 4));
    if (thumb)
        context.pstate = with_it(context.pstate, it_advance(it_of(context.pstate)));
}
}  // namespace detail

bool condition_holds(unsigned condition, unsigned nzcv) {
    bool n = nzcv >> 3 & 1, z = nzcv >> 2 & 1, c = nzcv >> 1 & 1, v = nzcv & 1;
    bool holds = true;
    switch (condition >> 1) {
    case 0: holds = z; break;                // EQ
    case 1: holds = c; break;                // CS
    case 2: holds = n; break;                // MI
    case 3: holds = v; break;                // VS
    case 4: holds = c && !z; break;          // HI
    case 5: holds = n == v; break;           // GE
    case 6: holds = !z && n == v; break;     // GT
    default: return true;                    // AL
    }
    return holds != static_cast<bool>(condition & 1);
}

bool trapped_instruction_executes(const CpuState& state) {
    auto esr = ESR_EL2::of(state.context.esr);
    Ec ec = static_cast<Ec>(esr.get<ESR_EL2::EC>());
    if (!state.aarch32() || !may_be_conditional(ec))
        return true;
    auto iss = ConditionIss::of(esr.raw);
    unsigned condition = static_cast<unsigned>(iss.get<ConditionIss::COND>());
    if (!iss.get<ConditionIss::CV>()) {
        unsigned it = it_of(state.context.pstate);
        if (it == 0)
            return true;
        condition = it >> 4;
    }
    return condition_holds(condition, state.context.pstate >> 28 & 0xf);
}

}  // namespace nest::kvm
