// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/world_traps.hpp>

#include <utility>

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
    l2_ = made_for(config, file);
    if (before_)
        *before_ = l2_;
}

WorldTraps::Made WorldTraps::made_for(const Config& config, const vncr::RegisterFile& file) const {
    Made made;
    made.l1 = L1Controls::of(file);
    vhe::TrapConfig& l2 = made.traps;
    l2 = l2_traps(*ours_, config, file, e2h_);
    made.own_hcr = l2.hcr;
    l2.mdcr = l2.mdcr.with<MDCR_EL2::HPMN>(hpmn_);
    const arch::CPTR_EL2 l1_cptr = masked_cptr_of(config, file, e2h_);
    using vhe::FpOpen;
    if (l1_traps_fp(l1_cptr))
        made.forwards_fp = {FpOpen::kFp | FpOpen::kSve};
    else if (l1_traps_sve(l1_cptr))
        made.forwards_fp = {FpOpen::kSve};
    unsigned differing = 0;
    const auto note = [&](unsigned bit, u64 a, u64 b) { differing |= a != b ? bit : 0; };
    note(kMdcr, vel2_.mdcr.raw, l2.mdcr.raw);
    note(kHstr, vel2_.hstr.raw, l2.hstr.raw);
    note(kHcrx, vel2_.hcrx.raw, l2.hcrx.raw);
    note(kHfgrtr, vel2_.hfgrtr.raw, l2.hfgrtr.raw);
    note(kHfgwtr, vel2_.hfgwtr.raw, l2.hfgwtr.raw);
    note(kHfgitr, vel2_.hfgitr.raw, l2.hfgitr.raw);
    note(kHdfgrtr, vel2_.hdfgrtr.raw, l2.hdfgrtr.raw);
    note(kHdfgwtr, vel2_.hdfgwtr.raw, l2.hdfgwtr.raw);
    note(kHafgrtr, vel2_.hafgrtr.raw, l2.hafgrtr.raw);
    made.differing = static_cast<u16>(differing & writable_);
    return made;
}

void WorldTraps::change_l2(const Config& config, const vncr::RegisterFile& file) {
    if (before_)
        std::swap(l2_, *before_);
    if (L1Controls::of(file).differ(l2_.l1))
        l2_ = made_for(config, file);
    else
        l2_.traps.hcr = l2_.own_hcr;  // without what l2_redirects() said of another page
}

}  // namespace nest::nested
