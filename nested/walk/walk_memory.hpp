// SPDX-License-Identifier: GPL-2.0-only
// Where a software walk finds the descriptors of a guest's tables.
#pragma once
#include <arch/address.hpp>
#include <base/atomic.hpp>
#include <concepts>
#include <nested/walk/table_frames.hpp>
#include <port/port.h>
#include <stage2/pte.hpp>

namespace nest::nested {

enum class Access : u8 {
    kDone,
    kAbsent,   // the canonical stage 2 does not map the frame (for exchange(): writable); tier 1 has to fault it in
    kNone,     // no memory answers there: an external abort
    kChanged,  // exchange() found something else than expected
};
struct Word {
    Access access;
    u64 value = 0;
};

// Descriptors as they lie in memory: little-endian unless the regime says otherwise. `at` is 8-byte aligned and an L1 IPA.
template <typename M>
concept TableMemory = requires(M& m, arch::Ipa at, u64 word) {
    { m.read(at) } -> std::same_as<Word>;
    { m.exchange(at, word, word) } -> std::same_as<Access>;
};

// Through the canonical stage 2 and the linear map, without sleeping. Only with the mmu lock held: else the walk finds the
// page of a canonical leaf, an MMU notifier unmaps that leaf and the kernel gives the page away, and then exchange() writes
// to somebody else's memory. A writable leaf means that its frame is already marked dirty where writes are logged.
//
// `Canonical`: stage2::Leaf walk(Ipa) const, Ipa limit() const, and bool in_linear_map(const stage2::Leaf&) const.
template <typename Canonical>
class LinearMemory {
public:
    LinearMemory(const Canonical& canonical, TableFrames& frames) : canonical_(canonical), frames_(frames) {}

    Word read(arch::Ipa at) {
        u8* page = frames_.find(at.frame());
        if (!page) {
            u64* word;
            const Access access = find(at, false, word);
            if (access != Access::kDone)
                return {access};
            page = reinterpret_cast<u8*>(word) - at.raw % arch::kPageSize;
            frames_.enter(at.frame(), page);
        }
        return {Access::kDone, AtomicRef(*reinterpret_cast<u64*>(page + at.raw % arch::kPageSize)).load_acquire()};
    }
    Access exchange(arch::Ipa at, u64 expected, u64 desired) {
        u64* word;
        const Access access = find(at, true, word);
        if (access != Access::kDone)
            return access;
        return AtomicRef(*word).compare_exchange_acq_rel(expected, desired) ? Access::kDone : Access::kChanged;
    }

private:
    Access find(arch::Ipa at, bool write, u64*& word) {
        if (at >= canonical_.limit())
            return Access::kNone;
        const stage2::Leaf leaf = canonical_.walk(at);
        if (!leaf.valid || (write && !leaf.attributes.prot.w))
            return Access::kAbsent;
        if (!canonical_.in_linear_map(leaf))
            return Access::kNone;
        word = static_cast<u64*>(nest_port_pa_to_va(leaf.pa.raw));
        return Access::kDone;
    }

    const Canonical& canonical_;
    TableFrames& frames_;
};

}  // namespace nest::nested
