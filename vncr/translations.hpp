// SPDX-License-Identifier: GPL-2.0-only
// What L1's own VNCR_EL2 translates to, for an L1 whose guest is a hypervisor: a small TLB for each vCPU, as an L1 changes
// between several such guests. Whoever may change a translation drops it: L1's TLBI, MMU notifiers, memory slots.
//
// Locking: the VM's mmu lock to enter and to drop. The vCPU's own thread looks without it: only it writes what names an
// entry, and of one that others drop it sees either the page or none. Who drops must then wait until this vCPU has been
// out of tier 0 and the guest once (kvm/vm/nested_vncr.hpp).
#pragma once
#include <base/atomic.hpp>
#include <base/types.hpp>

namespace nest::vncr {

inline constexpr u64 kPageBytes = 4096;

// Which page L1 means at this moment.
struct PageName {
    u64 va = 0;  // VNCR_EL2
    u16 asid = 0;
    bool mmu_off = false;     // SCTLR_EL2.M is clear: VA is PA
    bool big_endian = false;  // SCTLR_EL2.EE
};

struct Page {
    u8* bytes = nullptr;  // in the linear map; nullptr: not known
    bool writable = false;
    bool big_endian = false;

    explicit operator bool() const { return bytes != nullptr; }
    // May hardware access it for L2? It does so with the host's permissions and byte order.
    bool direct() const { return bytes && writable && !big_endian; }
};

struct Translation {
    PageName name;
    bool global = true;
    bool writable = false;
    u8 shift = 12;  // log2 of L1's leaf: what a TLBI by address compares
    u64 gfn = 0;

    // The first VA of the leaf, and the last.
    u64 first() const { return name.va & ~(span() - 1); }
    u64 last() const { return name.va | (span() - 1); }

private:
    u64 span() const { return u64{1} << shift; }
};

class Translations {
public:
    static constexpr unsigned kCount = 4;

    Page find(const PageName& wanted) const {
        for (const Entry& e : entries_) {
            u8* const bytes = e.bytes.load_acquire();
            if (bytes && names(e.what, wanted))
                return {bytes, e.what.writable, wanted.big_endian};
        }
        return {};
    }
    Page enter(const Translation& t, u8* bytes) {
        Entry* slot = nullptr;
        for (Entry& e : entries_)
            if (e.bytes.load_relaxed() && names(e.what, t.name))
                slot = &e;
        if (!slot)
            slot = &entries_[next_++ % kCount];
        slot->bytes.store_relaxed(nullptr);
        slot->what = t;
        slot->bytes.store_release(bytes);
        return {bytes, t.writable, t.name.big_endian};
    }
    // `matches` is asked of each entry.
    template <typename Fn>
    bool any(Fn matches) const {
        for (const Entry& e : entries_)
            if (e.bytes.load_relaxed() && matches(e.what))
                return true;
        return false;
    }
    // How many went.
    template <typename Fn>
    unsigned drop(Fn matches) {
        unsigned dropped = 0;
        for (Entry& e : entries_)
            if (e.bytes.load_relaxed() && matches(e.what)) {
                e.bytes.store_release(nullptr);
                dropped++;
            }
        return dropped;
    }

private:
    struct Entry {
        Translation what;
        Atomic<u8*> bytes;
    };
    static bool names(const Translation& t, const PageName& wanted) {
        return t.name.va == wanted.va && t.name.mmu_off == wanted.mmu_off && t.name.big_endian == wanted.big_endian &&
               (t.global || t.name.asid == wanted.asid);
    }

    Entry entries_[kCount];
    unsigned next_ = 0;
};

}  // namespace nest::vncr
