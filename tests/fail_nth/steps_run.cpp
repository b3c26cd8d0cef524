// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN of a guest without EL2: the first entry, stage-2 faults of all kinds, what the way back to the VMM does.
#include <sys/mman.h>

#include <cstring>

#include "../guests/machine/kvm_abi.hpp"
#include "../guests/machine/mmio.hpp"
#include "scene.hpp"

extern "C" const char touch_begin[], touch_end[], stolen_begin[], stolen_end[];

namespace nest::fail_nth {
namespace {

constexpr u64 kGiB = u64{1} << 30, kBlock = 2 << 20;
constexpr u64 kFar = 4 * kGiB;      // memory of a step's own
constexpr u64 kUntouched = 8 << 20;     // from the start of the guest's memory
constexpr u64 kPvTimeSt = 0xc500'0021;

struct Guest {
    File kvm = guests::open_kvm();
    Machine machine{kvm, 0, Level::el1};
    std::vector<Mapping> memory;
    std::span<char> blocks;

    Vcpu& vcpu() { return machine.vcpus()[0]; }
    void load(const char* begin, const char* end) { std::memcpy(machine.ram().data(), begin, end - begin); }
    void set_x(unsigned number, u64 value) { vcpu().set(guests::core_register(8 * number), value); }
    // `count` writes from `first` on, `stride` apart.
    void touch(u64 count, u64 first, u64 stride) {
        load(touch_begin, touch_end);
        set_x(0, count);
        set_x(1, first);
        set_x(2, stride);
        set_x(3, guests::kNothing);
        last = first + count * stride;
    }
    // To the store where no memory is, undisturbed.
    void warm_up() {
        if (!vcpu().run())
            throw Failure("the guest was interrupted");
        look();
    }
    void look() {
        const kvm_run& run = vcpu().state();
        if (run.exit_reason != KVM_EXIT_MMIO || run.mmio.phys_addr != guests::kNothing || guests::value_written(run) != last)
            throw Failure("the guest is not where it should be: exit " + std::to_string(run.exit_reason) + ", value " +
                          guests::hex(guests::value_written(run)));
    }
    void add(u32 slot, u64 address, std::span<char> bytes, u32 flags = 0) {
        const kvm_userspace_memory_region region{slot, flags, address, bytes.size(), reinterpret_cast<u64>(bytes.data())};
        machine.vm().call(KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region);
    }
    std::span<char> add_pages(u32 slot, u64 address, size_t bytes, u32 flags = 0) {
        memory.emplace_back(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory");
        add(slot, address, memory.back().bytes(), flags);
        return memory.back().bytes();
    }

    u64 last = 0;
};
using GuestPtr = std::shared_ptr<Guest>;

// One KVM_RUN, to the store where no memory is.
Trial run_trial(const GuestPtr& guest) {
    return {[guest] { return injector().ioctl(guest->vcpu().file().number(), KVM_RUN); }, [guest](long) { guest->look(); }};
}

Trial first_run() {
    const auto guest = std::make_shared<Guest>();
    guest->touch(0, guests::kRam, 0);
    return run_trial(guest);
}

// Pages in one table, the memory below them there already or not.
Trial run_pages(bool there) {
    const auto guest = std::make_shared<Guest>();
    guest->touch(4, guests::kRam + kUntouched, 0x1000);
    if (there)
        std::memset(guest->machine.ram().data() + kUntouched, 1, 0x4000);
    return run_trial(guest);
}

// A table of each level for each page.
Trial run_far_apart() {
    const auto guest = std::make_shared<Guest>();
    for (u32 i = 0; i < 4; i++)
        guest->add_pages(1 + i, kFar + i * kGiB, 0x1000);
    guest->touch(4, kFar, kGiB);
    return run_trial(guest);
}

// Blocks of 2 MiB, if the kernel has huge pages for them.
GuestPtr make_block_guest() {
    const auto guest = std::make_shared<Guest>();
    guest->memory.emplace_back(3 * kBlock, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory");
    char* const raw = guest->memory.back().bytes().data();
    char* const aligned = reinterpret_cast<char*>((reinterpret_cast<u64>(raw) + kBlock - 1) & ~(kBlock - 1));
    guest->blocks = {aligned, 2 * kBlock};
    madvise(aligned, 2 * kBlock, MADV_HUGEPAGE);
    guest->add(1, kFar, guest->blocks);
    guest->touch(2, kFar, kBlock);
    return guest;
}

Trial run_blocks() { return run_trial(make_block_guest()); }

// Writes after the dirty log has begun: permission faults, and blocks that come apart.
Trial run_logging() {
    const GuestPtr guest = make_block_guest();
    guest->warm_up();
    guest->add(1, kFar, guest->blocks, KVM_MEM_LOG_DIRTY_PAGES);
    return run_trial(guest);
}

// The log of pages that the guest has written, which reading takes: a failure must not lose any.
Trial take_dirty_log() {
    struct Log {
        Guest guest;
        u64 bits = 0;
    };
    const auto log = std::make_shared<Log>();
    log->guest.add_pages(1, kFar, 8 * 0x1000, KVM_MEM_LOG_DIRTY_PAGES);
    log->guest.touch(4, kFar, 0x1000);
    log->guest.warm_up();
    kvm_dirty_log get{};
    get.slot = 1;
    get.dirty_bitmap = &log->bits;
    Trial trial = ioctl_trial(log, log->guest.machine.vm(), KVM_GET_DIRTY_LOG, get);
    trial.after = [log](long) {
        if (log->bits != 0xf)
            throw Failure("the log says " + guests::hex(log->bits) + " of four pages that were written");
    };
    return trial;
}

// Pages that went away under the guest.
Trial run_discarded() {
    const auto guest = std::make_shared<Guest>();
    guest->touch(4, guests::kRam + kUntouched, 0x1000);
    guest->warm_up();
    if (madvise(guest->machine.ram().data() + kUntouched, 0x4000, MADV_DONTNEED))
        throw guests::SystemError("MADV_DONTNEED");
    return run_trial(guest);
}

// Copy on write: the page is there for reading, shared with a page that nobody may change.
Trial run_zero_page() {
    const auto guest = std::make_shared<Guest>();
    guest->touch(4, guests::kRam + kUntouched, 0x1000);
    volatile char sum = 0;
    for (unsigned i = 0; i < 4; i++)
        sum = sum + guest->machine.ram()[kUntouched + 0x1000 * i];
    return run_trial(guest);
}

Trial run_read_only_slot() {
    const auto guest = std::make_shared<Guest>();
    guest->add_pages(1, kFar, 0x1000, KVM_MEM_READONLY);
    guest->touch(1, kFar, 0x1000);
    return {[guest] { return injector().ioctl(guest->vcpu().file().number(), KVM_RUN); },
            [guest](long) {
                const kvm_run& run = guest->vcpu().state();
                if (run.exit_reason != KVM_EXIT_MMIO || run.mmio.phys_addr != kFar)
                    throw Failure("the write did not reach the VMM");
            }};
}

// The store goes to an eventfd instead, so that the vCPU runs on to the next one.
Trial run_ioeventfd() {
    const auto guest = std::make_shared<Guest>();
    const auto event = make_eventfd();
    guest->touch(1, guests::kNothing + 0x1000, 0x1000);
    kvm_ioeventfd wanted{};
    wanted.addr = guests::kNothing + 0x1000;
    wanted.len = 8;
    wanted.fd = event->number();
    guest->machine.vm().call(KVM_IOEVENTFD, "KVM_IOEVENTFD", &wanted);
    Trial trial = run_trial(guest);
    trial.after = [guest, event](long) {
        guest->look();
        u64 count = 0;
        if (read(event->number(), &count, sizeof count) != sizeof count || count != 1)
            throw Failure("the eventfd was signalled " + std::to_string(count) + " times");
    };
    return trial;
}

// Stolen time lies in guest memory, which the host writes as its VMM would.
Trial run_stolen_time() {
    const auto guest = std::make_shared<Guest>();
    guest->load(stolen_begin, stolen_end);
    guest->set_x(0, kPvTimeSt);
    guest->set_x(3, guests::kNothing);
    const u64 record = guest->last = guests::kRam + kUntouched;
    const kvm_device_attr attribute{0, 2, 0, reinterpret_cast<u64>(&record)};
    guest->vcpu().file().call(KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &attribute);
    return run_trial(guest);
}

}  // namespace

// A fault of KVM_RUN is ENOMEM, and EFAULT only where the guest's memory itself is not to be had.
Steps run_steps() {
    return {
        {"run-first", first_run, {ENOMEM}},
        {"run-pages", [] { return run_pages(true); }, {ENOMEM}},
        {"run-fresh-pages", [] { return run_pages(false); }, {ENOMEM}},
        {"run-far-apart", run_far_apart, {ENOMEM}},
        {"run-blocks", run_blocks, {ENOMEM}},
        {"run-dirty-logging", run_logging, {ENOMEM}},
        {"take-dirty-log", take_dirty_log, {EFAULT}},
        {"run-discarded", run_discarded, {ENOMEM}},
        {"run-zero-page", run_zero_page, {ENOMEM}},
        {"run-read-only-slot", run_read_only_slot, {ENOMEM}},
        {"run-ioeventfd", run_ioeventfd, {ENOMEM}},
        {"run-stolen-time", run_stolen_time, {ENOMEM}},
    };
}

}  // namespace nest::fail_nth
