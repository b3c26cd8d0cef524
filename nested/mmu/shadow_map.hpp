// SPDX-License-Identifier: GPL-2.0-only
// A stage-2 fault of L2: whose it is, and what the leaf that resolves it looks like.
#pragma once
#include <nested/walk/walk_stage2.hpp>

namespace nest::nested {

// A stage-2 abort that came while a shadow was loaded, as hardware reports it.
struct L2Fault {
    arch::L2Ipa ipa{};
    bool exec = false;
    bool write = false;
    bool on_walk = false;          // of L2's stage-1 tables
    bool permission = false;
    bool el0 = false;              // where L2 was
    bool no_device_walk = false;   // HCR_EL2.PTW of L1: a stage-1 walk may not touch Device memory
};
// `hpfar` must be valid (vhe::capture_exit() sees to it).
L2Fault decode_l2_fault(u64 esr, u64 far, u64 hpfar, u64 pstate, bool protected_walks);

// What has to happen next for a fault of L2.
enum class FaultOutcome : u8 {
    kResolved,    // mapped: let L2 try again
    kForward,     // L1's to handle: abort to virtual EL2 with `fsc`, HPFAR_EL2 of the fault
    kFaultIn,     // the canonical stage 2 has to map `canonical` first, then try again
    kNeedTables,  // the vCPU's table cache is empty: top it up (ShadowMmu::top_up()) and try again; or only do that, after
                  // a look whether somebody wants the CPU or the lock
    kGaveUp,      // the mmu could not map what both sides allow: -EFAULT to the VMM
};

struct Resolution {
    FaultOutcome outcome = FaultOutcome::kResolved;
    // kForward; kFaultIn for a table of L1: what L1 gets when no memory is there (an external abort on its walk).
    u8 fsc = 0;
    // kFaultIn: an access to L1's IPA `canonical`. `of_table`: made by L1's own stage-2 walk, not by L2: where no memory
    // is (or read-only memory, for a write), forward `fsc`. Otherwise L2's access itself has to be emulated or refused.
    bool of_table = false;
    bool write = false, exec = false;
    bool permission = false;  // the canonical leaf exists, but allows less
    arch::Ipa canonical{};
};

// ESR_EL2 and HPFAR_EL2 for virtual EL2 of a forwarded fault: hardware's syndrome with L1's status code. A bus error on
// L1's own walk does not describe the instruction: ISV to AR (24:14) are zero then.
constexpr u64 forwarded_esr(u64 esr, u8 fsc) {
    const bool external = (fsc & ~3u) == arch::kFscExternalOnWalk;
    return (esr & ~(arch::AbortIss::FSC::kMask | (external ? u64{0x7ff} << 14 : 0))) | fsc;
}
constexpr u64 forwarded_hpfar(arch::L2Ipa ipa) { return arch::HPFAR_EL2{}.with<arch::HPFAR_EL2::FIPA>(ipa.frame()).raw; }

// The permission fault that L1's own leaf raises, or nothing.
constexpr bool l1_forbids(const Stage2Result& l1, const L2Fault& f) {
    const stage2::Prot& p = l1.attributes.prot;
    const bool device = l1.attributes.type == stage2::MemoryType::Device_nGnRE;
    if (f.on_walk && f.no_device_walk && device)
        return true;
    if (f.exec)  // a fetch from Device memory may be a permission fault, and compose() lets nothing execute from there
        return !p.x || p.x_at == (f.el0 ? stage2::ExecAt::El1Only : stage2::ExecAt::El0Only) || device;
    // A walk writes only what it has read.
    return f.write ? !p.w || (f.on_walk && !p.r) : !p.r;
}

// The leaf that stands for both translations. `fwb`: HCR_EL2.FWB while L2 runs.
//
// With FEAT_S2FWB the canonical stage 2 makes all accesses of L1's to memory Write-Back, and so nobody has cleaned that
// memory: DRAM may still hold what its last owner left there, and the kernel's zeroes lie in a cache. A leaf that took
// Non-cacheable or Device from L1 would show it to L2. So where memory lies behind, the leaf is Write-Back whatever L1 says.
// Without FEAT_S2FWB the canonical stage 2 cleans what it maps, as L1's stage 1 alone can make it Non-cacheable.
struct Composed {
    stage2::Attributes attributes;
    u8 shift = arch::kPageShift;
};
constexpr Composed compose(const Stage2Result& l1, const stage2::Leaf& canonical, u8 tag, bool fwb) {
    using stage2::MemoryType;
    const stage2::Attributes &a = l1.attributes, &b = canonical.attributes;
    Composed c;
    c.attributes.prot.r = a.prot.r && b.prot.r;
    c.attributes.prot.w = a.prot.w && b.prot.w;
    // The canonical leaf's execution permission knows no exception level. What L1 calls a device is not executed from.
    const bool x = a.prot.x && b.prot.x && a.type != MemoryType::Device_nGnRE;
    // The weaker type of both. But our tables have executable leaves for Write-Back memory only: a Non-cacheable leaf of L1's
    // with executable memory behind it becomes Write-Back.
    const bool forced = fwb && b.type == MemoryType::Normal;
    if (b.type == MemoryType::Device_nGnRE || (a.type == MemoryType::Device_nGnRE && !forced))
        c.attributes.type = MemoryType::Device_nGnRE;
    else if (!forced && (a.type == MemoryType::NormalNC || b.type == MemoryType::NormalNC) && !(x && b.type == MemoryType::Normal))
        c.attributes.type = MemoryType::NormalNC;
    c.attributes.prot.x = x && c.attributes.type == MemoryType::Normal;
    c.attributes.prot.x_at = c.attributes.prot.x ? a.prot.x_at : stage2::ExecAt::Both;
    c.attributes.software = tag;
    // The largest leaf that lies inside both.
    const unsigned l1_shift = l1.shift ? l1.shift : stage2::kMaxIpaBits;
    for (unsigned level = stage2::kLastLevel; level >= canonical.level && level >= stage2::kFirstBlockLevel; level--)
        if (stage2::shift_of_level(level) <= l1_shift)
            c.shift = static_cast<u8>(stage2::shift_of_level(level));
    return c;
}

}  // namespace nest::nested
