// SPDX-License-Identifier: GPL-2.0-only
// Watches every write to a translation table and every TLBI, and says when the architecture's rules are broken.
//
// It keeps what the worst TLB could hold: each descriptor that was reachable and valid at any time since an
// invalidation that covered it. Since it judges at each event, every prefix of the history is judged.
// Rules ([DDI0487] D8.16.1):
// * a descriptor that becomes valid may not contradict anything that may still be cached for its addresses;
// * a table page may not be freed, nor get valid content, while a walk cache may still point to it;
// * when an operation is over (settled()), nothing cached allows more than the tables do.
#pragma once
#include <cstdio>
#include <map>
#include <set>
#include <stage2/invalidation.hpp>
#include <string>
#include <utility>
#include <vector>

namespace nest::test {

class BbmChecker {
public:
    std::vector<std::string> violations;

    void set_root(u64* root, const stage2::Geometry& g) {
        for (unsigned i = 0; i < 1u << g.root_order; i++)
            pages_[reinterpret_cast<u64>(root) + i * 4096] = {g.start_level, i * (512 * span(g.start_level)), true};
    }
    void on_alloc(void* page) { pages_[reinterpret_cast<u64>(page)] = {0, 0, false}; }
    void on_free(void* page) {
        u64 va = reinterpret_cast<u64>(page);
        if (pages_.at(va).linked)
            fail("a table is freed that is still linked", va);
        if (walkable(va))
            fail("a table is freed that walk caches may point to", va);
        pages_.erase(va);
    }
    void forget_all() {
        pages_.clear();
        for (auto& level : cached_)
            level.clear();
        pointers_.clear();
    }

    // Call after the memory has changed.
    void on_store(u64* slot, u64 old, u64 now) {
        u64 va = reinterpret_cast<u64>(slot);
        auto found = pages_.find(va & ~u64{4095});
        if (found == pages_.end())
            return fail("a store outside of all tables", va);
        Page page = found->second;
        if (!page.linked) {
            if ((now & 1) && now != old && walkable(found->first))
                fail("a detached table gets valid content while walk caches may point to it", va);
            return;
        }
        u64 base = page.base + (va % 4096 / 8) * span(page.level);
        if (is_table(old, page.level) && (old ^ now) & kOutput)
            unlink(child_va(old), page.level + 1);
        if (is_table(old, page.level) && !is_table(now, page.level))
            unlink(child_va(old), page.level + 1);
        become_reachable(base, page.level, now);
    }

    // level 0: leaves and tables of any level; else only leaves of that level.
    void on_invalidate(u64 start, u64 end, unsigned level, bool everything) {
        start = everything ? 0 : start;
        end = everything ? ~u64{0} : end;
        for (unsigned l = 0; l <= 3; l++)
            for (auto it = cached_[l].lower_bound(start & ~(span(l) - 1)); it != cached_[l].end() && it->first < end;) {
                std::erase_if(it->second, [&](u64 v) {
                    bool goes = everything || level == 0 || (level == l && !is_table(v, l));
                    if (goes && is_table(v, l))
                        pointers_.erase(pointers_.find(child_va(v)));
                    return goes;
                });
                it = it->second.empty() ? cached_[l].erase(it) : std::next(it);
            }
        for (auto& [va, page] : pages_)  // what is in the tables now may be fetched again at once
            if (page.linked && page.base < end && page.base + 512 * span(page.level) > start)
                refetch(va, page, start, end);
    }

    // The operation is over and its lock about to be dropped.
    void settled() {
        std::map<u64, u64> tables[4];  // base -> address
        for (auto& [va, page] : pages_)
            if (page.linked)
                tables[page.level][page.base] = va;
        for (unsigned l = 0; l <= 3; l++)
            for (auto& [base, values] : cached_[l]) {
                auto table = tables[l].find(base & ~(512 * span(l) - 1));
                u64 now = table == tables[l].end() ? 0 : word(table->second, base / span(l) % 512);
                for (u64 v : values) {
                    if (!(now & 1) || is_table(v, l) != is_table(now, l) || ((v ^ now) & ~kLive))
                        fail("a stale translation is left in TLBs", base);
                    else if (!is_table(v, l) && (rights(v) & ~rights(now)))
                        fail("TLBs allow more than the tables", base);
                }
            }
    }

private:
    struct Page {
        unsigned level;
        u64 base;
        bool linked;
    };
    static constexpr u64 kOutput = 0x0000'ffff'ffff'f000;
    // Bits that may change on a live leaf: software 58:55, XN 54:53, AF 10, S2AP 7:6.
    static constexpr u64 kLive = 0x0780'0000'0000'0000 | 0x0060'0000'0000'0000 | 0x400 | 0xc0;

