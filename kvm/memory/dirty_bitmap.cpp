// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/dirty_bitmap.hpp>
#include <port/port.h>
#include <utility>

namespace nest::kvm {

Status DirtyBitmap::allocate(u64 frames, unsigned page_shift, bool all_dirty) {
    const unsigned frames_shift = page_shift - arch::kPageShift;
    const u64 pages = frames >> frames_shift;
    size_t count = (pages + 63) / 64;
    Buffer<u64> words(count * 2);
    if (!words)
        return Errno::kNoMem;
    if (all_dirty)
        for (size_t i = 0; i < count; i++)
            words[i] = ~u64{0};
    // User space must never see a dirty page beyond the slot.
    if (all_dirty && pages % 64)
        words[count - 1] = bit(pages) - 1;
    words_ = std::move(words);
    word_count_ = count;
    frames_shift_ = frames_shift;
    return kOk;
}

Status DirtyBitmap::copy_out(u64 user) const {
    return nest_port_copy_to_user(user, words_.data(), bytes()) ? Status(Errno::kFault) : kOk;
}

Status DirtyBitmap::copy_out_taken(u64 user) const {
    if (!nest_port_copy_to_user(user, scratch(), bytes()))
        return kOk;
    for (size_t i = 0; i < word_count_; i++)
        AtomicRef(words_[i]).fetch_or_release(scratch()[i]);
    return Errno::kFault;
}

Status DirtyBitmap::copy_in(u64 user, size_t first, size_t words) {
    return nest_port_copy_from_user(scratch() + first, user, words * 8) ? Status(Errno::kFault) : kOk;
}

}  // namespace nest::kvm
