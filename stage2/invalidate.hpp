// SPDX-License-Identifier: GPL-2.0-only
// TLB maintenance for one VMID: [DDI0487] D8.16.5 (what an instruction applies to), D8.16.6 (stage 2 and combined
// entries).
#pragma once
#include <arch/errata.hpp>
#include <base/lock.hpp>
#include <stage2/broadcast.hpp>
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

// Stage-1 and combined translations of the VMID in VTTBR_EL2, on this CPU only. HCR_EL2.TGE is clear: under it, TLBI VMALLE1
// means EL2&0. Complete on return.
template <arch::Cpu C>
[[gnu::noinline, gnu::cold]] void drop_stage1_here(C& cpu) {
    cpu.isb();  // the TLBI sees VTTBR_EL2 and HCR_EL2 as they were written last
    cpu.template tlbi<arch::Tlbi::VMALLE1>();
    cpu.template dsb<arch::Barrier::NSH>();
    cpu.isb();
}

// Works in two contexts and finds out by itself in which: in the host (HCR_EL2.TGE = 1), any context; and in tier 0
// (TGE = 0, interrupts off), with this VMID's or another one's stage 2 loaded.
template <arch::Cpu C>
class Invalidator {
public:
    // Without range instructions: beyond so many single ones, dropping the whole VMID costs less.
    static constexpr u64 kMaxSingles = 64;
    // What the four SCALEs of one range sequence reach.
    static constexpr u64 kMaxRangePages = u64{1} << 21;

    Invalidator(C& cpu, const HostFeatures& host, const TlbTarget& target)
        : cpu_(cpu), host_(host), target_(target) {}

    // On all CPUs; complete on return.
    void invalidate(const Invalidation& what) {
        // The changed descriptors reach the walkers before TLBs are cleared and before the VMID is read (vmid.hpp).
        cpu_.template dsb<arch::Barrier::ISHST>();
        Context context(cpu_, target_);
        if (by_address(what)) {
            // Stage 2 first, to its end: a walk on another CPU could otherwise make a new combined entry from the old
            // stage-2 one after the combined entries were dropped.
            cpu_.template dsb<arch::Barrier::ISH>();
            // Combined entries are tagged by VA, which is unknown: all of the VMID's go.
            cpu_.template tlbi<arch::Tlbi::VMALLE1IS>();
        } else {
            cpu_.template tlbi<arch::Tlbi::VMALLS12E1IS>();
        }
        finish_broadcast(cpu_);
    }

    // On this CPU only: for permissions that were relaxed.
    void invalidate_local(u64 ipa, unsigned level) {
        cpu_.template dsb<arch::Barrier::NSHST>();
        Context context(cpu_, target_);
        cpu_.template tlbi<arch::Tlbi::IPAS2E1>(operand(ipa, level));
        cpu_.template dsb<arch::Barrier::NSH>();
        cpu_.template tlbi<arch::Tlbi::VMALLE1>();
        cpu_.template dsb<arch::Barrier::NSH>();
        cpu_.isb();
    }

    // One broadcast TLBI of stage-1 (and combined) translations of this VMID, with the operand that its guest gave.
    template <arch::Tlbi Op>
    void stage1(u64 operand) {
        cpu_.template dsb<arch::Barrier::ISHST>();
        Context context(cpu_, target_);
        cpu_.template tlbi<Op>(operand);
        finish_broadcast(cpu_);
    }

private:
    // Makes TLBI mean the target. With HCR_EL2.{E2H,TGE} = {1,1} it would mean EL2&0, so TGE goes off, which only the
    // host itself could notice: interrupts stay off meanwhile.
    class Context {
    public:
        Context(C& cpu, const TlbTarget& target) : cpu_(cpu), hcr_(cpu.template read<arch::HCR_EL2>()) {
            in_host_ = hcr_.template get<arch::HCR_EL2::TGE>();
            if (in_host_)
                flags_ = nest_port_irq_save();
            vttbr_ = cpu.template read<arch::VTTBR_EL2>();
            vtcr_ = cpu.template read<arch::VTCR_EL2>();
            arch::VTTBR_EL2 wanted = target.vttbr();
            switched_ = vttbr_ != wanted || vtcr_ != target.vtcr;
            walks_ahead_ = arch::has_erratum(arch::Erratum::kSpeculativeAt) && (in_host_ || switched_);
            if (walks_ahead_) [[unlikely]]
                stop_walks();
            // Stage 2 is whole before TGE goes: some CPUs walk ahead (Cortex-A76 erratum 1165522 and others).
            if (switched_) {
                cpu.write(target.vtcr);
                cpu.write(wanted);
            }
            if (switched_ || walks_ahead_)
                cpu.isb();
            if (in_host_) {
                cpu.write(hcr_.template with<arch::HCR_EL2::TGE>(0).template with<arch::HCR_EL2::VM>(1));
                cpu.isb();
            }
        }
        ~Context() {
            if (in_host_) {
                cpu_.write(hcr_);
                cpu_.isb();
            }
            if (switched_) {
                cpu_.write(vtcr_);
                cpu_.write(vttbr_);
                cpu_.isb();
            }
            if (walks_ahead_) [[unlikely]] {
                cpu_.write(tcr_);
                cpu_.write(sctlr_);
            }
            if (in_host_)
                nest_port_irq_restore(flags_);
        }
        Context(const Context&) = delete;
        Context& operator=(const Context&) = delete;

