// SPDX-License-Identifier: GPL-2.0-only
#include <arch/errata.hpp>
#include <base/lock.hpp>
#include <stage2/broadcast.hpp>
#include <stage2/invalidate.hpp>

namespace nest::stage2 {
namespace {

// Makes TLBI mean the target. With HCR_EL2.{E2H,TGE} = {1,1} TLBI would mean EL2&0 ([DDI0487] D8.16.5), so TGE is cleared;
// the host's interrupt handlers must not run with TGE clear, so interrupts stay off meanwhile.
class TargetContext {
public:
    TargetContext(arch::Cpu& cpu, const TlbTarget& target) : cpu_(cpu), hcr_(cpu.read<arch::HCR_EL2>()) {
        in_host_ = hcr_.get<arch::HCR_EL2::TGE>();
        if (in_host_)
            flags_ = nest_port_irq_save();
        vttbr_ = cpu.read<arch::VTTBR_EL2>();
        vtcr_ = cpu.read<arch::VTCR_EL2>();
        arch::VTTBR_EL2 wanted = target.vttbr();
        switched_ = vttbr_ != wanted || vtcr_ != target.vtcr;
        walks_ahead_ = arch::has_erratum(arch::Erratum::kSpeculativeAt) && (in_host_ || switched_);
        if (walks_ahead_) [[unlikely]]
            stop_walks();
        // Stage 2 is written before TGE is cleared: some CPUs walk speculatively (Cortex-A76 erratum 1165522 and others).
        if (switched_) {
            cpu.write(target.vtcr);
            cpu.write(wanted);
        }
        if (switched_ || walks_ahead_)
            cpu.isb();
        if (in_host_) {
            cpu.write(hcr_.with<arch::HCR_EL2::TGE>(0).with<arch::HCR_EL2::VM>(1));
            cpu.isb();
        }
    }
    ~TargetContext() {
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
    TargetContext(const TargetContext&) = delete;
    TargetContext& operator=(const TargetContext&) = delete;

private:
    // The stage 1 that the registers describe has nothing to do with the target: no walk of it may fill the TLBs. With
    // both table walks disabled (TCR_EL1.EPD0, EPD1) and stage 1 on (SCTLR_EL1.M), there is no walk of stage 2 either.
    void stop_walks() {
        tcr_ = cpu_.read<arch::TCR_EL12>();
        sctlr_ = cpu_.read<arch::SCTLR_EL12>();
        cpu_.write(arch::TCR_EL12::of(tcr_.raw | u64{1} << 7 | u64{1} << 23));
        cpu_.write(arch::SCTLR_EL12::of(sctlr_.raw | 1));
    }

    arch::Cpu& cpu_;
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

// `op` is a broadcast TLBI of stage 1.
void execute_stage1(arch::Cpu& cpu, arch::Tlbi op, u64 operand) {
    using enum arch::Tlbi;
    switch (op) {
    case VAE1IS: return cpu.tlbi<VAE1IS>(operand);
    case ASIDE1IS: return cpu.tlbi<ASIDE1IS>(operand);
    case VAAE1IS: return cpu.tlbi<VAAE1IS>(operand);
    case VALE1IS: return cpu.tlbi<VALE1IS>(operand);
    case VAALE1IS: return cpu.tlbi<VAALE1IS>(operand);
    case RVAE1IS: return cpu.tlbi<RVAE1IS>(operand);
    case RVAAE1IS: return cpu.tlbi<RVAAE1IS>(operand);
    case RVALE1IS: return cpu.tlbi<RVALE1IS>(operand);
    case RVAALE1IS: return cpu.tlbi<RVAALE1IS>(operand);
    default: NEST_BUG_ON(op != VMALLE1IS); return cpu.tlbi<VMALLE1IS>(0);
    }
}

}  // namespace

void drop_stage1_here(arch::Cpu& cpu) {
    cpu.isb();  // the TLBI sees VTTBR_EL2 and HCR_EL2 as they were written last
    cpu.tlbi<arch::Tlbi::VMALLE1>();
    cpu.dsb<arch::Barrier::NSH>();
    cpu.isb();
}

void Invalidator::invalidate(const Invalidation& what) {
    // The changed descriptors reach the walkers before TLBs are cleared and before the VMID is read (vmid.hpp).
    cpu_.dsb<arch::Barrier::ISHST>();
    TargetContext context(cpu_, target_);
    if (by_address(what)) {
        // Stage 2's entries go first, and the DSB waits for that. Otherwise: the combined entries are dropped on CPU B, a walk
        // of B's guest makes a new combined entry from an old stage-2 one, then that one is dropped, and the new entry stays.
        cpu_.dsb<arch::Barrier::ISH>();
        // Combined entries are tagged by VA, which nobody knows here: all entries of the VMID go.
        cpu_.tlbi<arch::Tlbi::VMALLE1IS>();
    } else {
        cpu_.tlbi<arch::Tlbi::VMALLS12E1IS>();
    }
    finish_broadcast(cpu_);
}

void Invalidator::invalidate_local(u64 ipa, unsigned level) {
    cpu_.dsb<arch::Barrier::NSHST>();
    TargetContext context(cpu_, target_);
    cpu_.tlbi<arch::Tlbi::IPAS2E1>(operand(ipa, level));
    cpu_.dsb<arch::Barrier::NSH>();
    cpu_.tlbi<arch::Tlbi::VMALLE1>();
    cpu_.dsb<arch::Barrier::NSH>();
    cpu_.isb();
}

void Invalidator::stage1(arch::Tlbi op, u64 operand) {
    cpu_.dsb<arch::Barrier::ISHST>();
    TargetContext context(cpu_, target_);
    execute_stage1(cpu_, op, operand);
    finish_broadcast(cpu_);
}

// False: the range is better dropped as the whole VMID, and no TLBI was issued.
bool Invalidator::by_address(const Invalidation& what) {
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
        cpu_.tlbi<arch::Tlbi::IPAS2E1IS>(operand(what.start() + i * what.stride(), what.level()));
    return true;
}

// [DDI0487] C5.5.63: one instruction covers (NUM + 1) * 2^(5 * SCALE + 1) pages. `pages` is written in that number system,
// highest digit first; an odd page at the end gets a TLBI of its own. No level hint: tables may have gone.
void Invalidator::ranges(u64 start, u64 pages) {
    constexpr u64 kTg4K = u64{1} << 46;
    for (int scale = 3; scale >= 0; scale--) {
        unsigned unit = 5u * static_cast<unsigned>(scale) + 1;
        u64 count = pages >> unit & 31;
        if (!count)
            continue;
        cpu_.tlbi<arch::Tlbi::RIPAS2E1IS>(kTg4K | static_cast<u64>(scale) << 44 | (count - 1) << 39 |
                                                   start >> arch::kPageShift);
        start += count << unit << arch::kPageShift;
    }
    if (pages & 1)
        cpu_.tlbi<arch::Tlbi::IPAS2E1IS>(operand(start, kAnyLevel));
}

// [DDI0487] C5.5.9: IPA[51:12] and, with FEAT_TTL, granule (01: 4 KiB) and level.
u64 Invalidator::operand(u64 ipa, unsigned level) const {
    u64 ttl = host_.ttl && level != kAnyLevel ? 0b0100 | level : 0;
    return ttl << 44 | ipa >> arch::kPageShift;
}

}  // namespace nest::stage2
