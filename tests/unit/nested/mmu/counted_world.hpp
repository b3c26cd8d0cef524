// SPDX-License-Identifier: GPL-2.0-only
// A guest of any size under shadows whose every access to a table entry is counted. For tests of what an operation
// touches, and for the micro-benchmarks: nothing here is logged, so that a million leaves fit.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nested/mmu/mmu_impl.hpp>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::test {

// Shadow tables whose entries are counted as they are touched.
class CountedMemory : public stage2::KernelPolicy<arch::L2Ipa> {
    using Base = stage2::KernelPolicy<arch::L2Ipa>;

public:
    static inline u64 loads = 0, stores = 0;  // of all shadows since forget()

    using Base::Base;
    u64 load(const u64* slot) const {
        loads++;
        return Base::load(slot);
    }
    void store(u64* slot, u64 value) {
        stores++;
        Base::store(slot, value);
    }
    bool compare_exchange(u64* slot, u64 expected, u64 desired) {
        stores++;
        return Base::compare_exchange(slot, expected, desired);
    }
};

// L1 has `bytes` of memory from kBase on, and maps all of it to its guests at L2 address 0, in leaves of 2^leaf_shift.
class CountedWorld {
public:
    using Canonical = stage2::Stage2<arch::Ipa>;
    using Shadow = nested::Shadow<CountedMemory>;
    struct View {
        const Canonical& tables;
        stage2::Leaf walk(arch::Ipa ipa) const { return tables.walk(ipa); }
        arch::Ipa limit() const { return tables.limit(); }
        static bool in_linear_map(const stage2::Leaf&) { return true; }
    };
    using Mmu = nested::ShadowMmu<View, CountedMemory>;

    static constexpr u64 kTables = 0x4000'0000;   // L1's stage-2 tables: real memory
    static constexpr unsigned kTablesOrder = 12;  // 16 MiB: enough for 7 GiB in pages
    static constexpr u64 kBase = u64{1} << 32;
    static constexpr u64 kPa = u64{1} << 40;
    static constexpr u64 kPage = 4096, kBlock = 2 << 20;
    static constexpr unsigned kVcpus = 16;  // 64 shadows

    CountedWorld(u64 bytes, unsigned leaf_shift, unsigned live) : bytes_(bytes), leaf_shift_(leaf_shift) {
        cpu.record = arch::Cpu::Record::kCounts;
        check(vmids.init(16, 4).ok(), "vmids");
        check(canonical.init(40, host).ok(), "canonical");
        check(mmu.init(kVcpus, 40, host).ok(), "mmu");
        ram_ = static_cast<u8*>(nest_port_pages_alloc(kTablesOrder, false));
        check(ram_, "memory");
        std::memset(ram_, 0, kPage << kTablesOrder);
        for (u64 at = 0; at < kPage << kTablesOrder; at += kPage)
            map_canonical(kTables + at, nest_port_va_to_pa(ram_ + at), 12);
        for (u64 at = 0; at < bytes; at += kBlock)
            map_canonical(kBase + at, kPa + at, 21);
        make_l1_tables();
        {
            Guard guard(lock);
            mmu.pool().set_vcpus(kVcpus);
        }
        for (unsigned i = 0; i < live; i++)
            add_shadow();
    }
    ~CountedWorld() {
        mmu.destroy();
        canonical.destroy();
        cache.drain();
        nest_port_pages_free(ram_, kTablesOrder);
    }
    CountedWorld(const CountedWorld&) = delete;
    CountedWorld& operator=(const CountedWorld&) = delete;

    static void check(bool ok, const char* what) {
        if (ok)
            return;
        std::fprintf(stderr, "counted world: %s\n", what);
        std::abort();
    }
    // One more guest of L1, with the same tables and a VMID of its own.
    Shadow& add_shadow() {
        const auto s = mmu.pool().get({kTables, vtcr.raw, static_cast<u16>(shadows.size() + 1), true});
        check(s.ok(), "pool");
        shadows.push_back(s.value());
        return *s.value();
    }
    void forget() { CountedMemory::loads = CountedMemory::stores = cpu.tlbis = 0; }
    u64 leaf_bytes() const { return u64{1} << leaf_shift_; }
    // L2 touches this address; one leaf comes.
    nested::FaultOutcome touch(Shadow& s, u64 l2) {
        for (;;) {
            {
                Guard guard(lock);
                nested::L2Fault f;
                f.ipa = arch::L2Ipa(l2);
                const auto r = mmu.resolve(s, &regime, f, cache);
                if (r.outcome != nested::FaultOutcome::kNeedTables)
                    return r.outcome;
            }
            check(Mmu::top_up(s, cache).ok(), "memory");
        }
    }
    // [start, start + bytes) of L1's memory, in every shadow.
    void fill(u64 start, u64 bytes) {
        for (Shadow* s : shadows)
            for (u64 at = start; at < start + bytes; at += leaf_bytes())
                check(touch(*s, at) == nested::FaultOutcome::kResolved, "fill");
    }
    void fill() { fill(0, bytes_); }
    // An MMU notifier for that part of L1's memory, as far as shadows go.
    void unmap(u64 start, u64 bytes) {
        Guard guard(lock);
        mmu.unmap_gfns((kBase + start) / kPage, (kBase + start + bytes) / kPage, nested::Cause::kNotifier);
    }

    arch::Cpu cpu;
    stage2::HostFeatures host{.parange = 5, .haf = true, .vmid16 = true, .xnx = true, .fwb = true, .ttl = true};
    stage2::VmidAllocator vmids{cpu};
    SpinLock lock{NEST_LOCK_MMU};
    Canonical canonical{cpu, vmids};
    View view{canonical};
    Mmu mmu{cpu, vmids, lock, view};
    stage2::TableCache cache;
    nested::Stage2Regime regime;
    arch::VTCR_EL2 vtcr;
    std::vector<Shadow*> shadows;

private:
    void map_canonical(u64 ipa, u64 pa, unsigned shift) {
        check(canonical.top_up(cache).ok(), "memory");
        Guard guard(lock);
        check(canonical.map(cache, arch::Ipa(ipa), arch::Pa(pa), shift, {stage2::kProtRwx}).ok(), "map");
    }
    // [DDI0487] D8.3: 4 KiB granule, 39 bits, walks begin at level 1.
    void make_l1_tables() {
        using V = arch::VTCR_EL2;
        vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(25).with<V::PS>(5);
        nested::MmuFeatures f;
        f.pa_bits = 48;
        f.stage2_granules = 1;
        regime = nested::stage2_regime(arch::VTTBR_EL2::of(kTables), vtcr, false, false, f);
        u64 next = kTables + kPage;
        for (u64 at = 0; at < bytes_; at += leaf_bytes()) {
            u64 table = kTables;
            unsigned shift = 30;
            for (; shift > leaf_shift_; shift -= 9) {
                u64& entry = word(table + (at >> shift & 511) * 8);
                if (!entry) {
                    entry = next | 3;
                    next += kPage;
                    check(next <= kTables + (kPage << kTablesOrder), "L1's tables");
                }
                table = entry & 0xffff'ffff'f000;
            }
            word(table + (at >> shift & 511) * 8) =
                (kBase + at) | 1 << 10 | 3 << 8 | 3 << 6 | 15 << 2 | (shift == 12 ? 3 : 1);
        }
    }
    u64& word(u64 ipa) { return *reinterpret_cast<u64*>(ram_ + (ipa - kTables)); }
    u64 bytes_;
    unsigned leaf_shift_;
    u8* ram_ = nullptr;
};

}  // namespace nest::test
