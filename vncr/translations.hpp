// SPDX-License-Identifier: GPL-2.0-only
// What L1's own VNCR_EL2 translates to, for an L1 whose guest is a hypervisor: a small TLB for each vCPU, as an L1 changes
// between several such guests. Whoever may change a translation drops it: L1's TLBI, MMU notifiers, memory slots.
//
// Locking: the VM's mmu lock for enter(), any() and drop(). The vCPU's own thread calls find() without the lock: no other
// thread writes Entry::what, and others change Entry::bytes only to nullptr. So this race is left: the vCPU finds the page
// and gives its address to hardware, CPU B (an MMU notifier, a TLBI on another vCPU) drops the entry, the page is freed, and
// L2 still writes there. Who drops therefore waits until every CPU has taken an interrupt: by then the vCPU has been out of
// tier 0 and the guest, and meets the request to look anew (kvm/vm/nested_vncr.hpp).
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
    // May hardware access the page for L2, as NV2 does? The access is one of the host's: its permissions and byte order.
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

    // The vCPU's own thread, without the lock. The page may be used as long as interrupts stay off.
    Page find(const PageName& wanted) const {
        for (const Entry& e : entries_) {
            u8* const bytes = e.bytes.load_acquire();
            if (bytes && names(e.what, wanted))
                return {bytes, e.what.writable, wanted.big_endian};
        }
        return {};
    }
    // The vCPU's own thread. `bytes`: the page's address in the linear map.
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
    // Does matches(const Translation&) say yes of some entry?
    template <typename Fn>
    bool any(Fn matches) const {
        for (const Entry& e : entries_)
            if (e.bytes.load_relaxed() && matches(e.what))
                return true;
        return false;
    }
    // Drops the entries of which matches(const Translation&) says yes. How many went.
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
