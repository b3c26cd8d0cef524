// SPDX-License-Identifier: GPL-2.0-only
// The calls of the Arm architecture and of the vendor: versions, mitigations, KVM's identity, precision time.
#include <kvm/firmware/smccc_handlers.hpp>

namespace nest::kvm {
namespace {

u64 workaround_answer(Mitigation m) {
    switch (m) {
    case Mitigation::kMitigated: return kSmcccSuccess;
    case Mitigation::kUnaffected: return kSmcccUnaffected;
    case Mitigation::kVulnerable: break;
    }
    return kSmcccNotSupported;
}

u64 workaround_2_answer(const Mitigations& m) {
    // A guest with SSBS helps itself. Without SSBS the host's mitigation is always on, so that no call is required either.
    if (m.v4 == Mitigation::kVulnerable || (m.v4 == Mitigation::kMitigated && m.guest_has_ssbs))
        return kSmcccNotSupported;
    return kSmcccNotRequired;
}

constexpr u32 kPtpVirtualCounter = 0;
constexpr u32 kPtpPhysicalCounter = 1;

}  // namespace

void answer_version(SmcccAnswer& a) { a.returns(kSmcccVersion_1_1); }

void answer_arch_features(SmcccAnswer& a) {
    const Mitigations& m = a.vm.mitigations;
    switch (static_cast<u32>(a.x[1])) {
    case SMCCC_ARCH_WORKAROUND_1: return a.returns(workaround_answer(m.v2));
    case SMCCC_ARCH_WORKAROUND_2: return a.returns(workaround_2_answer(m));
    case SMCCC_ARCH_WORKAROUND_3: return a.returns(workaround_answer(m.bhb));
    case HV_PV_TIME_FEATURES:
        // Says that PV_TIME_ST exists; whether this vCPU has a stolen-time page, PV_TIME_ST itself answers.
        return a.returns(a.vm.std_hyp_bmap.load_relaxed() & kStdHypPvTime ? kSmcccSuccess : kSmcccNotSupported);
    default: return a.returns(kSmcccNotSupported);
    }
}

// The exit to EL2 is the mitigation already (vhe/branch_history.hpp). x1 to x3 stay unchanged, as DEN0070 asks.
void answer_workaround_1(SmcccAnswer& a) { a.x[0] = kSmcccSuccess; }
void answer_workaround_2(SmcccAnswer& a) { a.x[0] = kSmcccSuccess; }
void answer_workaround_3(SmcccAnswer& a) { a.x[0] = kSmcccSuccess; }

void answer_kvm_features(SmcccAnswer& a) {
    a.returns(a.vm.vendor_hyp_bmap.load_relaxed(), 0, a.vm.vendor_hyp_bmap_2.load_relaxed());
}

// 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, by which guests know KVM's services: four little-endian words of its bytes.
void answer_kvm_uid(SmcccAnswer& a) { a.returns(0xb66f'b428, 0xe911'c52e, 0x564b'caa9, 0x743a'004d); }

vhe::Next act_ptp(SmcccCall& call) {
    const u32 which = static_cast<u32>(call.arg(1));
    u64 realtime, counter;
    if ((which != kPtpVirtualCounter && which != kPtpPhysicalCounter) || !call.vcpu.clock_snapshot(realtime, counter))
        return call.returns(kSmcccNotSupported);
    counter -= which == kPtpVirtualCounter ? call.vcpu.virtual_offset() : call.vcpu.physical_offset();
    return call.returns(realtime >> 32, static_cast<u32>(realtime), counter >> 32, static_cast<u32>(counter));
}

}  // namespace nest::kvm
