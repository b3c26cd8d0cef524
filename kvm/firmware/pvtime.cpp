// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/abi/numbers.hpp>
#include <kvm/firmware/pvtime.hpp>
#include <kvm/firmware/smccc_handlers.hpp>

namespace nest::kvm {

Status PvTime::has_attribute(bool supported, u64 attribute) {
    return supported && attribute == abi::KVM_ARM_VCPU_PVTIME_IPA ? kOk : Status(Errno::kNxIo);
}

Status PvTime::set_ipa(bool supported, u64 attribute, u64 ipa, bool in_memslot) {
    NEST_TRY(has_attribute(supported, attribute));
    if (ipa % sizeof(StolenTimeRecord))
        return Errno::kInval;
    if (configured())
        return Errno::kExist;
    if (!in_memslot)
        return Errno::kInval;
    base_ = ipa;
    return kOk;
}

Result<u64> PvTime::ipa(bool supported, u64 attribute) const {
    NEST_TRY(has_attribute(supported, attribute));
    return base_;
}

u64 PvTime::start(StolenTimeMemory& memory, u64 run_delay_ns) {
    if (!configured())
        return kNoStolenTime;
    last_run_delay_ns_ = run_delay_ns;
    const StolenTimeRecord record{};
    memory.write(arch::Ipa(base_), &record, sizeof(record));
    return base_;
}

// The sum is kept in guest memory only, so that it migrates with the guest: a new host adds to what the old one counted.
void PvTime::update(StolenTimeMemory& memory, u64 run_delay_ns) {
    if (!configured() || run_delay_ns == last_run_delay_ns_)
        return;
    const arch::Ipa cell = arch::Ipa(base_) + offsetof(StolenTimeRecord, stolen_ns);
    u64 stolen = 0;
    if (!memory.read(cell, &stolen, sizeof(stolen)))
        return;
    stolen += run_delay_ns - last_run_delay_ns_;
    last_run_delay_ns_ = run_delay_ns;
    memory.write(cell, &stolen, sizeof(stolen));
}

void answer_pv_time_features(SmcccAnswer& a) {
    const u32 function = static_cast<u32>(a.x[1]);
    const bool known = function == HV_PV_TIME_FEATURES || function == HV_PV_TIME_ST;
    a.returns(known && a.caller.stolen_time ? kSmcccSuccess : kSmcccNotSupported);
}

vhe::Next act_pv_time_st(SmcccCall& call) {
    const u64 ipa = call.vcpu.start_stolen_time();
    return call.returns(ipa == kNoStolenTime ? kSmcccNotSupported : ipa);
}

}  // namespace nest::kvm
