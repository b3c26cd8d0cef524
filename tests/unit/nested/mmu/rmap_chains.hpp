// SPDX-License-Identifier: GPL-2.0-only
// How many nodes of a reverse map an operation looks at: from the outside, by walking its chains.
#pragma once
#include <nested/mmu/rmap.hpp>
#include <tuple>

namespace nest::test {

// An explicit instantiation may name private members; this hands them out.
template <auto... Members>
struct RmapParts {
    static constexpr auto members() { return std::tuple(Members...); }
    friend constexpr auto parts_of_rmap() { return members(); }
};
constexpr auto parts_of_rmap();
template struct RmapParts<&nested::Rmap::groups_, &nested::Rmap::places_>;

class RmapChains {
public:
    struct Table {
        size_t buckets = 0, used = 0, elements = 0, longest = 0;
        double mean() const { return used ? static_cast<double>(elements) / static_cast<double>(used) : 0; }
    };
    explicit RmapChains(const nested::Rmap& rmap) : rmap_(rmap) {}

    Table places() const { return table(rmap_.*std::get<1>(parts_of_rmap())); }
    Table groups() const { return table(rmap_.*std::get<0>(parts_of_rmap())); }
    // Mean nodes of a used bucket that find() and remove() go through.
    double by_place() const { return places().mean(); }
    // … and that a visit of one group of frames does: of its chain up to it, and its leaves.
    double by_frame() const {
        const Table t = groups();
        return t.elements ? t.mean() + static_cast<double>(rmap_.count()) / static_cast<double>(t.elements) : 0;
    }

private:
    static Table table(const auto& buckets) {
        Table t;
        t.buckets = buckets.size();
        for (size_t b = 0; b < buckets.size(); b++) {
            size_t length = 0;
            for (auto* e = buckets.head(b); e; e = e->next_in_bucket)
                length++;
            t.used += length != 0;
            t.elements += length;
            t.longest = length > t.longest ? length : t.longest;
        }
        return t;
    }
    const nested::Rmap& rmap_;
};

}  // namespace nest::test
