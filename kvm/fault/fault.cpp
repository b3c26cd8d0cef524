// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault/fault.hpp>

#include <kvm/cpu/inject.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/cpu/table_level.hpp>
#include <kvm/fault/mmio_exit.hpp>
#include <kvm/memory/guest_memory.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

struct Fault {
    Ipa ipa;  // for L2: the output of L2's stage 1, an L2Ipa in truth
    u64 type;
    bool exec;
    bool write;
    bool on_walk;  // of the guest's stage-1 tables
};

Fault decode(const Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    const AbortIss iss = vhe::abort_iss(esr);
    Fault f{vhe::fault_ipa(vcpu.context), vhe::fault_type(esr), vhe::exception_class(esr) == Ec::kInstrAbortLower,
            false, iss.get<AbortIss::S1PTW>() != 0};
    // A walk writes only to update access flags and dirty state, and is only then stopped by a permission; taking every
    // fault of a walk for a write would refuse tables that lie in a read-only slot.
    f.write = f.on_walk ? f.type == kFscPermission : !f.exec && iss.get<AbortIss::WnR>();
    return f;
}

// Reads descriptors of the stage-1 regime that the vCPU is in. Those of L2 lie behind L1's stage 2.
class GuestDescriptors final : public DescriptorReader {
public:
    explicit GuestDescriptors(Vcpu& vcpu) : vcpu_(vcpu) {}
    bool read(Ipa at, u64& descriptor) override {
        if (vcpu_.vel2.in_l2() && !vcpu_.vm.nested_mmu.translate_l2(vcpu_, L2Ipa(at.raw), at))
            return false;
        if (!read_guest(vcpu_.vm.slots, at, &descriptor, sizeof(descriptor)).ok())
            return false;
        if (SCTLR_EL1::of(vcpu_.read(vcpu_.here(SysReg::SCTLR_EL1))).get<SCTLR_EL1::EE>())
            descriptor = __builtin_bswap64(descriptor);
        return true;
    }

private:
    Vcpu& vcpu_;
};

// The level that the guest's walk was at; 0, which is always a valid answer, when the tables have changed since.
int walk_level(Vcpu& vcpu, const Fault& f) {
    GuestDescriptors memory(vcpu);
    const auto read = [&](SysReg reg) { return vcpu.read(vcpu.here(reg)); };
    const StageOneTables tables{read(SysReg::TCR_EL1), read(SysReg::TTBR0_EL1), read(SysReg::TTBR1_EL1)};
    return level_of_table_page(tables, vcpu.context.far, f.ipa.align_down(kPageSize), memory).value_or(0);
}

void inject(Vcpu& vcpu, const Fault& f, AbortKind kind, int level = 0) {
    if (f.exec)
        inject_prefetch_abort(vcpu, vcpu.context.far, kind, level);
    else
        inject_data_abort(vcpu, vcpu.context.far, kind, level);
}

// No lock held; may sleep.
Next external_abort(Vcpu& vcpu, const Fault& f) {
    const int level = f.on_walk ? walk_level(vcpu, f) : 0;
    // L1 may want its guest's bus errors for itself ([DDI0487] D24.2.58 TEA).
    if (vcpu.vel2.in_l2() && vcpu.vel2.hcr().get<HCR_EL2::TEA>()) {
        const u64 status = f.on_walk ? kFscExternalOnWalk + static_cast<u64>(level) : kFscExternal;
        forward_to_vel2(vcpu, nested::Exception::abort(nested::abort_esr(vcpu.vel2, f.exec, status), vcpu.context.far));
    } else {
        inject(vcpu, f, f.on_walk ? AbortKind::kExternalOnWalk : AbortKind::kExternal, level);
    }
    return Next::kResume;
}

// An exclusive or atomic access to memory whose type does not support such accesses. If L1's stage 2 has caused that type for
// L2, L1 takes the abort, as it would with hardware of its own; else the guest that made the access. No lock held; may sleep.
Next exclusive_abort(Vcpu& vcpu, const Fault& f) {
    const u64 far = vcpu.context.far;
    if (vcpu.vel2.in_l2() && vcpu.vm.nested_mmu.is_uncached_by_l1(vcpu, far))
        forward_to_vel2(vcpu, nested::Exception::abort(vcpu.context.esr, far));
    else
        inject(vcpu, f, AbortKind::kExclusiveAtomic);
    return Next::kResume;
}

