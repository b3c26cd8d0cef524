// SPDX-License-Identifier: GPL-2.0-only
// The ID registers of a VM: what the VM may see of the host, what its VMM made of that, and what the guest must not use then.
#pragma once
#include <arch/registers.hpp>
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <nested/vel2/id_registers.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::kvm {

class IdRegisters {
public:
    IdRegisters() = default;
    IdRegisters(const IdRegisters&) = delete;
    IdRegisters& operator=(const IdRegisters&) = delete;

    // At VM creation: takes the host's values and forgets all that was set.
    void init();

    // At each KVM_ARM_VCPU_INIT, with the checked features without KVM_ARM_VCPU_POWER_OFF. The first call of a VM fixes
    // its features and shows or hides what depends on them; kInval when a later one differs. Sleeps.
    Status configure(u64 features);
    u64 features() const { return features_.load_relaxed(); }
    bool has_feature(unsigned bit) const { return features() >> bit & 1; }

    // A register of the space (3, 0, 0, 0..7, x), CTR_EL0 or AIDR_EL1; 0 for one that is unallocated or hidden. Without
    // locks, from any context. MPIDR_EL1 and CLIDR_EL1 are not here: they differ per vCPU (CpuState::regs).
    u64 read(arch::Encoding e) const { return values_[slot(e)].load_relaxed(); }
    template <typename R>
    R get() const {
        return R::of(read(arch::encoding_of(R::kReg)));
    }

    // KVM_SET_ONE_REG. kInval: the host (or the rule of a field) does not allow the value. kBusy: the VM has run, and `value`
    // would be a change. Sleeps.
    Status write(arch::Encoding e, u64 value);

    // KVM_CAP_ARM_WRITABLE_IMP_ID_REGS: MIDR_EL1, REVIDR_EL1, AIDR_EL1 take any value. Before the first vCPU exists.
    void allow_implementation_ids() { implementation_ids_writable_ = true; }

    // Before a vCPU enters the guest for the first time, when it is known whether there is a vGIC. No register changes
    // afterwards, so that read() needs no lock. Sleeps.
    void freeze(bool has_vgic);
    bool frozen() const { return frozen_.load_acquire(); }

    // What the ID registers mean for virtual EL2; valid right after configure(), computed anew by freeze(). `nv2`: L1 runs
    // with HCR_EL2.NV2; `shown`: what the machine lets L1 have. use_nv2() before the first configure().
    const nested::Config& nested_config() const { return nested_; }
    void use_nv2(bool nv2, nested::ShownEl2 shown) {
        nested_.nv2 = nv2;
        shown_el2_ = shown;
    }

    // Bits of a register in the feature-ID space that KVM_SET_ONE_REG may change; 0 for all others.
    u64 writable_mask(arch::Encoding e) const;

    // No AArch32 at EL0 on this host: the AArch32 ID registers read as zero and ignore a VMM's writes.
    bool aarch64_only() const { return aarch64_only_; }
    // May the guest be in AArch32 at EL0? Not if aarch64_only(), not with virtual EL2, not where the VMM has hidden AArch32.
    bool shows_aarch32() const {
        using R = arch::ID_AA64PFR0_EL1;
        return !aarch64_only_ && get<R>().get<R::EL0>() == 2;
    }
    bool is_aarch32_id(arch::Encoding e) const;

    // Is this an encoding that read() answers?
    static constexpr bool holds(arch::Encoding e) {
        return (e.op0() == 3 && e.op1() == 0 && e.crn() == 0 &&
                ((e.crm() >= 1 && e.crm() < 8) || (e.crm() == 0 && (e.op2() == 0 || e.op2() == 6)))) ||
               e == arch::encoding_of(arch::SysReg::CTR_EL0) || e == arch::encoding_of(arch::SysReg::AIDR_EL1);
    }
    // MIDR_EL1, REVIDR_EL1, AIDR_EL1
    static constexpr bool is_implementation_id(arch::Encoding e) {
        return e == arch::encoding_of(arch::SysReg::MIDR_EL1) || e == arch::encoding_of(arch::SysReg::REVIDR_EL1) ||
               e == arch::encoding_of(arch::SysReg::AIDR_EL1);
    }

private:
    // CRm and op2 within (3, 0, 0); CTR_EL0 and AIDR_EL1 take their op2's slots of CRm 0, which are unallocated there.
    static constexpr unsigned slot(arch::Encoding e) { return e.raw & 63; }
    u64 sanitised(unsigned slot, u64 shown, bool aarch32) const;
    void store(unsigned slot, u64 value) { values_[slot].store_relaxed(value); }
    Status write_implementation_id(unsigned slot, u64 value);
    Status prepare(arch::Encoding e, u64& value) const;
    bool allows(unsigned slot, u64 value) const;

    void show_el2();
    void derive_nested();

    Mutex lock_{NEST_LOCK_ID_REGISTERS};  // writers of everything below
    nested::Config nested_;
    nested::ShownEl2 shown_el2_;
    Atomic<u64> values_[64] = {};
    u64 limits_[64] = {};  // the most that each register can show
    Atomic<u64> features_;
    bool configured_ = false;
    Atomic<bool> frozen_;
    bool aarch64_only_ = false;
    bool implementation_ids_writable_ = false;
};

}  // namespace nest::kvm
