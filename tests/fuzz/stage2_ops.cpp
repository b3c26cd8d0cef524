// SPDX-License-Identifier: GPL-2.0-only
// Random operations on a stage-2 table against a map of intervals. After each: hardware's walk and ours agree with the
// model, break-before-make held at every store, nothing stale is left in TLBs; at the end nothing leaked.
#include <cstdlib>
#include <tests/unit/stage2/fake_table_memory.hpp>

namespace {
using namespace nest;
using namespace nest::stage2;
using arch::Ipa;
using arch::Pa;

// What the guest should see: start -> {end, output, attributes}; neighbours are not merged.
class Model {
public:
    struct Part {
        u64 end, pa;
        Attributes attributes;
    };
    std::map<u64, Part> parts;

    void cut(u64 at) {
        auto it = parts.upper_bound(at);
        if (it == parts.begin())
            return;
        --it;
        if (it->first == at || it->second.end <= at)
            return;
        Part rest = it->second;
        rest.pa += at - it->first;
        it->second.end = at;
        parts[at] = rest;
    }
    void erase(u64 start, u64 end) {
        cut(start);
        cut(end);
        parts.erase(parts.lower_bound(start), parts.lower_bound(end));
    }
    void assign(u64 start, u64 end, u64 pa, Attributes a) {
        erase(start, end);
        parts[start] = {end, pa, a};
    }
    template <typename Fn>
    void modify(u64 start, u64 end, Fn fn) {
        cut(start);
        cut(end);
        for (auto it = parts.lower_bound(start); it != parts.end() && it->first < end; ++it)
            fn(it->second.attributes);
    }
    const Part* find(u64 at, u64* offset) const {
        auto it = parts.upper_bound(at);
        if (it == parts.begin() || (--it)->second.end <= at)
            return nullptr;
        *offset = at - it->first;
        return &it->second;
    }
};

void require(bool ok, const char* what) {
    if (ok)
        return;
    std::fprintf(stderr, "stage2_ops: %s\n", what);
    std::abort();
}

// The fuzzer's bytes, and when they are used up a sequence that they seed, so that short inputs go deep as well.
class Input {
public:
    Input(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}
    unsigned byte() {
        unsigned b = data_ == end_ ? static_cast<unsigned>(state_ >> 33 & 255) : *data_++;
        state_ = (state_ ^ b) * 0x5851'f42d'4c95'7f2d + 0x1405'7b7e'f767'814f;
        return b;
    }

private:
    u64 state_ = 1;
    const uint8_t* data_;
    const uint8_t* end_;
};

class Run {
public:
    using Memory = test::FakeTableMemory<true>;
    Run(Input& in) : in_(in), table_(memory_) {
        constexpr u8 sizes[] = {32, 34, 36, 40, 44, 48};
        Geometry g = geometry_for(sizes[in.byte() % sizeof(sizes)], 5);
        format_ = {(in.byte() & 1) != 0, (in.byte() & 1) != 0};
        require(table_.init(g, format_).ok(), "init");
        memory_.checker.set_root(static_cast<u64*>(memory_.va(table_.root())), g);
        vtcr_ = vtcr_for(g, {.parange = 5}).raw;
        limit_ = g.ipa_limit();
    }
    ~Run() {
        memory_.destroying = true;
        table_.destroy();
        require(memory_.tables_alive == 0 && test::port().live_runs == 0, "a table leaked");
    }

