// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault/fault_in.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

FaultInResult error(Vcpu& vcpu, Errno e) {
    vcpu.error = e;
    return FaultInResult::kError;
}

// The largest block that one leaf may map: the VMM maps it as a unit, guest and VMM addresses are congruent, and it
// lies inside the slot as a whole.
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

// Stage 2's type is the strongest that the guest's stage 1 cannot weaken. For a device whose driver says that accesses in any
// order are safe (any_uncached: a frame buffer) that is Normal Non-cacheable, so that a guest may map it write-combining.
stage2::MemoryType type_of(const nest_host_page& page) {
    if (!page.device || page.cacheable)
        return stage2::MemoryType::Normal;
    return page.any_uncached ? stage2::MemoryType::NormalNC : stage2::MemoryType::Device_nGnRE;
}

stage2::Attributes attributes_for(const nest_host_page& page, const MemoryAccess& access, bool writable,
                                  bool coherent_icache) {
    stage2::Attributes a;
    a.type = type_of(page);
    a.prot.r = true;
    a.prot.w = writable;
    // Without a coherent instruction cache, execution is allowed only on demand, as each permission costs an invalidation.
    a.prot.x = a.type == stage2::MemoryType::Normal && (access.exec || coherent_icache);
    a.software = page.device ? kOutsideLinearMap : 0;
    return a;
}

// May one leaf of 2^shift bytes map what the VMM's page table had around `hva` when the page was looked up? mmu_lock held.
bool may_map(const Vm& vm, u64 seq, Hva hva, unsigned shift) {
    const u64 size = u64{1} << shift;
    const Hva start = hva.align_down(size);
    return vm.stage2.may_map(seq, start, start + size);
}

// mmu_lock held, nothing changed since the page was looked up.
Status install(Vm& vm, Vcpu& vcpu, const MemoryAccess& a, Pa pa, unsigned shift, stage2::Attributes attributes,
               bool logging) {
    const Ipa page = a.ipa.align_down(kPageSize);
    auto& tables = vm.stage2.tables();
    if (a.permission) {
        const bool one_page = logging && attributes.prot.w;  // whose block, if it is one, has to be split
        const Status added = one_page ? tables.set_writable(page, shift) : tables.relax(page, attributes.prot);
        if (added.ok() && !(one_page && attributes.prot.x))
            return kOk;
        const stage2::Leaf old = tables.walk(page);
        if (old.valid)
            attributes.prot.x |= old.attributes.prot.x;
    }
    const u64 size = u64{1} << shift;
    return tables.map(vcpu.tables, page.align_down(size), pa.align_down(size), shift, attributes);
}

// What a fault has found before it asks for the page. Meanwhile `slot` may be removed and freed: it may be used only under the
// mmu lock and after may_map(), which says whether `seq` is still VmStage2::seq().
struct Found {
    const Memslot* slot;
    Hva hva;
    u64 seq;
};

FaultInResult map_page(Vcpu& vcpu, const MemoryAccess& a, const Found& found) {
    Vm& vm = vcpu.vm;
    if (!vm.stage2.tables().top_up(vcpu.tables).ok())
        return error(vcpu, Errno::kNoMem);

    nest_host_page page;
    switch (nest_port_page_get(vm.host, found.hva.raw, a.write, &page)) {
    case 0:
        break;
    case -static_cast<int>(Errno::kNoMem):
        return error(vcpu, Errno::kNoMem);
    case -static_cast<int>(Errno::kAgain):
    case -static_cast<int>(Errno::kIntr):  // the run loop sees the signal
        return FaultInResult::kMapped;
    case -static_cast<int>(Errno::kHwPoison):
        // A thread that blocks or ignores SIGBUS gets an error: its vCPU would fault here for ever.
        if (nest_port_poison_signal(vm.host, found.hva.raw))
            return FaultInResult::kMapped;
        return error(vcpu, Errno::kHwPoison);
    default:
        return error(vcpu, Errno::kFault);
    }

    const bool coherent_icache = CTR_EL0::of(machine().stage2.ctr).get<CTR_EL0::DIC>();
    // For a walk: HCR_EL2.PTW is set, so that hardware stops each walk of Device memory by a permission fault. Mapping the page
    // would not help.
    if ((a.exec || a.walk) && page.device && !page.cacheable) {
        nest_port_page_release(&page, false);
        return FaultInResult::kDevice;
    }
    // Memory without struct pages is outside the linear map, so that the core cannot clean its cache lines, nor invalidate
    // instructions: such memory is mapped only where hardware needs neither.
    if (page.device && page.cacheable && !(vm.stage2.tables().fwb() && coherent_icache)) {
        nest_port_page_release(&page, false);
        return error(vcpu, Errno::kFault);
    }

    bool writable = false;
    Status mapped = Errno::kAgain;
    {
        Guard guard(vm.mmu_lock);
        if (may_map(vm, found.seq, found.hva, kPageShift)) {
            const Memslot& slot = *found.slot;
            const u64 gfn = gfn_of(a.ipa);
            const bool logging = slot.logs_dirty();
            writable = page.writable && slot.writable() && (!logging || a.write);
            unsigned shift = block_shift(slot, page, gfn, vm.stage2.tables().max_block_shift(), logging);
            if (!may_map(vm, found.seq, found.hva, shift))
                shift = kPageShift;  // a notifier's range in progress touches the block, but not the page
            mapped = install(vm, vcpu, a, Pa(page.pa), shift, attributes_for(page, a, writable, coherent_icache), logging);
            if (mapped.ok() && a.write)
                slot.mark_dirty(gfn, &vcpu.dirty_ring);
        }
    }
    nest_port_page_release(&page, mapped.ok() && writable);
    vcpu.stats.stage2_faults++;
    if (!mapped.ok() && mapped.error() != Errno::kAgain)
        return error(vcpu, Errno::kFault);
    return FaultInResult::kMapped;
}

}  // namespace

FaultInResult fault_in(Vcpu& vcpu, const MemoryAccess& access) {
    Vm& vm = vcpu.vm;
    Found found;
    {
        ReadGuard guard(vm.slots_lock);
        found.slot = vm.slots.find(gfn_of(access.ipa), vcpu.slot_hint);
        if (!found.slot)
            return FaultInResult::kNone;
        if (access.write && !found.slot->writable())
            return FaultInResult::kReadOnly;
        found.hva = found.slot->hva_of(gfn_of(access.ipa));
        found.seq = vm.stage2.seq();
    }
    return map_page(vcpu, access, found);
}

}  // namespace nest::kvm
