// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/firmware/smccc_filter.hpp>
#include <base/partition_point.hpp>
#include <utility>

namespace nest::kvm {
namespace {

constexpr u32 kReserved[][2] = {{0x8000'0000, 0x8000'ffff}, {0xc000'0000, 0xc000'ffff}};

}  // namespace

size_t SmcccFilter::position(u32 fid) const {
    return partition_point(count_, [&](size_t i) { return ranges_[i].last < fid; });
}

FilterAction SmcccFilter::search(u32 fid) const {
    const size_t at = position(fid);
    return at < count_ && ranges_[at].first <= fid ? ranges_[at].action : FilterAction::kHandle;
}

Status SmcccFilter::insert(const SmcccFilterArgument& argument, bool has_run) {
    for (u8 byte : argument.pad)
        if (byte)
            return Errno::kInval;
    const u32 first = argument.base;
    const u32 last = first + argument.nr_functions - 1;
    if (argument.nr_functions == 0 || last < first || argument.action > static_cast<u8>(FilterAction::kForward))
        return Errno::kInval;
    if (has_run)
        return Errno::kBusy;
    for (const auto& r : kReserved)
        if (first <= r[1] && r[0] <= last)
            return Errno::kExist;
    const size_t at = position(first);
    if (at < count_ && ranges_[at].first <= last)
        return Errno::kExist;

    if (count_ == ranges_.size()) {
        Buffer<Range> larger(count_ ? 2 * count_ : 16);
        if (!larger)
            return Errno::kNoMem;
        for (size_t i = 0; i < count_; i++)
            larger[i] = ranges_[i];
        ranges_ = std::move(larger);
    }
    for (size_t i = count_; i > at; i--)
        ranges_[i] = ranges_[i - 1];
    ranges_[at] = {first, last, static_cast<FilterAction>(argument.action)};
    count_++;
    return kOk;
}

}  // namespace nest::kvm
