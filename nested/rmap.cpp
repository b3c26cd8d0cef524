// SPDX-License-Identifier: GPL-2.0-only
#include <nested/rmap.hpp>

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
    recent_ = nullptr;
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
        group = ::new (more) RmapGroup{nullptr, key, nullptr};
        groups_.insert(*group);
    }
    recent_ = group;
    RmapNode* const node = ::new (memory)
        RmapNode{nullptr, place_key(leaf.shadow, leaf.at, leaf.level), leaf.gfn, group->first, &group->first};
    if (node->next)
        node->next->link = &node->next;
    group->first = node;
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
    *node->link = node->next;
    if (node->next) {
        node->next->link = node->link;
    } else if (RmapGroup** group = groups_.find(group_key(node->gfn, level)); !(*group)->first) {
        if (*group == recent_)
            recent_ = nullptr;
        memory_.give_back(groups_.remove(group));
    }
    memory_.give_back(node);
    return true;
}

u64 Rmap::find(u16 shadow, arch::L2Ipa at, unsigned level) const {
    const RmapNode* node = count() ? *places_.find(place_key(shadow, at, level)) : nullptr;
    return node ? node->gfn : kNoFrame;
}

}  // namespace nest::nested
