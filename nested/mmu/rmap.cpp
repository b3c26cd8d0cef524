// SPDX-License-Identifier: GPL-2.0-only
#include <nested/mmu/rmap.hpp>

namespace nest::nested {

Status Rmap::init(size_t max_pages) {
    NEST_TRY(memory_.init(max_pages));
    u64 seeds[2];
    nest_port_random(seeds, sizeof(seeds));
    places_.reset(seeds[0]);
    groups_.reset(seeds[1]);
    return kOk;
}

void Rmap::destroy() {
    recent_ = crowded_ = nullptr;
    memory_.destroy();
    places_.reset(0);
    groups_.reset(0);
}

bool Rmap::insert(const Leaf& leaf) {
    void* const memory = memory_.take();
    if (!memory)
        return false;
    const u64 key = group_key(leaf.gfn, leaf.level);
    RmapGroup* group = recent_ && recent_->key == key ? recent_ : *groups_.find(key);
    if (!group) {
        void* const more = memory_.take();
        if (!more) {
            memory_.give_back(memory);
            return false;
        }
        group = ::new (more) RmapGroup{nullptr, key, nullptr, nullptr, 0};
        groups_.insert(*group);
    }
    recent_ = group;
    RmapNode* const node = ::new (memory) RmapNode{nullptr, place_key(leaf.shadow, leaf.at, leaf.level), leaf.gfn & 63,
                                                   group,   group->first, &group->first};
    if (node->next)
        node->next->link = &node->next;
    else
        group->last = node;
    group->first = node;
    if (++group->count > kMostOfGroup) [[unlikely]] {
        NEST_BUG_ON(crowded_);
        crowded_ = group;
    }
    places_.insert(*node);
    return true;
}

bool Rmap::remove(u16 shadow, arch::L2Ipa at, unsigned level) {
    if (!count())
        return false;
    RmapNode** const place = places_.find(place_key(shadow, at, level));
    if (!*place)
        return false;
    RmapNode* const node = places_.remove(place);
    RmapGroup* const group = node->group;
    *node->link = node->next;
    if (node->next)
        node->next->link = node->link;
    else if (node->link != &group->first)  // then `link` is the `next` of a newer node
        group->last = reinterpret_cast<RmapNode*>(reinterpret_cast<char*>(node->link) - offsetof(RmapNode, next));
    if (group == crowded_)
        crowded_ = nullptr;
    if (!--group->count) {
        if (group == recent_)
            recent_ = nullptr;
        memory_.give_back(groups_.remove(groups_.find(group->key)));
    }
    memory_.give_back(node);
    return true;
}

u64 Rmap::find(u16 shadow, arch::L2Ipa at, unsigned level) const {
    const RmapNode* node = count() ? *places_.find(place_key(shadow, at, level)) : nullptr;
    return node ? gfn_of(*node) : kNoFrame;
}

size_t Rmap::count_of(u64 start, u64 end) const {
    size_t leaves = 0;
    for (unsigned level = 1; level <= stage2::kLastLevel && start < end && count(); level++)
        for (u64 group = start >> kGroupBits[level]; group <= (end - 1) >> kGroupBits[level]; group++)
            if (const RmapGroup* g = *groups_.find(group << kLevelBits | level))
                leaves += g->count;
    return leaves;
}

}  // namespace nest::nested
