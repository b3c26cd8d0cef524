// SPDX-License-Identifier: GPL-2.0-only
#include "world.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include <kvm/abi/ioctl.hpp>

namespace nest::fuzz_kvm {
namespace {

// For what the kernel can read and not write: in this program's own text.
alignas(16) constexpr char only_read[256] = {7};

char* map(size_t bytes, int protection, int flags, int file) {
    void* at = mmap(nullptr, bytes, protection, flags, file, 0);
    return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

}  // namespace

Here& here() {
    thread_local Here it;
    return it;
}

void enter_thread(unsigned number, Report& report) {
    here().number = number;
    here().report = &report;
    here().scratch = map(kScratch + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    mprotect(here().scratch + kScratch, kPage, PROT_NONE);
}

World::World(Report& report, bool verbose) : report_(report), verbose_(verbose) {
    for (auto& kind : slots_)
        for (auto& slot : kind)
            slot = -1;
    ram_ = map(kRamSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    read_only_ = map(kExtraSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memfd_ = memfd_create("fuzz", MFD_CLOEXEC);
    if (memfd_ < 0 || ftruncate(memfd_, kExtraSize))
        fail("no memfd");
    shared_ = map(kExtraSize, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_);
    if (!ram_ || !read_only_ || !shared_)
        fail("no memory");
    slots_[size_t(Kind::system)][0] = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    const int size = ioctl(slots_[size_t(Kind::system)][0], kvm::abi::KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size <= 0)
        fail("no KVM_GET_VCPU_MMAP_SIZE");
    run_size_ = static_cast<size_t>(size);
}

int World::pick_live(Random& r, Kind kind) const {
    const size_t first = r.below(kSlots);
    for (size_t i = 0; i < kSlots; i++)
        if (const int descriptor = slots_[size_t(kind)][(first + i) % kSlots]; descriptor >= 0)
            return descriptor;
    return -1;
}

int World::pick(Random& r, Kind kind) const {
    if (r.percent(4))
        kind = static_cast<Kind>(r.below(kKinds));
    return r.percent(1) ? -1 : pick_live(r, kind);
}

size_t World::keep(Random& r, Kind kind, int descriptor) {
    size_t slot = r.below(kSlots);
    for (size_t i = 0; i < kSlots; i++)
        if (slots_[size_t(kind)][i] < 0)
            slot = i;
    if (kind == Kind::vcpu)
        unmap_run(slot);
    if (const int old = slots_[size_t(kind)][slot].exchange(descriptor); old >= 0)
        close(old);
    return slot;
}

void World::close_one(Random& r, Kind kind) {
    if (kind == Kind::system)
        return;
    if (const int old = slots_[size_t(kind)][r.below(kSlots)].exchange(-1); old >= 0)
        close(old);
}

void World::close_all() {
    for (size_t slot = 0; slot < kSlots; slot++)
        unmap_run(slot);
    for (auto& kind : slots_)
        for (auto& slot : kind)
            if (const int old = slot.exchange(-1); old >= 0)
                close(old);
    close(memfd_);
}

void World::map_run(size_t slot) {
    char* page = map(run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_in(slot));
    if (char* old = runs_[slot].exchange(page))
        munmap(old, run_size_);
}

void World::unmap_run(size_t slot) {
    if (char* old = runs_[slot].exchange(nullptr))
        munmap(old, run_size_);
}

void* World::user_address(Random& r) {
    char* scratch = here().scratch;
    switch (r.below(13)) {
    case 0: return nullptr;
    case 1: return scratch + kScratch;
    case 2: return scratch + kScratch - r.below(64);
    case 3: return reinterpret_cast<void*>(0xffff'8000'0000'0000 | r.next() >> 16);
    case 4: return reinterpret_cast<void*>(r.number());
    case 5: return ram_ + r.below(kRamSize);
    case 6: return shared_ + r.below(kExtraSize);
    case 7: return scratch + kPage + r.below(16);
    case 8: return const_cast<char*>(only_read);
    default: return scratch + kPage;
    }
}

void World::say(const char* format, ...) {
    if (!verbose_)
        return;
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::printf("  [%u] %s\n", here().number, text);
    std::fflush(stdout);
}

void World::fail(const char* format, ...) {
    if (!report_.failed.exchange(true)) {
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(report_.text, sizeof report_.text, format, arguments);
        va_end(arguments);
    }
    _exit(1);
}

}  // namespace nest::fuzz_kvm
