// SPDX-License-Identifier: GPL-2.0-only
// The handlers that smccc_table.def names, and what they are given.
#pragma once
#include <kvm/firmware/smccc.hpp>

namespace nest::kvm {

enum class Gate : u8 { Always, Trng, PvTime, KvmFeatures, Ptp };
enum class PsciFeature : u8 { Hidden, Zero, IfSuspend, OffTypes };
inline constexpr u32 kNoPsci = 0;

struct SmcccAnswer {
    const SmcccConfig& vm;
    const SmcccCaller& caller;
    u64* x;  // four: the function and its arguments, then the results
    u32 fid() const { return static_cast<u32>(x[0]); }
    void returns(u64 a0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0) {
        x[0] = a0;
        x[1] = a1;
        x[2] = a2;
        x[3] = a3;
    }
};
using Answer = void (*)(SmcccAnswer&);

struct SmcccCall {
    const SmcccConfig& vm;
    SmcccVcpu& vcpu;
    PsciVm& psci;
    u32 fid;
    // Argument n (1 to 3). A 32-bit function sees the lower halves only, except KVM's PSCI 0.1 CPU_ON, which is older than
    // that rule.
    u64 arg(unsigned n) const {
        const u64 value = vcpu.reg(n);
        return (fid & kSmccc64Bit) || fid == KVM_PSCI_0_1_CPU_ON ? value : static_cast<u32>(value);
    }
    vhe::Next returns(u64 a0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0) {
        vcpu.set_reg(0, a0);
        vcpu.set_reg(1, a1);
        vcpu.set_reg(2, a2);
        vcpu.set_reg(3, a3);
        return vhe::Next::kResume;
    }
};
using Act = vhe::Next (*)(SmcccCall&);

struct SmcccFunction {
    u32 fid;
    Gate gate;
    u32 since;
    PsciFeature features;
    Answer answer = nullptr;  // either `answer` or `act`
    Act act = nullptr;
    constexpr SmcccFunction(u32 f, Gate g, u32 s, PsciFeature p, Answer a)
        : fid(f), gate(g), since(s), features(p), answer(a) {}
    constexpr SmcccFunction(u32 f, Gate g, u32 s, PsciFeature p, Act a)
        : fid(f), gate(g), since(s), features(p), act(a) {}
};
// nullptr: no such function.
const SmcccFunction* find_smccc_function(u32 fid);
// Has this VM's firmware the function, for this caller?
bool smccc_offers(const SmcccConfig& vm, const SmcccCaller& caller, const SmcccFunction& f);

// smccc_answers.cpp
void answer_version(SmcccAnswer&);
void answer_arch_features(SmcccAnswer&);
void answer_workaround_1(SmcccAnswer&);
void answer_workaround_2(SmcccAnswer&);
void answer_workaround_3(SmcccAnswer&);
void answer_kvm_features(SmcccAnswer&);
void answer_kvm_uid(SmcccAnswer&);
vhe::Next act_ptp(SmcccCall&);
// psci.cpp
void answer_psci_version(SmcccAnswer&);
void answer_psci_features(SmcccAnswer&);
void answer_migrate_info_type(SmcccAnswer&);
vhe::Next act_cpu_suspend(SmcccCall&);
vhe::Next act_cpu_off(SmcccCall&);
vhe::Next act_cpu_on(SmcccCall&);
vhe::Next act_affinity_info(SmcccCall&);
vhe::Next act_system_off(SmcccCall&);
vhe::Next act_system_reset(SmcccCall&);
vhe::Next act_system_suspend(SmcccCall&);
vhe::Next act_system_reset2(SmcccCall&);
vhe::Next act_system_off2(SmcccCall&);
// trng.cpp
void answer_trng_version(SmcccAnswer&);
void answer_trng_features(SmcccAnswer&);
void answer_trng_uuid(SmcccAnswer&);
vhe::Next act_trng_rnd(SmcccCall&);
// pvtime.cpp
void answer_pv_time_features(SmcccAnswer&);
vhe::Next act_pv_time_st(SmcccCall&);

}  // namespace nest::kvm
