// SPDX-License-Identifier: GPL-2.0-only
// Random region changes, guest writes, dirty-log ioctls and lookups, against a flat model: one record per guest frame.
// The fake stage 2 keeps which frames are mapped writable, as hardware would: a write that no one could see is the bug.
#include <cstdlib>
#include <kvm/memory/memslots.hpp>
#include <map>
#include <set>
#include <tests/fake/port.hpp>

namespace {
using namespace nest;
using namespace nest::kvm::abi;

constexpr u64 kFrames = 512;  // of the guest
constexpr u64 kHva = 0x10'0000'0000;
constexpr u64 kPage = 4096;

void require(bool ok, const char* what) {
    if (ok)
        return;
    std::fprintf(stderr, "memslots: %s\n", what);
    std::abort();
}

// A fuzzer's bytes and, after their end, as many more as wanted, drawn from them: a short input is a long run, too.
class Input {
public:
    Input(const u8* data, size_t size) : at_(data), end_(data + size) {
        for (size_t i = 0; i < size; i++)
            random_ = (random_ ^ data[i]) * 0x100'0000'01b3;
    }
    u8 byte() {
        if (at_ < end_)
            return *at_++;
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return static_cast<u8>(random_ >> 32);
    }
    u64 below(u64 n) {
        u64 low = byte();
        return (low | u64{byte()} << 8 | u64{byte()} << 16) % n;
    }

private:
    const u8* at_;
    const u8* end_;
    u64 random_ = 0xcbf2'9ce4'8422'2325;
};

struct FakeStageTwo final : kvm::StageTwoUser {
    std::map<u64, bool> writable;  // mapped frames
    void slots_changed() override {}
    void unmap_gfns(u64 start, u64 end) override {
        writable.erase(writable.lower_bound(start), writable.lower_bound(end));
    }
    void write_protect_gfns(u64 start, u64 end) override {
        for (auto it = writable.lower_bound(start); it != writable.end() && it->first < end; ++it)
            it->second = false;
    }
    void split_gfns(u64, u64, u64) override {}
};

struct Machine {
    RwSemaphore lock{NEST_LOCK_SLOTS};
    SpinLock mmu_lock{NEST_LOCK_MMU};
    FakeStageTwo stage2;
    kvm::Memslots slots{lock, mmu_lock, stage2, 40};
    std::map<u32, UserMemoryRegion2> model;
    std::map<u32, std::set<u64>> dirty;  // by slot: pages that the VMM must still hear of
    u64 manual = 0;

    const UserMemoryRegion2* find(u64 gfn) const {
        for (const auto& [id, r] : model)
            if (gfn * kPage - r.guest_phys_addr < r.memory_size && gfn * kPage >= r.guest_phys_addr)
                return &r;
        return nullptr;
    }

    Errno expected(const UserMemoryRegion2& r) const {
        auto old = model.find(r.slot);
        if (r.memory_size == 0)
            return old == model.end() ? Errno::kInval : Errno{0};
        if (old != model.end() && (r.userspace_addr != old->second.userspace_addr ||
                                   r.memory_size != old->second.memory_size ||
                                   ((r.flags ^ old->second.flags) & KVM_MEM_READONLY)))
            return Errno::kInval;
        for (const auto& [id, other] : model)
            if (id != r.slot && r.guest_phys_addr < other.guest_phys_addr + other.memory_size &&
                other.guest_phys_addr < r.guest_phys_addr + r.memory_size)
                return Errno::kExist;
        return Errno{0};
    }

    void change(Input& in) {
        UserMemoryRegion2 r{};
        r.slot = static_cast<u32>(in.below(12));
        r.guest_phys_addr = in.below(kFrames) * kPage;
        r.memory_size = (in.byte() % 3 ? 1 + in.below(150) : 0) * kPage;
        r.userspace_addr = kHva + in.below(64) * kPage;
        r.flags = in.byte() & 3;
        auto old = model.find(r.slot);
        if (r.memory_size && old != model.end() && in.byte() & 1) {
            r.memory_size = old->second.memory_size;
            r.userspace_addr = old->second.userspace_addr;
            if (in.byte() & 1)
                r.guest_phys_addr = old->second.guest_phys_addr;
            r.flags = (r.flags & KVM_MEM_LOG_DIRTY_PAGES) | (old->second.flags & KVM_MEM_READONLY);
        }
        if (in.byte() == 7)
            test::port().fail_allocation = 1 + in.below(3);
        Status status = slots.set_region(r);
        bool failed = !status.ok() && status.error() == Errno::kNoMem;
        test::port().fail_allocation = 0;
        if (failed)
            return;
        Errno want = expected(r);
        require(status.ok() ? want == Errno{0} : status.error() == want, "another answer than the model's");
        if (!status.ok())
            return;
        if (r.memory_size == 0) {
            model.erase(r.slot);
            dirty.erase(r.slot);
            check_mappings();
            return;
        }
        bool logged = old != model.end() && old->second.flags & KVM_MEM_LOG_DIRTY_PAGES;
        if (!(r.flags & KVM_MEM_LOG_DIRTY_PAGES)) {
            dirty.erase(r.slot);
        } else if (!logged) {
            dirty[r.slot].clear();
            if (manual & KVM_DIRTY_LOG_INITIALLY_SET)
                for (u64 page = 0; page < r.memory_size / kPage; page++)
                    dirty[r.slot].insert(page);
        }
        model[r.slot] = r;
        check_mappings();
    }

