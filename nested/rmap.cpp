// SPDX-License-Identifier: GPL-2.0-only
#include <nested/rmap.hpp>

namespace nest::nested {

Status Rmap::init(unsigned bucket_bits, size_t max_pages) {
    Buffer<Node*> by_frame(size_t{1} << bucket_bits), by_place(size_t{1} << bucket_bits);
    if (!by_frame || !by_place)
        return Errno::kNoMem;
    by_frame_ = std::move(by_frame);
    by_place_ = std::move(by_place);
    bits_ = bucket_bits;
    max_pages_ = max_pages;
    return kOk;
}

void Rmap::destroy() {
    while (page_list_) {
        Page* next = page_list_->next;
        nest_port_pages_free(page_list_, 0);
        page_list_ = next;
    }
    free_ = nullptr;
    count_ = pages_ = max_pages_ = 0;
}

void Rmap::add_page(void* page) {
    page_list_ = ::new (page) Page{page_list_};
    pages_++;
    Node* nodes = reinterpret_cast<Node*>(page_list_ + 1);
    for (size_t i = kNodesPerPage; i-- > 0;)
        free_ = ::new (nodes + i) Node{free_, nullptr, {}};
}

bool Rmap::insert(const Leaf& leaf) {
    Node* node = free_;
    if (!node)
        return false;
    free_ = node->next_by_frame;
    Node*& frame_head = by_frame_[frame_bucket(leaf)];
    Node*& place_head = by_place_[place_bucket(leaf.shadow, leaf.at)];
    *node = {frame_head, place_head, leaf};
    frame_head = place_head = node;
    count_++;
    return true;
}

bool Rmap::remove(u16 shadow, arch::L2Ipa at, unsigned level) {
    Node** link = &by_place_[place_bucket(shadow, at)];
    while (*link && ((*link)->leaf.at != at || (*link)->leaf.shadow != shadow || (*link)->leaf.level != level))
        link = &(*link)->next_by_place;
    Node* node = *link;
    if (!node)
        return false;
    *link = node->next_by_place;
    for (link = &by_frame_[frame_bucket(node->leaf)]; *link != node;)
        link = &(*link)->next_by_frame;
    *link = node->next_by_frame;
    node->next_by_frame = free_;
    free_ = node;
    count_--;
    return true;
}

u64 Rmap::find(u16 shadow, arch::L2Ipa at, unsigned level) const {
    for (const Node* n = count_ ? by_place_[place_bucket(shadow, at)] : nullptr; n; n = n->next_by_place)
        if (n->leaf.at == at && n->leaf.shadow == shadow && n->leaf.level == level)
            return n->leaf.gfn;
    return kNoFrame;
}

}  // namespace nest::nested
