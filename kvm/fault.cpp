// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault.hpp>

#include <kvm/fpsimd.hpp>
#include <kvm/guest_memory.hpp>
#include <kvm/inject.hpp>
#include <kvm/instruction_skip.hpp>
#include <kvm/machine.hpp>
#include <kvm/mmio_exit.hpp>
#include <kvm/table_level.hpp>
#include <kvm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

struct Fault {
    Ipa ipa;
    u64 esr;
    bool exec;
    bool write;
    bool on_walk;  // of the guest's stage-1 tables

    bool permission() const { return vhe::fault_type(esr) == kFscPermission; }
};

Fault decode(const Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    const AbortIss iss = vhe::abort_iss(esr);
    Fault f{vhe::fault_ipa(vcpu.context), esr, vhe::exception_class(esr) == Ec::kInstrAbortLower, false,
            iss.get<AbortIss::S1PTW>() != 0};
    // A walk writes only to update access flags and dirty state, and is only then stopped by a permission; taking every
    // fault of a walk for a write would refuse tables that lie in a read-only slot.
    f.write = f.on_walk ? f.permission() : !f.exec && iss.get<AbortIss::WnR>();
    return f;
}

class GuestDescriptors final : public DescriptorReader {
public:
    explicit GuestDescriptors(const Vcpu& vcpu) : vcpu_(vcpu) {}
    bool read(Ipa at, u64& descriptor) override {
        if (!read_guest(vcpu_.vm.slots, at, &descriptor, sizeof(descriptor)).ok())
            return false;
        if (SCTLR_EL1::of(vcpu_.read(SysReg::SCTLR_EL1)).get<SCTLR_EL1::EE>())
            descriptor = __builtin_bswap64(descriptor);
        return true;
    }

private:
    const Vcpu& vcpu_;
};

// The level that the guest's walk was at; 0, which is always a valid answer, when the tables have changed since.
int walk_level(const Vcpu& vcpu, const Fault& f) {
    GuestDescriptors memory(vcpu);
    const StageOneTables tables{vcpu.read(SysReg::TCR_EL1), vcpu.read(SysReg::TTBR0_EL1), vcpu.read(SysReg::TTBR1_EL1)};
    ReadGuard guard(vcpu.vm.slots_lock);
    return level_of_table_page(tables, vcpu.context.far, f.ipa.align_down(kPageSize), memory).value_or(0);
}

// No lock held; may sleep.
void inject_external_abort(Vcpu& vcpu, const Fault& f) {
    const AbortKind kind = f.on_walk ? AbortKind::kExternalOnWalk : AbortKind::kExternal;
    const int level = f.on_walk ? walk_level(vcpu, f) : 0;
    if (f.exec)
        inject_prefetch_abort(vcpu, vcpu.context.far, kind, level);
    else
        inject_data_abort(vcpu, vcpu.context.far, kind, level);
}

Next error(Vcpu& vcpu, Errno e) {
    vcpu.error = e;
    return Next::kError;
}

// The largest block that one leaf may map: the VMM maps it as a unit, guest and VMM addresses are congruent, and it lies
// inside the slot as a whole.
unsigned block_shift(const Memslot& slot, const nest_host_page& page, u64 gfn, unsigned max_shift, bool pages_only) {
    if (pages_only || page.device)
        return kPageShift;
    for (unsigned shift : {30u, 21u}) {
        if (shift > max_shift || shift > page.block_shift)
            continue;
        const u64 frames = u64{1} << (shift - kPageShift);
        const u64 first = gfn & ~(frames - 1);
        const bool congruent = ((slot.base_gfn ^ slot.hva.frame()) & (frames - 1)) == 0;
        if (congruent && first >= slot.base_gfn && first + frames <= slot.end_gfn())
            return shift;
    }
    return kPageShift;
}

stage2::Attributes attributes_for(const nest_host_page& page, const Fault& f, bool writable, bool coherent_icache) {
    stage2::Attributes a;
    a.type = page.device && !page.cacheable ? stage2::MemoryType::Device_nGnRE : stage2::MemoryType::Normal;
    a.prot.r = true;
    a.prot.w = writable;
    // Without a coherent instruction cache, execution is allowed on demand: each grant costs an invalidation.
    a.prot.x = a.type == stage2::MemoryType::Normal && (f.exec || coherent_icache);
    return a;
}

// mmu_lock held, nothing changed since the page was looked up.
Status install(Vm& vm, Vcpu& vcpu, const Fault& f, Pa pa, unsigned shift, stage2::Attributes attributes, bool logging) {
    const Ipa page = f.ipa.align_down(kPageSize);
    auto& tables = vm.stage2.tables();
    if (f.permission()) {
        const Status added = logging && attributes.prot.w ? tables.set_writable(page, shift) : tables.relax(page, attributes.prot);
        if (added.ok() && !(logging && attributes.prot.w && attributes.prot.x))
            return kOk;
        const stage2::Leaf old = tables.walk(page);
        if (old.valid)
            attributes.prot.x |= old.attributes.prot.x;
    }
    const u64 size = u64{1} << shift;
    return tables.map(vcpu.tables, page.align_down(size), pa.align_down(size), shift, attributes);
}