    void check_mappings() const {
        for (const auto& [gfn, writable] : stage2.writable)
            require(find(gfn), "a frame is mapped that has no memory");
    }

    template <typename F>
    auto locked(F&& f) {
        ReadGuard guard(lock);
        return f();
    }

    // A guest store: a fault when the frame is not mapped writable, then the store itself.
    void store(Input& in) {
        u64 gfn = in.below(kFrames + 200);
        const kvm::Memslot* slot = locked([&] { return slots.find(gfn); });
        const UserMemoryRegion2* want = find(gfn);
        require((slot != nullptr) == (want != nullptr) && (!slot || slot->id == want->slot), "another slot");
        auto mapped = stage2.writable.find(gfn);
        require(slot || mapped == stage2.writable.end(), "mapped without memory");
        if (!slot || !slot->writable())
            return;
        if (mapped == stage2.writable.end() || !mapped->second) {
            stage2.writable[gfn] = true;
            slot->mark_dirty(gfn, nullptr);
        }
        if (slot->logs_dirty())
            dirty[slot->id].insert(gfn - slot->base_gfn);
    }

    void get(Input& in) {
        u32 id = static_cast<u32>(in.below(12));
        u64 bitmap[4] = {};
        Status status = slots.get_dirty_log({id, 0, reinterpret_cast<u64>(bitmap)});
        auto found = dirty.find(id);
        require(status.ok() == (found != dirty.end()), "a log that is (not) there");
        if (!status.ok())
            return;
        // More than the stores may be reported, a page less may not.
        for (u64 page : found->second)
            require(bitmap[page / 64] >> (page % 64) & 1, "a lost write");
        for (u64 page = model[id].memory_size / kPage; page < 256; page++)
            require(!(bitmap[page / 64] >> (page % 64) & 1), "a page beyond the slot");
        if (!manual)
            found->second.clear();
    }

    void clear(Input& in) {
        ClearDirtyLog log{};
        u64 bitmap[4];
        log.slot = static_cast<u32>(in.below(12));
        log.first_page = in.below(4) * (in.byte() == 9 ? 63 : 64);
        log.num_pages = static_cast<u32>(in.below(200));
        for (u64& word : bitmap)
            word = (u64{in.byte()} << 56 | in.byte()) * 0x0101'0101;
        log.dirty_bitmap = reinterpret_cast<u64>(bitmap);
        auto found = dirty.find(log.slot);
        if (found != dirty.end() && in.byte() & 1 && log.first_page * kPage <= model[log.slot].memory_size)
            log.num_pages = static_cast<u32>(model[log.slot].memory_size / kPage - log.first_page);
        Status status = slots.clear_dirty_log(log);
        bool valid = log.first_page % 64 == 0 && found != dirty.end();
        if (valid) {
            u64 pages = model[log.slot].memory_size / kPage;
            u64 end = log.first_page + log.num_pages;
            valid = log.first_page <= pages && end <= pages && (end == pages || log.num_pages % 64 == 0);
        }
        require(status.ok() == valid, "a range that is (not) valid");
        for (u64 i = 0; valid && i < log.num_pages; i++)
            if (bitmap[i / 64] >> (i % 64) & 1)
                found->second.erase(log.first_page + i);
    }

    void look_up_hva(Input& in) {
        u64 start = kHva + in.below(300 * kPage), end = start + 1 + in.below(40 * kPage);
        std::set<std::pair<u32, u64>> got, want;
        ReadGuard guard(lock);
        slots.for_each_hva_range(arch::Hva(start), arch::Hva(end), [&](const kvm::Memslot& slot, u64 first, u64 last) {
            for (u64 gfn = first; gfn < last; gfn++)
                got.insert({slot.id, gfn});
        });
        for (const auto& [id, r] : model)
            for (u64 page = 0; page < r.memory_size / kPage; page++)
                if (r.userspace_addr + page * kPage < end && start < r.userspace_addr + (page + 1) * kPage)
                    want.insert({id, r.guest_phys_addr / kPage + page});
        require(got == want, "another set of frames behind user addresses");
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::port().reset();
    size_t live = test::port().live_objects;
    Input in(data, size);
    {
        Machine machine;
        machine.manual = in.byte() % 4;
        if (!machine.slots.enable_manual_dirty_log({0, 0, {machine.manual}, {}}).ok())
            machine.manual = 0;
        for (int steps = 0; steps < 80; steps++) {
            switch (in.byte() % 8) {
            case 0:
            case 1: machine.change(in); break;
            case 2:
            case 3:
            case 4: machine.store(in); break;
            case 5: machine.get(in); break;
            case 6: machine.clear(in); break;
            case 7: machine.look_up_hva(in); break;
            }
        }
    }
    require(test::port().live_objects == live, "leaked");
    return 0;
}
