// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/world_traps.hpp>

namespace nest::nested {

using arch::MDCR_EL2;

void WorldTraps::make(const TrapSources& s, const Config& config, const vncr::RegisterFile& file, vhe::Vel2Form form) {
    ours_ = &s.ours;
    e2h_ = form.e2h;
    ras_ = s.features.ras;
    hpmn_ = s.host.mdcr.get<MDCR_EL2::HPMN>();
    writable_ = kMdcr | kHstr;
    if (s.features.hcrx)
        writable_ |= kHcrx;
    if (s.features.fgt)
        writable_ |= kHfgrtr | kHfgwtr | kHfgitr | kHdfgrtr | kHdfgwtr | (s.features.amu ? kHafgrtr : 0);
    vel2_ = vel2_traps(s.ours, form, s.debug, s.features.fgt);
    vel2_.mdcr = vel2_.mdcr.with<MDCR_EL2::HPMN>(hpmn_);
    make_l2(config, file);
}

void WorldTraps::make_l2(const Config& config, const vncr::RegisterFile& file) {
    l1_ = L1Controls::of(file);
    l2_ = l2_traps(*ours_, config, file, e2h_);
    l2_own_ = l2_.hcr;
    l2_.mdcr = l2_.mdcr.with<MDCR_EL2::HPMN>(hpmn_);
    l2_forwards_fp_ = l1_traps_fp(masked_cptr_of(config, file, e2h_));
    unsigned differing = 0;
    const auto note = [&](unsigned bit, u64 a, u64 b) { differing |= a != b ? bit : 0; };
    note(kMdcr, vel2_.mdcr.raw, l2_.mdcr.raw);
    note(kHstr, vel2_.hstr.raw, l2_.hstr.raw);
    note(kHcrx, vel2_.hcrx.raw, l2_.hcrx.raw);
    note(kHfgrtr, vel2_.hfgrtr.raw, l2_.hfgrtr.raw);
    note(kHfgwtr, vel2_.hfgwtr.raw, l2_.hfgwtr.raw);
    note(kHfgitr, vel2_.hfgitr.raw, l2_.hfgitr.raw);
    note(kHdfgrtr, vel2_.hdfgrtr.raw, l2_.hdfgrtr.raw);
    note(kHdfgwtr, vel2_.hdfgwtr.raw, l2_.hdfgwtr.raw);
    note(kHafgrtr, vel2_.hafgrtr.raw, l2_.hafgrtr.raw);
    differing_ = static_cast<u16>(differing & writable_);
}

}  // namespace nest::nested
