// SPDX-License-Identifier: GPL-2.0-only
// A VM with nested translation over fake memory: L1's RAM (real memory, so that its tables can be walked), a range of
// frames without content for large blocks, a canonical stage 2, a ShadowMmu, and a second walker to check them with.
#pragma once
#include <functional>
#include <nested/mmu/mmu_impl.hpp>
#include <random>
#include <tests/unit/nested/mmu/watched_memory.hpp>
#include <tests/unit/stage2/fake_table_memory.hpp>

namespace nest::test {

using arch::Ipa;
using arch::L2Ipa;
using arch::Pa;
using nested::L2Fault;
using nested::FaultOutcome;
using nested::Resolution;

class World {
public:
    using Canonical = stage2::Stage2<Ipa>;
    using Shadow = nested::Shadow<WatchedMemory>;
    // What kvm/ wraps its canonical tables in.
    struct View {
        const Canonical& tables;
        stage2::Leaf walk(Ipa ipa) const { return tables.walk_locked(ipa); }
        Ipa limit() const { return tables.limit(); }
        bool in_linear_map(const stage2::Leaf& leaf) const { return leaf.attributes.type == stage2::MemoryType::Normal; }
    };
    using Mmu = nested::ShadowMmu<View, WatchedMemory>;

    static constexpr u64 kRamBase = 0x4000'0000, kRamBytes = 0x40'0000;
    static constexpr u64 kBigBase = 0x8000'0000, kBigBytes = 0x1'8000'0000;  // 6 GiB
    static constexpr u64 kBigPa = u64{1} << 40;

    explicit World(size_t rmap_pages = 64, unsigned vcpus = 4, bool fwb = true) {
        host.fwb = fwb;
        cpu.log_cleaning = false;  // gigabytes
        ram = static_cast<u8*>(nest_port_pages_alloc(10, false));
        check(vmids.init(16, 4).ok(), "vmids");
        check(canonical.init(40, host).ok(), "canonical");
        check(mmu.init(vcpus, WatchedMemory::kIpaBits, host, rmap_pages).ok(), "mmu");
        Guard guard(lock);
        mmu.pool().set_vcpus(vcpus);
    }
    ~World() {
        WatchedMemory::thread_is_destroying = true;
        mmu.destroy();
        WatchedMemory::thread_is_destroying = false;
        canonical.destroy();
        cache.drain();
        nest_port_pages_free(ram, 10);
    }

    static void check(bool ok, const char* what) {
        if (ok)
            return;
        std::fprintf(stderr, "nested world: %s\n", what);
        std::abort();
    }

    // ---- L1's memory and tables
    u64* word(Ipa at) {
        check(at.raw >= kRamBase && at.raw + 8 <= kRamBase + kRamBytes, "L1 RAM");
        return reinterpret_cast<u64*>(ram + (at.raw - kRamBase));
    }
    bool is_ram(u64 ipa) const { return ipa >= kRamBase && ipa < kRamBase + kRamBytes; }
    bool is_big(u64 ipa) const { return ipa >= kBigBase && ipa < kBigBase + kBigBytes; }
    Pa backing(u64 ipa) const {
        return is_ram(ipa) ? Pa(nest_port_va_to_pa(ram + (ipa - kRamBase))) : Pa(kBigPa + (ipa - kBigBase));
    }

