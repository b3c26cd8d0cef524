// SPDX-License-Identifier: GPL-2.0-only
// Steps around memory: the guest's contents, the host's memory below it, kvm_run.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include <kvm/abi/memory.hpp>

#include "guest.hpp"
#include "steps.hpp"

namespace nest::fuzz_kvm::step {

namespace abi = nest::kvm::abi;
namespace {

struct Range {
    char* at;
    size_t size;
};

Range range(World& world, Random& r) {
    struct {
        char* base;
        u64 size;
    } const known[] = {{world.ram(), kRamSize}, {world.read_only(), kExtraSize}, {world.shared(), kExtraSize}};
    const auto& one = r.of(known);
    const u64 pages = one.size / kPage, first = r.below(pages);
    return {one.base + first * kPage, (1 + r.below(r.one_in(4) ? pages - first : 8)) * kPage};
}

}  // namespace

void new_code(World& world, Random& r) {
    doing("filling the code");
    fill_code(r, world.ram());
}

void new_tables(World& world, Random& r) { fill_tables(r, world.ram()); }

// The addresses stay this process's: what is unmapped gets other memory, in the same step or a later one.
void host_memory(World& world, Random& r) {
    Range it = range(world, r);
    const auto inside = [&](char* base, size_t size) { return it.at >= base && it.at < base + size ? base + size : nullptr; };
    for (char* end : {inside(world.ram(), kRamSize), inside(world.read_only(), kExtraSize), inside(world.shared(), kExtraSize)})
        if (end && it.at + it.size > end)
            it.size = static_cast<size_t>(end - it.at);
    doing("memory");
    switch (r.below(9)) {
    case 0: munmap(it.at, it.size); break;
    case 1:
    case 2: mmap(it.at, it.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
    case 3: madvise(it.at, it.size, MADV_DONTNEED); break;
    case 4: mprotect(it.at, it.size, r.of({PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE})); break;
    case 5: madvise(it.at, it.size, r.of({MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT,
                                          MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_DONTFORK, MADV_DOFORK})); break;
    case 6: {
        void* fresh = mmap(nullptr, it.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh != MAP_FAILED && mremap(fresh, it.size, it.size, MREMAP_MAYMOVE | MREMAP_FIXED, it.at) == MAP_FAILED)
            munmap(fresh, it.size);
        break;
    }
    case 7: {
        char* elsewhere = static_cast<char*>(mremap(it.at, it.size, it.size, MREMAP_MAYMOVE));
        if (elsewhere != MAP_FAILED && elsewhere != it.at)
            munmap(elsewhere, it.size);
        break;
    }
    default: std::memset(it.at, static_cast<int>(r.next()), r.below(it.size));
    }
    doing("");
}

void run_page(World& world, Random& r) {
    const size_t slot = r.below(kSlots);
    const int vcpu = world.vcpu_in(slot);
    switch (r.below(5)) {
    case 0: world.unmap_run(slot); break;
    case 1: world.map_run(slot); break;
    case 2: {
        void* at = mmap(nullptr, kPage * (1 + r.below(4)), PROT_READ | static_cast<int>(r.below(8)), r.of({MAP_SHARED, MAP_PRIVATE}), vcpu,
                        static_cast<off_t>(r.below(4) * kPage));
        if (at != MAP_FAILED) {
            if (r.one_in(2))
                madvise(at, kPage, r.of({MADV_DONTNEED, MADV_WILLNEED, MADV_DONTFORK, MADV_HUGEPAGE}));
            munmap(at, kPage);
        }
        break;
    }
    case 3: {
        // The dirty ring, where there is one: collected, not at all, or written over.
        const u64 bytes = kPage * (1 + r.below(4)), first = abi::KVM_DIRTY_LOG_PAGE_OFFSET + r.below(2);
        void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, static_cast<off_t>(first * kPage));
        if (at == MAP_FAILED)
            break;
        doing("the dirty ring");
        auto* entries = static_cast<abi::DirtyGfn*>(at);
        for (u64 i = 0; i < kPage / sizeof(abi::DirtyGfn); i++)
            if (r.percent(70))
                entries[i].flags = abi::KVM_DIRTY_GFN_F_RESET;
            else if (r.one_in(8))
                entries[i] = {static_cast<u32>(r.below(4)), static_cast<u32>(r.number()), r.number()};
        doing("");
        munmap(at, bytes);
        break;
    }
    default:
        if (char* page = world.run_page(slot))
            for (u64 i = r.below(64); i > 0; i--)
                page[r.below(r.one_in(3) ? world.run_size() : 300)] = static_cast<char>(r.next());
    }
}

}  // namespace nest::fuzz_kvm::step