    private:
        // Whatever stage 1 is in the registers has nothing to do with the target: no walk of it may fill the TLBs. With
        // both table walks disabled (TCR_EL1.EPD0, EPD1) and stage 1 on (SCTLR_EL1.M), there is none of stage 2 either.
        void stop_walks() {
            tcr_ = cpu_.template read<arch::TCR_EL12>();
            sctlr_ = cpu_.template read<arch::SCTLR_EL12>();
            cpu_.write(arch::TCR_EL12::of(tcr_.raw | u64{1} << 7 | u64{1} << 23));
            cpu_.write(arch::SCTLR_EL12::of(sctlr_.raw | 1));
        }

        C& cpu_;
        arch::HCR_EL2 hcr_;
        arch::VTTBR_EL2 vttbr_;
        arch::VTCR_EL2 vtcr_;
        unsigned long flags_ = 0;
        bool in_host_ = false;
        bool switched_ = false;
        bool walks_ahead_ = false;
        arch::TCR_EL12 tcr_{};
        arch::SCTLR_EL12 sctlr_{};
    };

    // False when the range is better dropped as the whole VMID; nothing was issued then.
    bool by_address(const Invalidation& what) {
        if (what.everything())
            return false;
        u64 singles = what.bytes() / what.stride();
        u64 pages = what.bytes() / arch::kPageSize;
        if (singles > 1 && host_.tlbirange && pages < kMaxRangePages) {
            ranges(what.start(), pages);
            return true;
        }
        if (singles > kMaxSingles)
            return false;
        for (u64 i = 0; i < singles; i++)
            cpu_.template tlbi<arch::Tlbi::IPAS2E1IS>(operand(what.start() + i * what.stride(), what.level()));
        return true;
    }

    // [DDI0487] C5.5.63: one instruction covers (NUM + 1) * 2^(5 * SCALE + 1) pages. The digits of `pages` in that
    // system, highest first; an odd page is left over for a single one. Without a level: tables may have gone.
    void ranges(u64 start, u64 pages) {
        constexpr u64 kTg4K = u64{1} << 46;
        for (int scale = 3; scale >= 0; scale--) {
            unsigned unit = 5u * static_cast<unsigned>(scale) + 1;
            u64 count = pages >> unit & 31;
            if (!count)
                continue;
            cpu_.template tlbi<arch::Tlbi::RIPAS2E1IS>(kTg4K | static_cast<u64>(scale) << 44 | (count - 1) << 39 |
                                                       start >> arch::kPageShift);
            start += count << unit << arch::kPageShift;
        }
        if (pages & 1)
            cpu_.template tlbi<arch::Tlbi::IPAS2E1IS>(operand(start, kAnyLevel));
    }

    // [DDI0487] C5.5.9: IPA[51:12] and, with FEAT_TTL, granule (01: 4 KiB) and level.
    u64 operand(u64 ipa, unsigned level) const {
        u64 ttl = host_.ttl && level != kAnyLevel ? 0b0100 | level : 0;
        return ttl << 44 | ipa >> arch::kPageShift;
    }

    C& cpu_;
    const HostFeatures& host_;
    const TlbTarget& target_;
};

}  // namespace nest::stage2