    void step() {
        memory_.history.clear();
        memory_.tables_left = 4 + in_.byte() % 8;
        switch (in_.byte() % 10) {
        case 0: case 1: case 2: map(); break;
        case 3: unmap(); break;
        case 4: write_protect(); break;
        case 5: relax(); break;
        case 6: split(); break;
        case 7: age(); break;
        case 8: table_.free_retired(table_.take_retired()); break;
        case 9: hardware_touches(); break;
        }
        check();
    }
    void check_leaves() {
        size_t seen = 0;
        for (Ipa at{}; at < table_.limit();)
            at = table_.for_each_leaf(at, table_.limit(), [&](Ipa base, const Leaf& l) {
                auto found = memory_.leaves.find(base.raw);
                require(found != memory_.leaves.end() && found->second.first == l.level, "a leaf was not reported");
                seen++;
            });
        require(seen == memory_.leaves.size(), "a leaf is reported that is not there");
    }

private:
    // Few places, so that operations meet: pages at the ends and in the middle of blocks of a few gigabytes.
    u64 address() {
        static constexpr u16 kPages[] = {0, 1, 2, 255, 256, 510, 511};
        u64 a = u64{in_.byte() % 3u} << 30 | u64{in_.byte() % 3u} << 21 | u64{kPages[in_.byte() % 7]} << 12;
        return in_.byte() % 8 == 0 ? limit_ - (u64{4} << 30) + a : a;
    }
    Attributes attributes() {
        Attributes a;
        unsigned b = in_.byte();
        a.prot = {(b & 1) != 0, (b & 2) != 0, (b & 4) != 0};
        a.type = (b & 24) == 24 ? MemoryType::Device_nGnRE : (b & 24) == 16 ? MemoryType::NormalNC : MemoryType::Normal;
        a.software = static_cast<u8>(b >> 5 & 3);
        if (a.type != MemoryType::Normal)
            a.prot.x = false;
        return a;
    }
    // Whole leaves: what touches a leaf touches all of it.
    void widen(u64& start, u64& end) {
        if (Leaf l = table_.walk(Ipa(start)); l.valid)
            start &= ~(l.span() - 1);
        if (Leaf l = table_.walk(Ipa(end - 1)); l.valid)
            end = (end + l.span() - 1) & ~(l.span() - 1);
    }
    void range(u64& start, u64& end) {
        start = address();
        end = address() + 4096;
        if (start >= end) {
            std::swap(start, end);
            end += 8192;
        }
        end = end < limit_ ? end : limit_;
    }

