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

    // L2's set, and what it was made of.
    struct Made {
        vhe::TrapConfig traps{};
        arch::HCR_EL2 own_hcr{};   // traps.hcr as it was made
        L1Controls l1{};
        u16 differing = 0;         // registers of this machine in which the set differs from vel2_
        vhe::FpOpen forwards_fp;
    };

    const vhe::TrapConfig& vel2() const { return vel2_; }
    const vhe::TrapConfig& l2() const { return l2_.traps; }
    // Does the machine have FEAT_RAS, and so VDISR_EL2 and VSESR_EL2? Whatever the VM shows.
    bool ras() const { return ras_; }
    // What L1 traps of L2's. SVE goes with FP/SIMD: while either traps, an access of ours to ZCR_EL1 may trap as well.
    vhe::FpOpen l2_forwards_fp() const { return l2_.forwards_fp; }

    // Where the set of L2 before the present one may be kept: a hypervisor without VHE has two guests at EL1 in turn, its own kernel
    // and L2. Not here, as the set is large, and what tier 0 uses often would lie farther apart.
    void keep_before_in(Made& place) { before_ = &place; }
    // Computes both sets: at each load of the vCPU, as another CPU's registers may differ, and when a source has changed. The
    // caller then writes all registers of the present world's set.
    void make(const TrapSources& s, const Config& config, const vncr::RegisterFile& file, vhe::Vel2Form form);
    // Makes L2's set the one for L1's registers, if L1 has written one of those behind it since.
    void refresh_l2_traps(const Config& config, const vncr::RegisterFile& file) {
        if (L1Controls::of(file).differ(l2_.l1)) [[unlikely]]
            change_l2(config, file);
    }
    // Do L2's accesses to EL2's registers go to a page of L1's, or trap? Holds until refresh_l2_traps() or make() computes.
    void l2_redirects(bool on) {
        using H = arch::HCR_EL2;
        constexpr u64 kEl1Names = H::mask<H::TVM, H::TRVM>();
        H& hcr = l2_.traps.hcr;
        hcr = hcr.with<H::NV2>(on);
        // By NV1 the EL1 names are memory as well, and have to trap without NV2 (vel2_traps() says by which controls).
        if (hcr.get<H::NV1>())
            hcr.raw = (hcr.raw & ~kEl1Names) | (on ? l2_.own_hcr.raw & kEl1Names : kEl1Names);
    }
    // L2 has taken the virtual SError that L1 had left pending, and the caller clears VSE in L1's HCR_EL2, too.
    void l2_serror_taken() {
        using VSE = arch::HCR_EL2::VSE;
        l2_.traps.hcr = l2_.traps.hcr.with<VSE>(0);
        // L1 may leave another one pending before its registers are compared again.
        l2_.own_hcr = l2_.own_hcr.with<VSE>(0);
        l2_.l1.hcr &= ~VSE::kMask;
    }

    // Writes the registers of `next`, l2() or vel2(), while hardware holds the other set. Not HCR_EL2 and CPTR_EL2.
    NEST_TIER0 void exchange(arch::Cpu& cpu, const vhe::TrapConfig& next) const {
        const unsigned differing = l2_.differing;
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

    Made made_for(const Config& config, const vncr::RegisterFile& file) const;
    void change_l2(const Config& config, const vncr::RegisterFile& file);

    vhe::TrapConfig vel2_{};
    Made l2_{};
    Made* before_ = nullptr;  // keep_before_in()
    u16 writable_ = 0;        // registers that this machine has
    bool ras_ = false;
    bool e2h_ = true;         // L1's choice: how CPTR_EL2 is to be read
    u64 hpmn_ = 0;            // MDCR_EL2.HPMN of this CPU's host
    const vhe::TrapConfig* ours_ = nullptr;
};

}  // namespace nest::nested
