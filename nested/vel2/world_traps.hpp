// SPDX-License-Identifier: GPL-2.0-only
// The trap controls of a vCPU's two worlds, kept from one change of world to the next: a change then writes the registers
// in which the two differ, and computes nothing. Both sets are made of L1's registers, whose writes go to the VNCR page
// without an exit and which are compared word by word, and of sources that only the slow path changes, which calls make().
//
// Context: the vCPU's own thread, preemption off while its registers are in hardware.
#pragma once
#include <base/tier0.hpp>
#include <nested/vel2/trap_merge.hpp>
#include <vhe/host_context.hpp>
#include <vhe/world_switch.hpp>

namespace nest::nested {

// Everything that the two are made of, apart from L1's registers.
struct TrapSources {
    const vhe::TrapConfig& ours;  // the flat guest's (kvm/sysreg/trap_config.hpp); must stay where it is
    const vhe::SwitchFeatures& features;
    const vhe::HostContext& host;
    DebugTraps debug = DebugTraps::kNone;
};

class WorldTraps {
public:
    const vhe::TrapConfig& vel2() const { return vel2_; }
    const vhe::TrapConfig& l2() const { return l2_; }
    // Does the machine have FEAT_RAS, and so VDISR_EL2 and VSESR_EL2? Whatever the VM shows.
    bool ras() const { return ras_; }
    // Does L1 trap L2's FP/SIMD?
    bool l2_forwards_fp() const { return l2_forwards_fp_; }

    // Computes both sets: at each load of the vCPU, as another CPU's registers may differ, and when a source has changed. The
    // caller then writes all registers of the present world's set.
    void make(const TrapSources& s, const Config& config, const vncr::RegisterFile& file, vhe::Vel2Form form);
    // Computes L2's set, if L1 has written one of the registers behind it since.
    void refresh_l2_traps(const Config& config, const vncr::RegisterFile& file) {
        if (L1Controls::of(file).differ(l1_)) [[unlikely]]
            make_l2(config, file);
    }
    // Do L2's accesses to EL2's registers go to a page of L1's, or trap? Holds until refresh_l2_traps() or make() computes.
    void l2_redirects(bool on) {
        using H = arch::HCR_EL2;
        constexpr u64 kEl1Names = H::mask<H::TVM, H::TRVM>();
        l2_.hcr = l2_.hcr.with<H::NV2>(on);
        // By NV1 the EL1 names are memory as well, and have to trap without NV2 (vel2_traps() says by which controls).
        if (l2_.hcr.get<H::NV1>())
            l2_.hcr.raw = (l2_.hcr.raw & ~kEl1Names) | (on ? l2_own_.raw & kEl1Names : kEl1Names);
    }
    // L2 has taken the virtual SError that L1 had left pending.
    void l2_serror_taken() { l2_.hcr = l2_.hcr.with<arch::HCR_EL2::VSE>(0); }

    // Writes the registers of `next`, l2() or vel2(), while hardware holds the other set. Not HCR_EL2 and CPTR_EL2.
    NEST_TIER0 void exchange(arch::Cpu& cpu, const vhe::TrapConfig& next) const {
        const unsigned differing = differing_;
        const auto give = [&](unsigned bit, auto value) __attribute__((always_inline)) {
            if (differing & bit)
                cpu.write(value);
        };
        give(kMdcr, next.mdcr);
        give(kHdfgrtr, next.hdfgrtr);
        give(kHdfgwtr, next.hdfgwtr);
        if (!(differing & ~(kMdcr | kHdfgrtr | kHdfgwtr))) [[likely]]
            return;
        give(kHstr, next.hstr);
        give(kHcrx, next.hcrx);
        give(kHfgrtr, next.hfgrtr);
        give(kHfgwtr, next.hfgwtr);
        give(kHfgitr, next.hfgitr);
        give(kHafgrtr, next.hafgrtr);
    }

private:
    enum : u16 {
        kMdcr = 1, kHdfgrtr = 2, kHdfgwtr = 4, kHstr = 8, kHcrx = 16, kHfgrtr = 32, kHfgwtr = 64, kHfgitr = 128, kHafgrtr = 256,
    };

    // As L1 wrote them. l2_traps() reads no other register of L1's.
    struct L1Controls {
        u64 hcr, hcrx, cptr, mdcr, hfgrtr, hfgwtr, hfgitr, hdfgrtr, hdfgwtr;

        static L1Controls of(const vncr::RegisterFile& f) {
            using namespace arch;
            return {f.get<HCR_EL2>().raw,    f.get<HCRX_EL2>().raw,   f.get<CPTR_EL2>().raw,
                    f.get<MDCR_EL2>().raw,   f.get<HFGRTR_EL2>().raw, f.get<HFGWTR_EL2>().raw,
                    f.get<HFGITR_EL2>().raw, f.get<HDFGRTR_EL2>().raw, f.get<HDFGWTR_EL2>().raw};
        }
        u64 differ(const L1Controls& o) const {
            return (hcr ^ o.hcr) | (hcrx ^ o.hcrx) | (cptr ^ o.cptr) | (mdcr ^ o.mdcr) | (hfgrtr ^ o.hfgrtr) |
                   (hfgwtr ^ o.hfgwtr) | (hfgitr ^ o.hfgitr) | (hdfgrtr ^ o.hdfgrtr) | (hdfgwtr ^ o.hdfgwtr);
        }
    };

    void make_l2(const Config& config, const vncr::RegisterFile& file);

    vhe::TrapConfig vel2_{}, l2_{};
    arch::HCR_EL2 l2_own_{};  // l2_.hcr as it was made
    L1Controls l1_{};
    u16 differing_ = 0;       // registers of this machine in which the two differ
    u16 writable_ = 0;        // those that this machine has
    bool l2_forwards_fp_ = false;
    bool ras_ = false;
    bool e2h_ = true;         // L1's choice: how CPTR_EL2 is to be read
    u64 hpmn_ = 0;            // MDCR_EL2.HPMN of this CPU's host
    const vhe::TrapConfig* ours_ = nullptr;
};

}  // namespace nest::nested