// TLBs hold several translations for one address, as a guest can bring about by its own tables ([DDI0487] D8.16.3), and
// hardware may report that at EL2. All of the VMID's translations are dropped, and the access is made again.
Next tlb_conflict(Vcpu& vcpu) {
    Guard guard(vcpu.vm.mmu_lock);
    if (vcpu.vel2.in_l2() && vcpu.nested.shadow_use.shadow)
        vcpu.nested.shadow_use.shadow->tables.invalidate_all();
    else
        vcpu.vm.stage2.tables().invalidate_all();
    return Next::kResume;
}

Next make_young(Vcpu& vcpu, Ipa page) {
    {
        ReadGuard slots(vcpu.vm.slots_lock);
        if (!vcpu.vm.slots.find(gfn_of(page), vcpu.slot_hint))
            return Next::kTier1;
    }
    Guard guard(vcpu.vm.mmu_lock);
    // An error means that the page was unmapped meanwhile: the next attempt is a translation fault.
    (void)vcpu.vm.stage2.make_young(page);
    return Next::kResume;
}

// `ipa`: that of the fault or, for L2, the output of L1's stage 2.
Next no_memory(Vcpu& vcpu, const Fault& f, Ipa ipa, FaultInResult why) {
    // An address beyond the machine's size is an address size fault of stage 1's output. One between the VM's size and the
    // machine's has no memory, and gives an external abort.
    if (ipa.raw >> machine().ipa_limit) {
        inject(vcpu, f, AbortKind::kAddressSize);
        return Next::kResume;
    }
    if (f.exec || f.on_walk || ipa >= vcpu.vm.stage2.tables().limit())
        return external_abort(vcpu, f);
    if (vhe::abort_iss(vcpu.context.esr).get<AbortIss::CM>()) {
        skip_instruction(vcpu);  // cache maintenance: no cache can hold anything of an address without memory
        return Next::kResume;
    }
    const Next next = handle_mmio(vcpu, ipa, why == FaultInResult::kReadOnly);
    // The syndrome does not describe the instruction (no ISV). For L1 the VMM gets ENOSYS, which mostly ends the VM. L2 must
    // not be able to end L1, so L2 gets an abort.
    return next == Next::kError && vcpu.vel2.in_l2() ? external_abort(vcpu, f) : next;
}

}  // namespace

Next handle_guest_abort(Vcpu& vcpu) {
    if (ring_doorbell(vcpu))
        return report_emulated_step(vcpu, *vcpu.run) ? Next::kUser : Next::kResume;
    release_fpsimd(vcpu);  // what follows may fault the VMM's pages in
    const Fault f = decode(vcpu);
    if (f.type == kFscAddressSize) {
        inject(vcpu, f, AbortKind::kAddressSize);
        return Next::kResume;
    }
    if (f.type != kFscTranslation && f.type != kFscPermission && f.type != kFscAccessFlag)
        return handle_other_abort(vcpu);
    if (f.ipa >= vcpu.vm.stage2.tables().limit())
        return no_memory(vcpu, f, f.ipa, FaultInResult::kNone);
    if (f.type == kFscAccessFlag && make_young(vcpu, f.ipa.align_down(kPageSize)) == Next::kResume)
        return Next::kResume;
    // Known without a lock for what a device has.
    if (vcpu.vm.slots.is_hole(gfn_of(f.ipa), vcpu.slot_hint))
        return no_memory(vcpu, f, f.ipa, FaultInResult::kNone);
    switch (const FaultInResult result = fault_in(vcpu, {f.ipa, f.write, f.exec, f.type == kFscPermission, f.on_walk})) {
    case FaultInResult::kMapped: return Next::kResume;
    case FaultInResult::kError: return Next::kError;
    default: return no_memory(vcpu, f, f.ipa, result);
    }
}

Next handle_no_memory(Vcpu& vcpu, Ipa ipa, FaultInResult why) { return no_memory(vcpu, decode(vcpu), ipa, why); }

Next handle_other_abort(Vcpu& vcpu) {
    const Fault f = decode(vcpu);
    // A bus error on the guest's own access is for the guest to handle.
    if (f.type == kFscExternal || f.type == kFscExternalOnWalk)
        return external_abort(vcpu, f);
    switch (vhe::fault_status(vcpu.context.esr)) {
    case kFscExclusiveAtomic:
        return exclusive_abort(vcpu, f);
    case kFscAtomicUpdate:
        inject(vcpu, f, AbortKind::kAtomicUpdate);
        return Next::kResume;
    case kFscTlbConflict:
        return tlb_conflict(vcpu);
    default:
        break;
    }
    nest_port_debug("unexpected stage-2 fault, ESR 0x%llx", static_cast<unsigned long long>(vcpu.context.esr));
    vcpu.error = Errno::kFault;
    return Next::kError;
}

}  // namespace nest::kvm
