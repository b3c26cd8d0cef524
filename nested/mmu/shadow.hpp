// SPDX-License-Identifier: GPL-2.0-only
// Shadow: one stage 2 that L2 really runs on, the composition of one of L1's with the canonical one.
//
// Locking: the VM's mmu lock. A shadow's address, number and tables object stay for the VM's life; its key changes only
// while nobody refers to it.
#pragma once
#include <nested/mmu/rmap.hpp>
#include <optional>
#include <stage2/stage2.hpp>

namespace nest::nested {

// What tells L1's stage-2 contexts apart: TLBs are tagged by VMID even when stage 2 is off, and different CPUs of L1 may
// use one VMID with different tables.
struct ShadowKey {
    u64 baddr = 0;
    u64 vtcr = 0;
    u16 vmid = 0;
    bool on = false;  // HCR_EL2.VM; without it the tables do not matter

    constexpr bool operator==(const ShadowKey&) const = default;
};

constexpr u16 vmid_of(arch::VTTBR_EL2 vttbr, arch::VTCR_EL2 vtcr, bool vmid16) {
    const u64 vmid = vttbr.get<arch::VTTBR_EL2::VMID>();
    return static_cast<u16>(vmid16 && vtcr.get<arch::VTCR_EL2::VS>() ? vmid : vmid & 0xff);
}
constexpr ShadowKey shadow_key(arch::VTTBR_EL2 vttbr, arch::VTCR_EL2 vtcr, bool stage2_on, bool vmid16) {
    const u16 vmid = vmid_of(vttbr, vtcr, vmid16);
    return stage2_on ? ShadowKey{vttbr.raw & arch::VTTBR_EL2::BADDR::kMask, vtcr.raw, vmid, true} : ShadowKey{0, 0, vmid, false};
}

// The size of L1's leaf behind a shadow leaf, in the shadow leaf's four software bits; 0: not L1's (stage 2 is off).
inline constexpr u8 kLeafShifts[16] = {0, 12, 14, 16, 21, 25, 29, 30, 36, 39};  // the last two with FEAT_LPA2
constexpr u8 tag_of_shift(unsigned shift) {
    for (u8 i = 1; i < sizeof(kLeafShifts); i++)
        if (kLeafShifts[i] == shift)
            return i;
    return 0;
}

// The module's page-table policy, plus the reverse map. No cache maintenance: the canonical stage 2 has done it when it
// mapped the page, or compose() lets no access bypass the caches. What L1 has to clean for L2, L1 cleans itself.
template <typename Memory>
class ShadowPolicy : public Memory {
    using Base = Memory;

public:
    static constexpr bool kTracksLeaves = true;
    using Base::Base;

    void bind(Rmap& rmap, u16 shadow) {
        rmap_ = &rmap;
        shadow_ = shadow;
    }
    // The canonical frame of the next leaf's first byte.
    void set_next_frame(u64 gfn) { gfn_ = gfn; }
    // Some leaf is not in the reverse map: while that is so, every canonical change concerns the shadow.
    bool untracked() const { return untracked_ != 0; }

    void clean_dcache(arch::Pa, u64) {}
    void invalidate_icache(arch::Pa, u64) {}
    void leaf_changed(arch::L2Ipa base, unsigned level, stage2::Pte old, stage2::Pte now) {
        if (old.valid() && !rmap_->remove(shadow_, base, level)) {
            NEST_BUG_ON(!untracked_);
            untracked_--;
        }
        if (now.valid() && !rmap_->insert({shadow_, static_cast<u8>(level), base, gfn_}))
            untracked_++;
    }

private:
    Rmap* rmap_ = nullptr;
    u64 gfn_ = 0;
    u16 shadow_ = 0;
    u64 untracked_ = 0;  // leaves for which there was no node
};

// When tables that left a shadow are freed. With a guest's context loaded the kernel's allocator may not be called: then
// the tables wait for the next operation that may free memory.
enum class Reclaim : u8 { kNow, kLater };

template <typename Memory>
class Shadow {
public:
    using Tables = stage2::Stage2<arch::L2Ipa, ShadowPolicy<Memory>>;
    using Debt = typename Tables::Debt;

    Shadow(arch::Cpu& cpu, stage2::VmidAllocator& vmids) : tables(cpu, vmids) {}

    // Adds to what has to leave the TLBs before the lock is dropped.
    void owe(Debt&& debt) {
        if (debt_)
            debt_->absorb(std::move(debt));
        else
            debt_.emplace(std::move(debt));
    }
    bool owes() const { return debt_.has_value(); }
    // Invalidates, then frees. No software walks a shadow without the lock, and after the TLBI hardware walks no table that has
    // left it: so these go at once. False: there was nothing to invalidate.
    bool settle(Reclaim reclaim = Reclaim::kNow) {
        if (!debt_)
            return false;
        const bool invalidates = !debt_->invalidation().empty();
        tables.complete(std::move(*debt_));
        debt_.reset();
        if (reclaim == Reclaim::kNow)
            free_retired();
        return invalidates;
    }
    void free_retired() { tables.free_retired(tables.take_retired()); }
    // Drops what touches [start, end), as far as `budget` (not 0) lets it look at entries; how far it came, and what is
    // left of the budget.
    arch::L2Ipa unmap(arch::L2Ipa start, arch::L2Ipa end, unsigned& budget) {
        Debt debt = tables.unmap(start, end, budget);
        const arch::L2Ipa reached = debt.resume();
        budget -= debt.spent();
        owe(std::move(debt));
        return reached;
    }
    arch::L2Ipa unmap(arch::L2Ipa start, arch::L2Ipa end) {
        unsigned budget = stage2::kDefaultBudget;
        return unmap(start, end, budget);
    }
    // To be called when nothing is mapped any more.
    void emptied() { leaf_shifts = 0; }
    bool untracked() { return tables.policy().untracked(); }

    Tables tables;
    ShadowKey key{};
    u16 index = 0;
    bool in_hash = false;
    u32 users = 0;        // vCPUs that hold it
    u64 leaf_shifts = 0;  // bit n: a leaf of L1 of 2^n bytes has been mapped since it was empty; bit 0 says nothing
    Shadow* next_in_bucket = nullptr;
    Shadow* lru_next = nullptr;  // among the unused
    Shadow* lru_previous = nullptr;
    Shadow* next_owing = nullptr;

private:
    std::optional<Debt> debt_;
};

}  // namespace nest::nested
