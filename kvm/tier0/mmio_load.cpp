// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/tier0/mmio_load.hpp>

#include <kvm/devices/mmio.hpp>
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/mmio/mmio.hpp>
#include <vhe/exit.hpp>

namespace nest::kvm {
namespace {

using arch::AbortIss;

// For a translation fault: is it a load of one general-purpose register? Not LD64B (ISS.SET holds LST with these faults).
bool is_load(AbortIss iss) {
    return iss.get<AbortIss::ISV>() &&
           !(iss.raw & AbortIss::mask<AbortIss::WnR, AbortIss::S1PTW, AbortIss::CM, AbortIss::SET>());
}

// Where the VMM has put a memory slot and the vGIC at one address, the memory counts.
bool is_no_memory(Vcpu& vcpu, arch::Ipa ipa) {
    const TierGuard guard(vcpu.vm.mmu_lock, Tier::k0);
    return guard && !vcpu.vm.slots.find(arch::gfn_of(ipa));
}

}  // namespace

Next load_from_vgic(Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    const AbortIss iss = vhe::abort_iss(esr);
    if (!vcpu.has_gic() || vhe::fault_type(esr) != arch::kFscTranslation || !is_load(iss))
        return Next::kTier1;
    const arch::Ipa ipa = vhe::fault_ipa(vcpu.context);
    const unsigned bytes = 1u << iss.get<AbortIss::SAS>();
    u64 value = 0;
    if (!vgic::mmio_read_in_tier0(vcpu.gic, ipa, bytes, value) || !is_no_memory(vcpu, ipa))
        return Next::kTier1;
    // The regime in force has its SCTLR in the hardware's EL1 register, be it EL1's or virtual EL2's.
    const u64 sctlr = cpu().read<arch::SCTLR_EL12>().raw;
    const MmioAccess access = decode_mmio(iss, ipa, vcpu, sctlr);
    vcpu.stats.mmio_exit_kernel++;
    finish_mmio(vcpu, access, value);
    return Next::kResume;
}

}  // namespace nest::kvm
