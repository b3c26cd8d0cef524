// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/memslots.hpp>
#include <port/port.h>
#include <utility>

namespace nest::kvm {
namespace {

using abi::UserMemoryRegion2;

// Slots are made of the host's pages, of which the VMM's page table consists.
bool page_aligned(u64 value) { return (value & ((u64{1} << nest_port_page_shift()) - 1)) == 0; }
// Pointer tags are no part of an address; the bits of a user address above 55 are zero.
constexpr bool tagged(u64 address) { return address >> 56; }

// Checks of a region that need no look at other slots.
Status check(const UserMemoryRegion2& region) {
    if (region.flags & ~(abi::KVM_MEM_LOG_DIRTY_PAGES | abi::KVM_MEM_READONLY))
        return Errno::kInval;
    if (region.slot >= Memslots::kMaxSlots)  // the address space in bits 31:16 is always 0
        return Errno::kInval;
    if (!page_aligned(region.memory_size) || !page_aligned(region.guest_phys_addr) ||
        !page_aligned(region.userspace_addr))
        return Errno::kInval;
    if (tagged(region.userspace_addr) || !nest_port_user_range_ok(region.userspace_addr, region.memory_size))
        return Errno::kInval;
    if (region.guest_phys_addr + region.memory_size < region.guest_phys_addr)
        return Errno::kInval;
    if (region.memory_size >> nest_port_page_shift() > Memslots::kMaxPagesPerSlot)
        return Errno::kInval;
    return kOk;
}

// The dirty log is refused for device pages: the device itself writes to them, and nobody would log that.
bool logs_device_pages(const UserMemoryRegion2& region) {
    return region.flags & abi::KVM_MEM_LOG_DIRTY_PAGES &&
           nest_port_user_range_has_pfnmap(region.userspace_addr, region.memory_size);
}

}  // namespace

Memslots::~Memslots() {
    for (Memslot* slot : by_id_)
        destroy(slot);
}

Status Memslots::set_region(const UserMemoryRegion2& region) {
    NEST_TRY(check(region));
    Guard guard(mutex_);
    Memslot* slot = by_id(region.slot);
    if (region.memory_size == 0) {
        if (!slot)
            return Errno::kInval;
        remove(*slot);
        return kOk;
    }
    return slot ? modify(*slot, region) : create(region);
}

Status Memslots::create(const UserMemoryRegion2& region) {
    u64 gfn = region.guest_phys_addr >> arch::kPageShift;
    u64 pages = region.memory_size >> arch::kPageShift;
    if (overlaps_other(gfn, gfn + pages, nullptr))
        return Errno::kExist;
    if (gfn + pages > u64{1} << (ipa_bits_ - arch::kPageShift))
        return Errno::kFault;
    if (logs_device_pages(region))
        return Errno::kInval;

    Owned<Memslot> slot(make<Memslot>());
    if (!slot)
        return Errno::kNoMem;
    slot->id = region.slot;
    slot->flags = region.flags;
    slot->base_gfn = gfn;
    slot->pages = pages;
    slot->hva = arch::Hva(region.userspace_addr);
    if (slot->logs_dirty() && has_bitmaps())
        NEST_TRY(slot->dirty.allocate(pages, nest_port_page_shift(), initially_set()));
    NEST_TRY(reserve_id(slot->id));
    Index::Storage gfn_storage;
    Index::Storage hva_storage;
    if (by_gfn_.full() && !(gfn_storage = by_gfn_.larger()))
        return Errno::kNoMem;
    if (by_hva_.full() && !(hva_storage = by_hva_.larger()))
        return Errno::kNoMem;

    by_id_[slot->id] = slot.get();
    Memslot* added = slot.release();
    {
        WriteGuard write(lock_);
        Guard mmu(mmu_lock_);
        if (gfn_storage)
            by_gfn_.adopt(gfn_storage);
        if (hva_storage)
            by_hva_.adopt(hva_storage);
        by_gfn_.insert(added->base_gfn, added->end_gfn(), added);
        by_hva_.insert(added->hva.raw, added->end_hva().raw, added);
        index_changed();
    }
    return kOk;
}

// Moves a slot, or changes its dirty logging. Size, backing and access of a slot cannot change.
Status Memslots::modify(Memslot& slot, const UserMemoryRegion2& region) {
    u64 gfn = region.guest_phys_addr >> arch::kPageShift;
    if (region.userspace_addr != slot.hva.raw || region.memory_size >> arch::kPageShift != slot.pages ||
        ((region.flags ^ slot.flags) & abi::KVM_MEM_READONLY))
        return Errno::kInval;
    bool moves = gfn != slot.base_gfn;
    if (!moves && region.flags == slot.flags)
        return kOk;
    if (moves && overlaps_other(gfn, gfn + slot.pages, &slot))
        return Errno::kExist;
    if (gfn + slot.pages > u64{1} << (ipa_bits_ - arch::kPageShift))
        return Errno::kFault;
    if (logs_device_pages(region))
        return Errno::kInval;

    const bool logs = region.flags & abi::KVM_MEM_LOG_DIRTY_PAGES, wants_bitmap = logs && has_bitmaps();
    DirtyBitmap bitmap;  // afterwards the slot's old one, freed at the end
    const bool replace = wants_bitmap != static_cast<bool>(slot.dirty);
    if (wants_bitmap && replace)
        NEST_TRY(bitmap.allocate(slot.pages, nest_port_page_shift(), initially_set()));

    unsigned gone;
    {
        WriteGuard write(lock_);
        // The old place is unmapped while the index still has the slot: a notifier that comes first has to find what is mapped.
        if (moves)
            unmap(slot);
        Guard mmu(mmu_lock_);
        if (moves) {
            by_gfn_.erase(slot.base_gfn, &slot);
            slot.base_gfn = gfn;
            by_gfn_.insert(slot.base_gfn, slot.end_gfn(), &slot);
        }
        slot.flags = region.flags;
        if (replace)
            std::swap(slot.dirty, bitmap);
        index_changed();
        gone = grace_.turn();
    }
    grace_.wait(gone);
    if (logs)
        dirty_logging_starts(slot);
    return kOk;
}

// Called with both locks held, as every lookup holds one of them.
void Memslots::index_changed() {
    lock_.assert_held_for_writing();
    mmu_lock_.assert_held();
    generation_.store_release(generation() + 1);
    stage2_.slots_changed();
}

// `lock` held for writing. A fault that has found the slot before maps nothing from here on, as the sequence has changed.
void Memslots::unmap(const Memslot& slot) {
    lock_.assert_held_for_writing();
    {
        Guard mmu(mmu_lock_);
        stage2_.slots_changed();
    }
    stage2_.unmap_gfns(slot.base_gfn, slot.end_gfn());
}

// What is mapped writable has to be write-protected, so that writes fault. With KVM_DIRTY_LOG_INITIALLY_SET all pages count as
// written, and KVM_CLEAR_DIRTY_LOG protects them; but a ring alone has no such bits, and nothing else would ever protect them.
void Memslots::dirty_logging_starts(const Memslot& slot) {
    if (initially_set() && slot.dirty)
        return;
    stage2_.write_protect_gfns(slot.base_gfn, slot.end_gfn());
    split(slot.base_gfn, slot.end_gfn());
}

void Memslots::split(u64 start, u64 end) {
    if (const u64 chunk = split_chunk())
        stage2_.split_gfns(start, end, chunk);
}

void Memslots::remove(Memslot& slot) {
    unsigned gone;
    {
        WriteGuard write(lock_);
        unmap(slot);
        Guard mmu(mmu_lock_);
        by_gfn_.erase(slot.base_gfn, &slot);
        by_hva_.erase(slot.hva.raw, &slot);
        index_changed();
        gone = grace_.turn();
    }
    by_id_[slot.id] = nullptr;
    grace_.wait(gone);
    destroy(&slot);
}

Status Memslots::reserve_id(u32 id) {
    if (id < by_id_.size())
        return kOk;
    size_t wanted = by_id_.size() ? by_id_.size() : 16;
    while (wanted <= id)
        wanted *= 2;
    Buffer<Memslot*> larger(wanted);
    if (!larger)
        return Errno::kNoMem;
    for (size_t i = 0; i < by_id_.size(); i++)
        larger[i] = by_id_[i];
    by_id_ = static_cast<Buffer<Memslot*>&&>(larger);
    return kOk;
}

bool Memslots::overlaps_other(u64 start, u64 end, const Memslot* self) const {
    return by_gfn_.for_each_overlap(start, end, [self](const auto& entry) { return entry.item != self; });
}

const Memslot* Memslots::find(u64 gfn) const {
    assert_either_held(lock_, mmu_lock_);
    const Memslot* found = nullptr;
    by_gfn_.for_each_overlap(gfn, gfn + 1, [&found](const auto& entry) {
        found = entry.item;
        return true;
    });
    return found;
}

const Memslot* Memslots::find(u64 gfn, MemslotHint& hint) const {
    assert_either_held(lock_, mmu_lock_);
    const u64 now = generation();
    if (hint.generation == now && hint.slot->contains(gfn))
        return hint.slot;
    const Memslot* const slot = find(gfn);
    if (slot) {
        hint.slot = slot;
        hint.generation = now;
    } else {
        hint.hole = gfn;
        hint.hole_generation = now;
    }
    return slot;
}

GuestPage::GuestPage(Memslots& slots, u64 gfn) : grace_(slots.grace_) {
    ReadGuard guard(slots.lock_);
    phase_ = grace_.enter();
    const Memslot* slot = slots.find(gfn);
    if (!slot)
        return;
    exists_ = true;
    writable_ = slot->writable();
    hva_ = slot->hva_of(gfn);
    dirty_ = slot->dirty_page(gfn);
}

// ---- the dirty log; mutex_ alone keeps the slot, vCPUs go on marking

Result<Memslot*> Memslots::logging_slot(u32 id) const {
    Memslot* slot = by_id(id);
    if (!slot || !slot->dirty)
        return Errno::kNoEnt;
    return slot;
}

Status Memslots::get_dirty_log(const abi::DirtyLog& log) {
    if (log.slot >= kMaxSlots)
        return Errno::kInval;
    Guard guard(mutex_);
    if (!has_bitmaps())
        return Errno::kNxIo;
    Memslot& slot = *NEST_TRY(logging_slot(log.slot));
    if (manual_protect_)
        return slot.dirty.copy_out(log.dirty_bitmap);
    slot.dirty.take_all([&](u64 first, u64 end) {
        stage2_.write_protect_gfns(slot.base_gfn + first, slot.base_gfn + end);
    });
    return slot.dirty.copy_out_taken(log.dirty_bitmap);
}

Status Memslots::clear_dirty_log(const abi::ClearDirtyLog& log) {
    if (log.slot >= kMaxSlots || log.first_page % 64)
        return Errno::kInval;
    Guard guard(mutex_);
    if (!has_bitmaps())
        return Errno::kNxIo;
    Memslot& slot = *NEST_TRY(logging_slot(log.slot));
    const u64 pages = slot.dirty.page_of(slot.pages);
    if (log.first_page > pages || log.num_pages > pages - log.first_page)
        return Errno::kInval;
    // A range may end inside a 64-bit word only at the slot's end.
    if (log.num_pages < pages - log.first_page && log.num_pages % 64)
        return Errno::kInval;
    return slot.dirty.take_named(log.dirty_bitmap, log.first_page, log.num_pages, [&](u64 first, u64 end) {
        stage2_.write_protect_gfns(slot.base_gfn + first, slot.base_gfn + end);
        if (initially_set())
            split(slot.base_gfn + first, slot.base_gfn + end);
    });
}

Status Memslots::set_ring_bytes(u64 bytes) {
    if (!bytes || bytes & (bytes - 1) || bytes < abi::KVM_DIRTY_RING_RESERVED * sizeof(abi::DirtyGfn) ||
        bytes < u64{1} << nest_port_page_shift())
        return Errno::kInval;
    if (bytes > kMaxRingBytes)
        return Errno::k2Big;
    Guard guard(mutex_);
    if (ring_entries())
        return Errno::kInval;
    ring_entries_.store_relaxed(static_cast<u32>(bytes / sizeof(abi::DirtyGfn)));
    return kOk;
}

Status Memslots::keep_bitmaps_beside_rings() {
    Guard guard(mutex_);
    if (!ring_entries() || count())
        return Errno::kInval;
    bitmaps_beside_rings_ = true;
    return kOk;
}

// The pages of one slot that follow each other closely are protected together: each call costs a TLB invalidation. Pages between them,
// if written before, only fault and are named once more.
u32 Memslots::reset_ring(DirtyRing& ring) {
    constexpr u64 kWindow = 64;
    const unsigned shift = nest_port_page_shift() - arch::kPageShift;
    const Memslot* slot = nullptr;
    u64 first = 0, end = 0;
    const auto protect = [&] {
        if (slot)
            stage2_.write_protect_gfns(slot->base_gfn + (first << shift), slot->base_gfn + (end << shift));
    };
    Guard guard(mutex_);
    const auto note = [&](u32 id, u64 offset) {
        // The VMM may have put anything there.
        const Memslot* named = by_id(id);
        if (!named || !named->logs_dirty() || offset >= named->pages >> shift)
            return;
        const u64 low = offset < first ? offset : first, high = offset + 1 > end ? offset + 1 : end;
        if (named == slot && high - low <= kWindow) {
            first = low;
            end = high;
            return;
        }
        protect();
        slot = named;
        first = offset;
        end = offset + 1;
    };
    // What is left of a killed VMM's ring needs no answer.
    constexpr u32 kStep = 256;
    u32 taken = 0, now;
    do {
        now = ring.take_back(kStep, note);
        taken += now;
        nest_port_relax();
    } while (now == kStep && taken < ring.entries() && !nest_port_killed());
    protect();
    memory_barrier();  // pairs with DirtyRing::push()
    return taken;
}

Status Memslots::set_split_chunk(u64 bytes) {
    if (bytes & (bytes - 1) || bytes & ~kBlockSizes)
        return Errno::kInval;
    Guard guard(mutex_);
    if (count())
        return Errno::kInval;
    split_chunk_.store_relaxed(bytes);
    return kOk;
}

Status Memslots::enable_manual_dirty_log(const abi::EnableCap& cap) {
    u64 options = cap.args[0];
    u64 allowed = options & abi::KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE ? kManualProtectOptions
                                                                     : u64{abi::KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE};
    if (cap.flags || options & ~allowed)
        return Errno::kInval;
    Guard guard(mutex_);
    manual_protect_ = options;
    return kOk;
}

}  // namespace nest::kvm
