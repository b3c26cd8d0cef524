// SPDX-License-Identifier: GPL-2.0-only
// Random life of two L1 contexts and their L2s, driven by bytes: L1 edits its tables by the architecture's rules and
// invalidates, the VMM takes memory away, L2 touches addresses. After each step every shadow leaf is compared with a
// second walker of L1's tables and the canonical stage 2, and break-before-make is checked.
#pragma once
#include <tests/unit/nested/mmu/world.hpp>

namespace nest::test {

class ShadowOps {
public:
    using Next = std::function<unsigned()>;  // the next byte

    // `rmap_pages`: with very few, shadows become untracked.
    ShadowOps(Next next, size_t rmap_pages, bool fwb = true)
        : next_(std::move(next)), world_(rmap_pages, 4, fwb) {
        constexpr u8 granules[] = {12, 14, 16};
        for (unsigned i = 0; i < 2; i++) {
            Context& c = contexts_[i];
            c.granule = granules[next_() % 3];
            c.sets_af = next_() & 1;
            c.vmid = static_cast<u16>(7 + (next_() & 1 ? i : 0));  // sometimes both use one VMID
            c.root = World::kRamBase + 0x10'0000 * i;
            c.next_table = c.root + 0x1'0000;
            using V = arch::VTCR_EL2;
            const unsigned tg = c.granule == 12 ? 0 : c.granule == 14 ? 2 : 1;
            c.vtcr = V::of(arch::kVtcrRes1).with<V::TG0>(tg).with<V::SL0>(1).with<V::T0SZ>(32).with<V::PS>(5).with<V::HA>(c.sets_af);
            nested::MmuFeatures f;
            f.pa_bits = 48;
            f.stage2_granules = 7;
            f.xnx = f.ttl = f.access_flag = true;
            const auto vttbr = arch::VTTBR_EL2::of(c.root);
            c.regime = nested::stage2_regime(vttbr, c.vtcr, false, false, f);
            World::check(c.regime.fsc == nested::Stage2Regime::kNoFault, "regime");
            c.shadow = &world_.get({c.root, c.vtcr.raw, c.vmid, true});
        }
        vm_.ttl = true;
    }
    void step() {
        switch (next_() % 12) {
        case 0: case 1: case 2: edit(context()); break;
        case 3: case 4: case 5: case 6: case 7: access(context()); break;
        case 8: take_away(); break;
        case 9: protect(); break;
        case 10: age(); break;
        case 11: flush(context()); break;
        }
        check();
    }
    World& world() { return world_; }

private:
    struct Context {
        unsigned granule = 12;
        bool sets_af = false;
        u16 vmid = 0;
        u64 root = 0, next_table = 0;
        arch::VTCR_EL2 vtcr;
        nested::Stage2Regime regime;
        World::Shadow* shadow = nullptr;
        unsigned start_level() const { return granule == 12 ? 1 : 2; }
        unsigned shift(unsigned level) const { return granule + (3 - level) * (granule - 3); }
    };
    // The second walker's answer.
    struct Reference {
        bool mapped = false;
        unsigned fsc = 0, level = 0, shift = 0;
        u64 out = 0, descriptor = 0;
        unsigned type() const { return descriptor >> 2 & 15; }
        bool is_device() const { return type() < 4; }
        bool allows(bool write, bool exec, bool el0) const {
            const unsigned xn = descriptor >> 53 & 3;
            if (exec)
                return !is_device() && (xn == 0 || xn == (el0 ? 1 : 3));
            return descriptor >> (write ? 7 : 6) & 1;
        }
        bool allows(const L2Fault& f) const {
            if (f.on_walk && ((f.no_device_walk && is_device()) || !allows(false, false, false)))
                return false;
            return allows(f.write, f.exec, f.el0);
        }
    };