    void map() {
        constexpr u8 shifts[] = {12, 12, 21, 30};
        unsigned shift = shifts[in_.byte() % 4];
        u64 bytes = u64{1} << shift;
        u64 ipa = address() & ~(bytes - 1);
        // Mostly the block's own neighbourhood, so that the same memory is mapped in all sizes.
        u64 pa = (u64{in_.byte() % 2u + 1} << 36) + ipa % (u64{1} << 34);
        Attributes a = attributes();
        Status s = table_.map(Ipa(ipa), Pa(pa), shift, a);
        if (s.ok())
            model_.assign(ipa, ipa + bytes, pa, a);
        else if (level_of_shift(shift) < table_.geometry().start_level)
            require(s.error() == Errno::kInval, "a block that this geometry has not");
        else
            require(false, "map with enough tables failed");
        // The same with too few tables: it may get stuck half-way, visible to nobody.
        if (in_.byte() % 4 == 0) {
            memory_.tables_left = in_.byte() % 2;
            u64 other = address();
            Status t = table_.map(Ipa(other), Pa(u64{3} << 36), 12, a);
            require(t.ok() || t.error() == Errno::kAgain, "map without tables");
            if (t.ok())
                model_.assign(other, other + 4096, u64{3} << 36, a);
        }
    }
    void unmap() {
        u64 start, end;
        range(start, end);
        u64 wide_start = start, wide_end = end;
        widen(wide_start, wide_end);
        unsigned budget = 1 + in_.byte() * 8;
        bool together = in_.byte() & 1;
        while (start < end) {
            auto debt = table_.unmap(Ipa(start), Ipa(end), budget);
            for (unsigned more = 0; together && more < 3 && debt.resume().raw < end; more++)
                debt.absorb(table_.unmap(debt.resume(), Ipa(end), budget));
            require(debt.resume().raw > start, "unmap makes no progress");
            start = debt.resume().raw;
            std::move(debt).complete(memory_);
            memory_.checker.settled();
        }
        model_.erase(wide_start, wide_end);
    }
    void write_protect() {
        u64 start, end;
        range(start, end);
        u64 wide_start = start, wide_end = end;
        widen(wide_start, wide_end);
        while (start < end) {
            auto debt = table_.write_protect(Ipa(start), Ipa(end), 600);
            start = debt.resume().raw;
            std::move(debt).complete(memory_);
        }
        model_.modify(wide_start, wide_end, [](Attributes& a) { a.prot.w = false; });
    }
    void relax() {
        u64 at = address(), offset, start = at, end = at + 4096;
        Prot add{(in_.byte() & 1) != 0, (in_.byte() & 1) != 0, (in_.byte() & 1) != 0};
        widen(start, end);
        const Model::Part* part = model_.find(at, &offset);
        Status s = table_.relax(Ipa(at), add);
        if (!part) {
            require(s.error() == Errno::kNoEnt, "relax of nothing");
        } else if (add.x && part->attributes.type != MemoryType::Normal) {
            require(s.error() == Errno::kInval, "execution from a device");
        } else {
            require(s.ok(), "relax");
            model_.modify(start, end, [&](Attributes& a) {
                a.prot = {a.prot.r || add.r, a.prot.w || add.w, a.prot.x || add.x};
            });
        }
    }
    void split() {
        u64 start, end;
        range(start, end);
        auto p = table_.split(Ipa(start), Ipa(end), 1 + in_.byte() * 4);
        require(p.next.raw >= start && p.next.raw <= end, "split went astray");
        if (!p.needs_tables && p.next.raw == end)
            if (Leaf l = table_.walk(Ipa(start)); l.valid)
                require(l.level == 3, "split left a block");
    }
    void age() {
        u64 start, end;
        range(start, end);
        while (start < end)
            start = table_.age(Ipa(start), Ipa(end), true).next.raw;
    }
    // An access flag appears.
    void hardware_touches() {
        u64 at = address();
        memory_.before_exchange = [](u64* slot) { *slot |= *slot & 1 ? 1 << 10 : 0; };
        (void)table_.make_young(Ipa(at));
        u64 start = at & ~(u64{0x1fffff}), end = start + 0x200000, wide_start = start, wide_end = end;
        widen(wide_start, wide_end);
        while (start < end) {
            auto debt = table_.write_protect(Ipa(start), Ipa(end));
            start = debt.resume().raw;
            std::move(debt).complete(memory_);
        }
        memory_.before_exchange = nullptr;
        model_.modify(wide_start, wide_end, [](Attributes& a) { a.prot.w = false; });
    }

    void probe(u64 at) {
        if (at >= limit_)
            return;
        u64 offset = 0;
        const Model::Part* part = model_.find(at, &offset);
        Leaf leaf = table_.walk(Ipa(at));
        test::HardwareResult hw = test::hardware_walk(table_.root().raw, vtcr_, at);
        require(leaf.valid == (part != nullptr), "walk: mapped or not");
        require(hw.translated == leaf.valid, "the two walkers disagree");
        if (!part)
            return;
        require(leaf.pa.raw == part->pa + offset && hw.pa == leaf.pa.raw, "another output");
        require(leaf.attributes == part->attributes, "other attributes");
    }
    void check() {
        memory_.checker.settled();
        for (const std::string& v : memory_.checker.violations)
            require(false, v.c_str());
        for (const auto& [start, part] : model_.parts) {
            probe(start);
            probe(part.end - 1);
            probe(part.end);
            if (start)
                probe(start - 1);
        }
        probe(address());
    }

    Input& in_;
    Memory memory_;
    Table<Memory> table_;
    PteFormat format_;
    Model model_;
    u64 vtcr_ = 0, limit_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input in(data, size);
    Run run(in);
    for (unsigned steps = 8 + in.byte() % 24; steps; steps--)
        run.step();
    run.check_leaves();
    return 0;
}