    static u64 span(unsigned level) { return u64{1} << (39 - 9 * level); }
    static bool is_table(u64 v, unsigned level) { return (v & 3) == 3 && level < 3; }
    static u64 child_va(u64 v) { return (v & kOutput) ^ (u64{1} << 47); }
    static u64 word(u64 va, u64 i) { return reinterpret_cast<const u64*>(va)[i]; }
    static u64 rights(u64 v) {
        u64 xn = v >> 53 & 3;
        return (v >> 6 & 3) | u64{xn == 0 || xn == 1} << 2 | u64{xn == 0 || xn == 3} << 3;
    }
    bool walkable(u64 page_va) const { return pointers_.count(page_va) != 0; }
    void fail(const char* what, u64 where) {
        char text[160];
        std::snprintf(text, sizeof(text), "%s: %#llx", what, static_cast<unsigned long long>(where));
        if (violations.size() < 20)
            violations.push_back(text);
    }

    void unlink(u64 va, unsigned level) {
        auto found = pages_.find(va);
        if (found == pages_.end() || !found->second.linked)
            return;
        found->second.linked = false;
        for (unsigned i = 0; i < 512 && level < 3; i++)
            if (is_table(word(va, i), level))
                unlink(child_va(word(va, i)), level + 1);
    }

    void become_reachable(u64 base, unsigned level, u64 v) {
        if (!(v & 1))
            return;
        conflicts(base, level, v);
        cache(base, level, v);
        if (!is_table(v, level))
            return;
        u64 va = child_va(v);
        auto found = pages_.find(va);
        if (found == pages_.end())
            return fail("a table entry points to what is no table", base);
        if (found->second.linked && (found->second.base != base || found->second.level != level + 1))
            fail("a table is linked twice", base);
        found->second = {level + 1, base, true};
        for (unsigned i = 0; i < 512; i++)
            become_reachable(base + i * span(level + 1), level + 1, word(va, i));
    }

    void cache(u64 base, unsigned level, u64 v) {
        auto& values = cached_[level][base];
        for (u64 c : values)
            if (c == v)
                return;
        values.push_back(v);
        if (is_table(v, level))
            pointers_.insert(child_va(v));
    }

    void conflicts(u64 base, unsigned level, u64 v) {
        for (unsigned l = 0; l < level; l++)  // above: only tables
            if (auto it = cached_[l].find(base & ~(span(l) - 1)); it != cached_[l].end())
                for (u64 c : it->second)
                    if (!is_table(c, l))
                        fail("a larger block may still be cached", base);
        if (auto it = cached_[level].find(base); it != cached_[level].end())
            for (u64 c : it->second)
                if (is_table(c, level) != is_table(v, level) || ((c ^ v) & (is_table(v, level) ? ~u64{0} : ~kLive)))
                    fail("changed from valid to valid without break", base);
        for (unsigned l = level + 1; l <= 3 && !is_table(v, level); l++) {  // below a block: nothing
            auto it = cached_[l].lower_bound(base);
            if (it != cached_[l].end() && it->first < base + span(level))
                fail("smaller entries may still be cached", base);
        }
    }

    void refetch(u64 va, const Page& page, u64 start, u64 end) {
        u64 first = start > page.base ? (start - page.base) / span(page.level) : 0;
        for (u64 i = first; i < 512 && page.base + i * span(page.level) < end; i++)
            if (u64 v = word(va, i); v & 1)
                cache(page.base + i * span(page.level), page.level, v);
    }

    std::map<u64, Page> pages_;                  // by address
    std::map<u64, std::vector<u64>> cached_[4];  // by level: base -> descriptors
    std::multiset<u64> pointers_;                // table pages that cached descriptors name
};

}  // namespace nest::test