    Context& context() { return contexts_[next_() & 1]; }
    // Few places, so that leaves of all sizes meet.
    u64 l2_address() {
        static constexpr u16 kPages[] = {0, 1, 3, 4, 15, 16, 17, 255, 511};
        return u64{next_() % 2u} << 30 | u64{next_() % 3u} << 21 | u64{kPages[next_() % 9]} << 12 | 0x123;
    }
    u64 output() {
        const unsigned b = next_();
        if (b % 16 == 0)
            return 0x1000'0000;  // no memory there
        if (b % 3 == 0)
            return World::kRamBase + 0x20'0000 + (u64{next_() % 32u} << 16);
        return World::kBigBase + (u64{next_() % 3u} << 30) + (u64{next_() % 2u} << 21) + (u64{next_() % 4u} << 16);
    }
    u64 attributes() {
        static constexpr u64 kTypes[] = {15, 15, 15, 15, 5, 1, 10, 15};
        const unsigned b = next_();
        return (b & 1 ? u64{3} << 6 : u64{b & 6} << 5) | kTypes[b >> 3 & 7] << 2 | u64{next_() % 5 == 0 ? next_() & 3 : 0u} << 53 |
               (next_() % 6 ? u64{1} << 10 : 0);
    }
    u64 read(u64 at) { return *world_.word(Ipa(at)); }
    void write(u64 at, u64 value) { *world_.word(Ipa(at)) = value; }

