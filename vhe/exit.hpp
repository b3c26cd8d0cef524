// SPDX-License-Identifier: GPL-2.0-only
// What an exit was, read while the guest's context is still loaded.
#pragma once
#include <arch/address.hpp>
#include <arch/cpu.hpp>
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <vhe/guest_context.hpp>

namespace nest::vhe {

// The vector that the exit came through; the numbers are enter.S's.
enum class ExitKind : u8 { kSync = 0, kIrq = 1, kFiq = 2, kSerror = 3 };

constexpr arch::Ec exception_class(u64 esr) {
    return static_cast<arch::Ec>(arch::ESR_EL2::of(esr).get<arch::ESR_EL2::EC>());
}
constexpr arch::AbortIss abort_iss(u64 esr) { return arch::AbortIss::of(esr & arch::ESR_EL2::ISS::kMask); }
constexpr u64 fault_status(u64 esr) { return abort_iss(esr).get<arch::AbortIss::FSC>(); }
constexpr u64 fault_type(u64 esr) { return fault_status(esr) & ~u64{3}; }

// Fills esr, far and hpfar after a synchronous exit. To be called before deactivate(): HPFAR_EL2 is not valid after a
// permission fault that was not on a stage-1 walk ([DDI0487] D24.2.67), so that FAR_EL2's address is translated anew through
// the guest's stage 1, which needs the guest's context.
//
// False: that translation failed, and the guest should execute the instruction again. Either another vCPU of the guest has
// unmapped the page in stage 1 between the fault and the AT instruction, or the guest's tables lie in memory that answers with
// an external abort, which the instruction then meets itself.
NEST_TIER0 inline bool capture_exit(arch::Cpu& cpu, GuestContext& context) {
    using namespace arch;
    context.esr = cpu.read<ESR_EL2>().raw;
    Ec ec = exception_class(context.esr);
    // Exit classes below the aborts come without an address; most exits are such.
    if (ec < Ec::kInstrAbortLower) [[likely]]
        return true;
    if (ec != Ec::kDataAbortLower && ec != Ec::kInstrAbortLower) {
        if (ec == Ec::kWatchpointLower || ec == Ec::kPcAlignment || ec == Ec::kSoftStepLower)
            context.far = cpu.read<FAR_EL2>().raw;
        return true;
    }
    context.far = cpu.read<FAR_EL2>().raw;
    bool on_walk = abort_iss(context.esr).get<AbortIss::S1PTW>();
    if (on_walk || fault_type(context.esr) != kFscPermission) {
        context.hpfar = cpu.read<HPFAR_EL2>().raw;
        return true;
    }
    PAR_EL1 guests = cpu.read<PAR_EL1>();
    const bool walked = cpu.at<AddressTranslation::S1E1R>(context.far);
    cpu.isb();
    PAR_EL1 par = cpu.read<PAR_EL1>();
    cpu.write(guests);
    if (!walked || par.get<PAR_EL1::F>())
        return false;
    context.hpfar = HPFAR_EL2{}.with<HPFAR_EL2::FIPA>(par.get<PAR_EL1::PA>()).raw;
    return true;
}

// The faulting IPA, byte-exact: HPFAR_EL2 has its page, FAR_EL2 the offset ([DDI0487] D24.2.67).
constexpr arch::Ipa fault_ipa(u64 hpfar, u64 far) {
    return arch::ipa_of_gfn(arch::HPFAR_EL2::of(hpfar).get<arch::HPFAR_EL2::FIPA>()) + (far & (arch::kPageSize - 1));
}
constexpr arch::Ipa fault_ipa(const GuestContext& context) { return fault_ipa(context.hpfar, context.far); }

}  // namespace nest::vhe
