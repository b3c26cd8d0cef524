// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested/nested.hpp>

#include <vgic/hw/fold.hpp>

namespace nest::vgic {
namespace {

using arch::ListRegister;

constexpr u64 kIntidMask = 0xffff;  // nested_vtr(): sixteen bits

// L1's list registers on their way into hardware.
class Translation {
public:
    explicit Translation(CpuInterface& l1) : l1_(l1) {}

    // `theirs` has an interrupt.
    ListRegister translate(ListRegister theirs) {
        // RES0 bits are not copied, and neither is the NMI bit: L1 is not told of FEAT_GICv3_NMI.
        const auto ours = ListRegister{}
                              .with<ListRegister::State>(theirs.get<ListRegister::State>())
                              .with<ListRegister::Group>(theirs.get<ListRegister::Group>())
                              .with<ListRegister::Priority>(theirs.get<ListRegister::Priority>())
                              .with<ListRegister::vINTID>(theirs.get<ListRegister::vINTID>() & kIntidMask);
        if (!theirs.get<ListRegister::HW>())
            return ours.with<ListRegister::EOI>(theirs.get<ListRegister::EOI>());
        u16 host_intid;
        if (find_host(theirs, host_intid))
            return ours.with<ListRegister::HW>(1).with<ListRegister::pINTID>(host_intid);
        // L1 names a physical interrupt of its own, which has none of the machine behind it: an exit when L2 deactivates it.
        return ours.with<ListRegister::EOI>(1);
    }

private:
    // False: the machine has no physical interrupt behind L1's, or hardware must not have it. Pending and active at once is for
    // interrupts without a physical one only ([IHI0069] 12.4 ICH_LR<n>_EL2.State), and no physical interrupt may be in two
    // list registers. An L1 that asks for either gets its deactivations, but late.
    bool find_host(ListRegister theirs, u16& host_intid) {
        const unsigned intid = static_cast<unsigned>(theirs.get<ListRegister::pINTID>());
        if (!is_private(intid) || theirs.get<ListRegister::State>() == arch::kLrPendingActive)
            return false;
        const u32 bit = bit_of(intid);
        Guard guard(l1_.lock);
        if (!(l1_.private_irqs.hw & ~taken_ & bit))
            return false;
        taken_ |= bit;
        host_intid = l1_.private_irqs.host_intid[intid];
        return true;
    }

    CpuInterface& l1_;
    u32 taken_ = 0;
};

// Two list registers with the same INTID would be UNPREDICTABLE: hardware gets the first one only.
bool is_loaded(const NestedInterface& nested, u64 intid) {
    for (unsigned i = 0; i < nested.used; i++)
        if (ListRegister::of(nested.lr[i]).get<ListRegister::vINTID>() == intid)
            return true;
    return false;
}

bool was_deactivated(u64 before, u64 now) {
    return now == arch::kLrInvalid ? before != arch::kLrInvalid : (before & ~now & arch::kLrActive) != 0;
}

// L2 has deactivated what L1 takes for a physical interrupt.
void deactivate_for_l2(CpuInterface& l1, unsigned intid, bool done_by_hardware) {
    Distributor& distributor = *l1.distributor;
    Fold fold(l1, distributor);
    if (is_private(intid)) {
        Guard guard(l1.lock);
        if (!(l1.private_irqs.active & bit_of(intid)))
            return;
        if (done_by_hardware)
            fold.note_deactivation(intid);
        else
            fold.deactivate_one(intid);
        l1.refresh();
    } else if (distributor.valid_spi(intid)) {
        Guard guard(distributor.shared_lock());
        fold.deactivate_spi(intid);
        fold.requeue_shared();
    }
    fold.finish();
}

}  // namespace

void fill_nested(CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file) {
    Translation translation(l1);
    nested.used = 0;
    // Group 0 reaches L2 as FIQ and group 1 as IRQ, each only where L1 has virtualised it: HCR_EL2.FMO, IMO.
    using H = arch::HCR_EL2;
    const u64 l1_hcr = file.get<H>().raw;
    const bool virtualised[] = {(l1_hcr & H::FMO::kMask) != 0, (l1_hcr & H::IMO::kMask) != 0};
    for (unsigned n = 0; n < l1.distributor->gic().list_registers(); n++) {
        const ListRegister theirs = list_register_of(file, n);
        if (theirs.get<ListRegister::State>() == arch::kLrInvalid) [[likely]]
            continue;
        if (!virtualised[theirs.get<ListRegister::Group>()]) [[unlikely]]
            continue;
        const u64 intid = theirs.get<ListRegister::vINTID>() & kIntidMask;
        // A valid list register with a special INTID would be UNPREDICTABLE ([IHI0069] 12.4 ICH_LR<n>_EL2): hardware does not get it.
        if (is_special(intid) || is_loaded(nested, intid)) [[unlikely]]
            continue;
        nested.from[nested.used] = static_cast<u8>(n);
        nested.lr[nested.used++] = translation.translate(theirs).raw;
    }
}

void fold_nested(CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file,
                 const u64 (&now)[kMaxListRegisters]) {
    for (unsigned i = 0; i < nested.used; i++) {
        const ListRegister before = ListRegister::of(nested.lr[i]);
        const ListRegister theirs = list_register_of(file, nested.from[i]);
        const u64 state = ListRegister::of(now[i]).get<ListRegister::State>();
        // All fields but the state stay as L1 wrote them, also L1's physical INTID.
        set_list_register(file, nested.from[i], theirs.with<ListRegister::State>(state));
        if (theirs.get<ListRegister::HW>() && was_deactivated(before.get<ListRegister::State>(), state))
            deactivate_for_l2(l1, static_cast<unsigned>(theirs.get<ListRegister::pINTID>()),
                              before.get<ListRegister::HW>());
    }
    nested.used = 0;
}

}  // namespace nest::vgic