// `slots_lock` held for reading.
Next map_page(Vcpu& vcpu, const Fault& f, const Memslot& slot) {
    Vm& vm = vcpu.vm;
    if (!vm.stage2.tables().top_up(vcpu.tables).ok())
        return error(vcpu, Errno::kNoMem);

    const u64 gfn = gfn_of(f.ipa);
    const u64 seq = vm.stage2.seq();
    nest_host_page page;
    switch (nest_port_page_get(vm.host, slot.hva_of(gfn).raw, f.write, &page)) {
    case 0:
        break;
    case -static_cast<int>(Errno::kNoMem):
        return error(vcpu, Errno::kNoMem);
    case -static_cast<int>(Errno::kAgain):
    case -static_cast<int>(Errno::kIntr):      // the run loop sees the signal
    case -static_cast<int>(Errno::kHwPoison):  // the VMM got its SIGBUS
        return Next::kResume;
    default:
        return error(vcpu, Errno::kFault);
    }

    const bool logging = slot.logs_dirty();
    const bool writable = page.writable && slot.writable() && (!logging || f.write);
    const bool coherent_icache = machine().stage2.ctr >> 29 & 1;  // CTR_EL0.DIC
    if (f.exec && page.device && !page.cacheable) {
        nest_port_page_release(&page, false);
        inject_prefetch_abort(vcpu, vcpu.context.far, AbortKind::kExternal);
        return Next::kResume;
    }
    // Memory without struct pages is outside the linear map: nothing could clean or invalidate its cache lines for it.
    if (page.device && page.cacheable && !(vm.stage2.tables().fwb() && coherent_icache)) {
        nest_port_page_release(&page, false);
        return error(vcpu, Errno::kFault);
    }
    const auto attributes = attributes_for(page, f, writable, coherent_icache);
    const unsigned shift = block_shift(slot, page, gfn, vm.stage2.tables().max_block_shift(), logging);

    Status mapped = Errno::kAgain;
    {
        Guard guard(vm.mmu_lock);
        if (!vm.stage2.changed_since(seq)) {
            mapped = install(vm, vcpu, f, Pa(page.pa), shift, attributes, logging);
            if (mapped.ok() && f.write)
                slot.mark_dirty(gfn);
        }
    }
    nest_port_page_release(&page, mapped.ok() && writable);
    vcpu.stats.stage2_faults++;
    if (!mapped.ok() && mapped.error() != Errno::kAgain)
        return error(vcpu, Errno::kFault);
    return Next::kResume;
}

Next make_young(Vcpu& vcpu, const Fault& f) {
    Guard guard(vcpu.vm.mmu_lock);
    // Gone meanwhile: the next attempt is a translation fault.
    (void)vcpu.vm.stage2.tables().make_young(f.ipa.align_down(kPageSize));
    return Next::kResume;
}

}  // namespace

Next handle_guest_abort(Vcpu& vcpu) {
    release_fpsimd(vcpu);  // what follows may fault the VMM's pages in
    const Fault f = decode(vcpu);
    Vm& vm = vcpu.vm;
    const u64 type = vhe::fault_type(f.esr);

    if (type == kFscExternal || type == kFscExternalOnWalk) {
        // A bus error on the guest's own access: its to handle.
        inject_external_abort(vcpu, f);
        return Next::kResume;
    }
    // An address that no stage-2 table of ours can translate: beyond the machine, an address size fault of stage 1's
    // output; between the VM's size and the machine's, nothing answers there.
    if (type == kFscAddressSize || f.ipa.raw >> machine().ipa_limit) {
        if (f.exec)
            inject_prefetch_abort(vcpu, vcpu.context.far, AbortKind::kAddressSize);
        else
            inject_data_abort(vcpu, vcpu.context.far, AbortKind::kAddressSize);
        return Next::kResume;
    }
    if (f.ipa >= vm.stage2.tables().limit()) {
        inject_external_abort(vcpu, f);
        return Next::kResume;
    }
    if (type != kFscTranslation && type != kFscPermission && type != kFscAccessFlag) {
        nest_port_debug("unexpected stage-2 fault, ESR 0x%llx", static_cast<unsigned long long>(f.esr));
        return error(vcpu, Errno::kFault);
    }
    bool in_slot;
    {
        ReadGuard guard(vm.slots_lock);
        const Memslot* slot = vm.slots.find(gfn_of(f.ipa), vcpu.slot_hint);
        if (slot && (slot->writable() || !f.write))
            return type == kFscAccessFlag ? make_young(vcpu, f) : map_page(vcpu, f, *slot);
        in_slot = slot != nullptr;
    }
    // No memory there, or memory that devices' writes go to.
    if (f.exec || f.on_walk) {
        inject_external_abort(vcpu, f);
        return Next::kResume;
    }
    if (vhe::abort_iss(f.esr).get<AbortIss::CM>()) {
        skip_instruction(vcpu);  // nothing is cached of what is no memory
        return Next::kResume;
    }
    return handle_mmio(vcpu, f.ipa, in_slot);
}

}  // namespace nest::kvm
