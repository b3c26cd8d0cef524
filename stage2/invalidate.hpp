// SPDX-License-Identifier: GPL-2.0-only
// TLB maintenance for one VMID: [DDI0487] D8.16.5 (what an instruction applies to), D8.16.6 (stage 2 and combined
// entries).
#pragma once
#include <arch/cpu.hpp>
#include <stage2/host_features.hpp>
#include <stage2/invalidation.hpp>
#include <stage2/vmid.hpp>

namespace nest::stage2 {

// Whose translations: what VTTBR_EL2 and VTCR_EL2 hold while the VMID runs.
struct TlbTarget {
    const Vmid* vmid = nullptr;
    u64 vmid_mask = 0;         // 2^bits - 1
    arch::VTTBR_EL2 table{};   // BADDR and CnP
    arch::VTCR_EL2 vtcr{};

    // The VMID of this moment.
    arch::VTTBR_EL2 vttbr() const { return table.with<arch::VTTBR_EL2::VMID>(vmid->raw() & vmid_mask); }
};

// Drops stage-1 and combined translations of the VMID in VTTBR_EL2, on this CPU only; complete on return. HCR_EL2.TGE must be
// clear: while it is set, TLBI VMALLE1 means EL2&0.
[[gnu::cold]] void drop_stage1_here(arch::Cpu& cpu);

// May be used in the host (HCR_EL2.TGE = 1), in any context, and in tier 0 (TGE = 0, interrupts off), whether this VMID's
// stage 2 is loaded or another one's. An Invalidator reads TGE to find out where it is.
class Invalidator {
public:
    // Without range instructions: beyond so many single ones, dropping the whole VMID costs less.
    static constexpr u64 kMaxSingles = 64;
    // What the four SCALEs of one range sequence reach.
    static constexpr u64 kMaxRangePages = u64{1} << 21;

    Invalidator(arch::Cpu& cpu, const HostFeatures& host, const TlbTarget& target)
        : cpu_(cpu), host_(host), target_(target) {}

    // On all CPUs; complete on return.
    void invalidate(const Invalidation& what);
    // On this CPU only: for permissions that were relaxed.
    void invalidate_local(u64 ipa, unsigned level);
    // One broadcast TLBI of stage-1 (and combined) translations of this VMID, with the operand that its guest gave. `op`:
    // VMALLE1IS, whose operand does not matter, or one by address or ASID.
    void stage1(arch::Tlbi op, u64 operand);

private:
    bool by_address(const Invalidation& what);
    void ranges(u64 start, u64 pages);
    u64 operand(u64 ipa, unsigned level) const;

    arch::Cpu& cpu_;
    const HostFeatures& host_;
    const TlbTarget& target_;
};

}  // namespace nest::stage2