    // ---- the VMM's side: what kvm/'s fault handler does. False: no memory there.
    bool fault_in(Ipa ipa, bool write, unsigned shift = 12, bool read_only = false) {
        const u64 page = ipa.raw & ~u64{4095};
        if (!is_ram(page) && !is_big(page))
            return false;
        if (is_ram(page))
            shift = 12;  // RAM's physical address is only page-aligned relative to its IPA
        check(canonical.top_up(cache).ok(), "memory");
        const u64 mask = (u64{1} << shift) - 1;
        stage2::Attributes a{stage2::kProtRwx};
        a.prot.w = write && !read_only;
        Guard guard(lock);
        const stage2::Leaf old = canonical.walk(Ipa(page));
        if (old.valid) {
            // As install() of kvm/ does: never less than before.
            a.prot.w |= old.attributes.prot.w;
            if (old.level <= stage2::level_of_shift(shift))
                return canonical.relax(Ipa(page), a.prot).ok();
        } else {
            // Blocks only where nothing else is.
            bool empty = true;
            for (Ipa at(page & ~mask); at.raw < (page | mask);)
                at = canonical.for_each_leaf(at, Ipa((page | mask) + 1), [&](Ipa, const stage2::Leaf&) { empty = false; });
            if (!empty)
                return canonical.map(cache, Ipa(page), backing(page), 12, a).ok();
        }
        return canonical.map(cache, Ipa(page & ~mask), Pa(backing(page).raw & ~mask), shift, a).ok();
    }
    void canonical_unmap(u64 start, u64 end, nested::Cause cause = nested::Cause::kNotifier) {
        Guard guard(lock);
        // A block at the edge goes as a whole, and so do the frames that it mapped.
        if (auto l = canonical.walk(Ipa(start)); l.valid)
            start &= ~(l.span() - 1);
        if (auto l = canonical.walk(Ipa(end - 1)); l.valid)
            end = (end + l.span() - 1) & ~(l.span() - 1);
        auto debt = canonical.unmap(Ipa(start), Ipa(end));
        while (debt.resume().raw < end)
            debt.absorb(canonical.unmap(debt.resume(), Ipa(end)));
        canonical.complete(std::move(debt));
        mmu.unmap_gfns(start >> 12, end >> 12, cause);
        drop_untracked();
    }
    void canonical_write_protect(u64 start, u64 end) {
        Guard guard(lock);
        if (auto l = canonical.walk(Ipa(start)); l.valid)
            start &= ~(l.span() - 1);
        if (auto l = canonical.walk(Ipa(end - 1)); l.valid)
            end = (end + l.span() - 1) & ~(l.span() - 1);
        for (Ipa at(start); at.raw < end;) {
            auto debt = canonical.write_protect(at, Ipa(end));
            at = debt.resume();
            canonical.complete(std::move(debt));
        }
        mmu.write_protect_gfns(start >> 12, end >> 12);
        drop_untracked();
    }
    void drop_untracked() {
        for (Mmu::Untracked progress; !mmu.drop_untracked(progress);)
            ;
    }

    // ---- L2's access, driven to its end. The last resolution; `no_memory` where nothing answers.
    Resolution access(Shadow& shadow, const nested::Stage2Regime* regime, const L2Fault& fault, unsigned block_shift = 12) {
        for (unsigned tries = 0;; tries++) {
            check(tries < 40, "no progress");
            Resolution r;
            {
                Guard guard(lock);
                r = mmu.resolve(shadow, regime, fault, cache);
            }
            check(!shadow.owes(), "a debt is left");
            if (r.outcome == FaultOutcome::kNeedTables) {
                check(Mmu::top_up(shadow, cache).ok(), "memory");
                continue;
            }
            if (r.outcome != FaultOutcome::kFaultIn || !fault_in(r.canonical, r.write, block_shift))
                return r;
        }
    }
    Shadow& get(const nested::ShadowKey& key) {
        auto s = mmu.pool().get(key);
        check(s.ok(), "pool");
        return *s.value();
    }

    arch::Cpu cpu;
    stage2::HostFeatures host{.parange = 5, .haf = true, .vmid16 = true, .xnx = true, .fwb = true, .ttl = true};
    stage2::VmidAllocator vmids{cpu};
    SpinLock lock{NEST_LOCK_MMU};
    Canonical canonical{cpu, vmids};
    View view{canonical};
    Mmu mmu{cpu, vmids, lock, view};
    stage2::TableCache cache;
    u8* ram = nullptr;
};

// What hardware finds in a shadow: [DDI0487] D8.2, from the registers.
inline HardwareResult shadow_walk(World::Shadow& s, u64 l2ipa) {
    return hardware_walk(s.tables.vttbr(0).raw, s.tables.vtcr().raw, l2ipa);
}

}  // namespace nest::test