    // Where the entry of `level` for this address is; tables on the way are made. 0: a leaf is in the way, or no room.
    u64 entry(Context& c, u64 ipa, unsigned level) {
        u64 table = c.root;
        for (unsigned l = c.start_level();; l++) {
            const u64 mask = l == c.start_level() ? ~u64{0} : (u64{1} << (c.granule - 3)) - 1;
            const u64 at = table + 8 * (ipa >> c.shift(l) & mask);
            if (l == level)
                return at;
            u64 d = read(at);
            if (!(d & 1)) {
                if (c.next_table + (u64{1} << c.granule) > c.root + 0x10'0000)
                    return 0;
                d = c.next_table | 3;
                c.next_table += u64{1} << c.granule;
                write(at, d);
            }
            if (!(d & 2))
                return 0;
            table = d & 0xffff'ffff'ffff & ~((u64{1} << c.granule) - 1);
        }
    }
    void edit(Context& c) {
        const u64 ipa = l2_address();
        unsigned level = 1 + next_() % 3;
        level = level < (c.granule == 12 ? 1u : 2u) ? 2 : level;
        const u64 at = entry(c, ipa, level);
        if (!at)
            return;
        const u64 old = read(at);
        if (old & 1) {
            write(at, 0);
            const bool was_table = level < 3 && (old & 2);
            invalidate(c, ipa, c.shift(level), level, was_table);
        }
        if (next_() % 4 == 0)
            return;
        const u64 out = output() & ~((u64{1} << c.shift(level)) - 1);
        write(at, out | attributes() | (level == 3 ? 3 : 1));
    }
    // As a correct L1 does after a change of the entry at `ipa`.
    void invalidate(Context& c, u64 ipa, unsigned shift, unsigned level, bool whole_subtree) {
        nested::TlbiOp op{};
        op.regime = nested::Regime::kEl10;
        const unsigned how = next_() % 6;
        const u64 leaf = ipa & ~((u64{1} << shift) - 1), granule = u64{1} << c.granule;
        if (how == 0) {
            op.scope = nested::TlbiScope::kVmid;
        } else if (how == 1) {
            op.scope = nested::TlbiScope::kAllVmids;
        } else if (how == 2 || whole_subtree) {
            op.scope = nested::TlbiScope::kIpa;
            op.start = leaf;
            op.size = u64{1} << shift;
        } else if (how == 5) {
            // Some granules of it are as good as all, and so is a range that only ends or begins in it.
            op.scope = nested::TlbiScope::kIpa;
            op.start = leaf + ((u64{next_()} << 12) & ((u64{1} << shift) - 1) & ~(granule - 1));
            op.size = (next_() % 4 + 1) * granule;
            if (const u64 before = next_() % 4 * granule; before <= leaf) {
                op.start -= op.start == leaf ? before : 0;
                op.size += op.start < leaf ? before : 0;
            }
        } else {
            op.scope = nested::TlbiScope::kIpa;
            // Any page of the leaf names it.
            op.start = (ipa & ~((u64{1} << shift) - 1)) | ((u64{next_()} << 12) & ((u64{1} << shift) - 1) & ~((u64{1} << c.granule) - 1));
            if (how == 3) {
                op.granule_bits = static_cast<u8>(c.granule);
                op.level = static_cast<u8>(level);
            }
        }
        execute(c, op);
    }
    void execute(Context& c, const nested::TlbiOp& op) {
        const nested::ShadowTlbi t = nested::shadow_tlbi(op, 0, c.vmid, false, vm_);
        World::Mmu::Cursor cursor;
        for (unsigned tries = 0;; tries++) {
            World::check(tries < 4000, "TLBI makes no progress");
            Guard guard(world_.lock);
            if (world_.mmu.invalidate(t, cursor, 600))
                return;
        }
    }
    void flush(Context& c) {
        nested::TlbiOp op{};
        op.scope = nested::TlbiScope::kVmid;
        execute(c, op);
        World::check(leaves(*c.shadow) == 0, "VMALLS12E1 left something");
    }

    Reference reference(const Context& c, u64 ipa) {
        Reference r;
        u64 table = c.root;
        for (r.level = c.start_level();; r.level++) {
            r.shift = c.shift(r.level);
            const u64 mask = r.level == c.start_level() ? ~u64{0} : (u64{1} << (c.granule - 3)) - 1;
            const u64 d = read(table + 8 * (ipa >> r.shift & mask));
            r.fsc = 4 + r.level;
            if (!(d & 1) || (r.level == 3 && !(d & 2)))
                return r;
            if (r.level < 3 && (d & 2)) {
                table = d & 0xffff'ffff'ffff & ~((u64{1} << c.granule) - 1);
                continue;
            }
            r.fsc = 8 + r.level;
            if (!(d & 1 << 10) && !c.sets_af)
                return r;
            r.mapped = true;
            r.descriptor = d;
            r.out = (d & 0xffff'ffff'ffff & ~((u64{1} << r.shift) - 1)) | (ipa & ((u64{1} << r.shift) - 1));
            return r;
        }
    }
    void access(Context& c) {
        L2Fault f;
        f.ipa = L2Ipa(l2_address());
        const unsigned kind = next_() % 6;
        f.write = kind == 1 || kind == 5;
        f.exec = kind == 2;
        f.on_walk = kind >= 4;
        f.no_device_walk = next_() & 2;
        f.el0 = next_() & 1;
        constexpr u8 shifts[] = {12, 21, 30, 30};
        const unsigned wanted = shifts[next_() & 3], most = world_.canonical.max_block_shift();
        const unsigned block = wanted < most ? wanted : most;
        const Resolution r = world_.access(*c.shadow, &c.regime, f, block);
        const Reference ref = reference(c, f.ipa.raw);
        if (!ref.mapped) {
            World::check(r.outcome == FaultOutcome::kForward && r.fsc == ref.fsc, "L1's fault is not forwarded as such");
        } else if (!ref.allows(f)) {
            World::check(r.outcome == FaultOutcome::kForward && r.fsc == 12 + ref.level, "L1's permission fault");
        } else if (!world_.is_ram(ref.out) && !world_.is_big(ref.out)) {
            World::check(r.outcome == FaultOutcome::kFaultIn && r.canonical.raw == ref.out && !r.of_table, "no memory there");
        } else {
            World::check(r.outcome == FaultOutcome::kResolved, "not resolved");
            const HardwareResult hw = shadow_walk(*c.shadow, f.ipa.raw);
            World::check(hw.translated && hw.pa == world_.backing(ref.out).raw, "the leaf leads elsewhere");
            const unsigned xn = hw.descriptor >> 53 & 3;
            // Hardware's HCR_EL2.PTW is set.
            World::check(!f.on_walk || (hw.descriptor >> 2 & 15) > 3, "the walk faults again");
            World::check(f.exec ? xn == 0 || xn == (f.el0 ? 1u : 3u) : (hw.descriptor >> (f.write ? 7 : 6) & 1) != 0,
                         "the leaf does not allow what faulted");
        }
    }

    void take_away() {
        u64 start = output() & ~u64{4095};
        const u64 bytes = next_() % 3 == 0 ? u64{next_() + 1u} << 21 : u64{next_() % 40u + 1} << 12;
        if (start < World::kRamBase)
            start = World::kRamBase;
        world_.canonical_unmap(start, start + bytes);
        for (Context& c : contexts_)
            for_each_leaf(*c.shadow, [&](L2Ipa base, const stage2::Leaf& l) {
                for (u64 at = base.raw; at < base.raw + l.span(); at += l.span() / 4 < 4096 ? 4096 : l.span() / 4) {
                    const Reference ref = reference(c, at);
                    World::check(!ref.mapped || ref.out < start || ref.out >= start + bytes, "memory that is gone is still mapped");
                }
            });
    }
    void protect() {
        const u64 start = World::kBigBase + (u64{next_() % 3u} << 30) + (u64{next_() % 40u} << 12);
        world_.canonical_write_protect(start, start + (u64{next_() % 64u + 1} << 12));
    }
    void age() {
        Guard guard(world_.lock);
        const u64 first = World::kBigBase >> 12, last = first + (World::kBigBytes >> 12);
        (void)world_.mmu.age_gfns(first, last, true);
        World::check(!world_.mmu.age_gfns(first, last, false), "young after ageing");
    }

    template <typename Fn>
    void for_each_leaf(World::Shadow& s, Fn fn) {
        for (L2Ipa at{}; at < s.tables.limit();)
            at = s.tables.for_each_leaf(at, s.tables.limit(), fn, ~0u);
    }
    size_t leaves(World::Shadow& s) {
        size_t n = 0;
        for_each_leaf(s, [&](L2Ipa, const stage2::Leaf&) { n++; });
        return n;
    }
    void check() {
        size_t all = 0;
        bool tracked = true;
        for (Context& c : contexts_) {
            auto& checker = c.shadow->tables.policy().checker;
            checker.settled();
            for (const std::string& v : checker.violations)
                World::check(false, v.c_str());
            tracked &= !c.shadow->untracked();
            if (&c == &contexts_[1] && c.shadow == contexts_[0].shadow)
                continue;
            for_each_leaf(*c.shadow, [&](L2Ipa base, const stage2::Leaf& l) {
                all++;
                for (u64 offset : {u64{0}, l.span() / 2 & ~u64{4095}, l.span() - 4096})
                    check_page(c, base.raw + offset, l.pa.raw + offset, l.attributes);
            });
        }
        World::check(!tracked || all == world_.mmu.rmap().count(), "the reverse map has lost or invented a leaf");
    }
    // A shadow leaf allows no more than L1 and the canonical stage 2 do together, and leads where they lead.
    void check_page(const Context& c, u64 l2, u64 pa, const stage2::Attributes& a) {
        const Reference ref = reference(c, l2);
        World::check(ref.mapped, "L1 does not map this");
        const stage2::Leaf below = world_.canonical.walk(Ipa(ref.out));
        World::check(below.valid && below.pa.raw == pa, "the canonical stage 2 does not map this");
        World::check(!a.prot.r || (ref.allows(false, false, false) && below.attributes.prot.r), "read");
        World::check(!a.prot.w || (ref.allows(true, false, false) && below.attributes.prot.w), "write");
        using stage2::ExecAt;
        if (a.prot.x) {
            World::check(below.attributes.prot.x, "execute");
            World::check(a.prot.x_at == ExecAt::El1Only || ref.allows(false, true, true), "execute at EL0");
            World::check(a.prot.x_at == ExecAt::El0Only || ref.allows(false, true, false), "execute at EL1");
        }
        check_type(ref, a);
    }
    // All that is mapped is memory. Uncached it may be reached only where the canonical stage 2 has cleaned it.
    void check_type(const Reference& ref, const stage2::Attributes& a) {
        using enum stage2::MemoryType;
        World::check(!ref.is_device() || !a.prot.x, "execution from what L1 calls a device");
        if (world_.host.fwb)
            World::check(a.type == Normal, "L2 sees what caches have not written back");
        else if (ref.is_device())
            World::check(a.type != Normal, "L1 says Device");  // Non-cacheable once L2 has tables there
        else
            World::check((a.type == NormalNC) == (ref.type() != 15 && !a.prot.x), "L1's cacheability");
    }

    Next next_;
    World world_;
    Context contexts_[2];
    nested::MmuFeatures vm_;
};

}  // namespace nest::test
