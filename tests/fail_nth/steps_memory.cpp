// SPDX-License-Identifier: GPL-2.0-only
// Memory slots and their dirty log.
#include <sys/mman.h>

#include "abi.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

constexpr u64 kOther = 0x8000'0000;

struct Slots {
    Scene scene;
    Mapping memory{4 << 20, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory"};
};

kvm_userspace_memory_region region(const Mapping& memory, u32 slot, u64 address, u32 flags = 0) {
    return {slot, flags, address, memory.bytes().size(), reinterpret_cast<u64>(memory.bytes().data())};
}

void set(const File& vm, const kvm_userspace_memory_region& wanted) {
    vm.call(KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &wanted);
}

// From a VM with one slot, or none, to what `change` makes of it.
Trial region_trial(bool there, const std::function<void(kvm_userspace_memory_region&)>& change) {
    const auto slots = std::make_shared<Slots>();
    kvm_userspace_memory_region wanted = region(slots->memory, 0, guests::kRam);
    if (there)
        set(slots->scene.vm, wanted);
    change(wanted);
    return ioctl_trial(slots, slots->scene.vm, KVM_SET_USER_MEMORY_REGION, wanted);
}

Trial create_region2() {
    const auto slots = std::make_shared<Slots>();
    MemoryRegion2 wanted{};
    wanted.guest_phys_addr = guests::kRam;
    wanted.memory_size = slots->memory.bytes().size();
    wanted.userspace_addr = reinterpret_cast<u64>(slots->memory.bytes().data());
    return ioctl_trial(slots, slots->scene.vm, kSetMemoryRegion2, wanted);
}

// The table of slots grows with the ids, the indices with the slots.
Trial create_many() {
    const auto slots = std::make_shared<Slots>();
    constexpr u32 kCount = 70;
    for (u32 i = 0; i < kCount; i++) {
        kvm_userspace_memory_region one = region(slots->memory, i, guests::kRam + u64{i} * 0x10'0000);
        one.memory_size = 0x1000;
        set(slots->scene.vm, one);
    }
    return ioctl_trial(slots, slots->scene.vm, KVM_SET_USER_MEMORY_REGION, region(slots->memory, 500, 0x1'0000'0000));
}

struct Log {
    Slots slots;
    u64 bits[16] = {};
};

// A log of 1024 pages, all of them dirty from the start.
std::shared_ptr<Log> make_log(u64 options) {
    const auto log = std::make_shared<Log>();
    const File& vm = log->slots.scene.vm;
    kvm_enable_cap enable{};
    enable.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
    enable.args[0] = options;
    vm.call(KVM_ENABLE_CAP, "KVM_ENABLE_CAP", &enable);
    set(vm, region(log->slots.memory, 0, guests::kRam, KVM_MEM_LOG_DIRTY_PAGES));
    return log;
}

Trial get_dirty_log() {
    const auto log = make_log(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
    kvm_dirty_log get{};
    get.dirty_bitmap = log->bits;
    Trial trial = ioctl_trial(log, log->slots.scene.vm, KVM_GET_DIRTY_LOG, get);
    trial.after = [log](long) {
        for (u64 bits : log->bits)
            if (bits != ~u64{0})
                throw Failure("the log has lost pages");
    };
    return trial;
}

// What a clear that failed has not taken, the next one takes: afterwards nothing is dirty.
Trial clear_dirty_log() {
    const auto log = make_log(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
    for (u64& bits : log->bits)
        bits = ~u64{0};
    kvm_clear_dirty_log clear{};
    clear.num_pages = 1024;
    clear.dirty_bitmap = log->bits;
    Trial trial = ioctl_trial(log, log->slots.scene.vm, KVM_CLEAR_DIRTY_LOG, clear);
    trial.after = [log](long) {
        kvm_dirty_log get{};
        get.dirty_bitmap = log->bits;
        log->slots.scene.vm.call(KVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", &get);
        for (u64 bits : log->bits)
            if (bits)
                throw Failure("pages stay dirty");
    };
    return trial;
}

}  // namespace

Steps memory_steps() {
    return {
        {"region-create", [] { return region_trial(false, [](auto&) {}); }},
        {"region-create-logging", [] { return region_trial(false, [](auto& r) { r.flags = KVM_MEM_LOG_DIRTY_PAGES; }); }},
        {"region-create-many", create_many},
        {"region2-create", create_region2},
        {"region-move", [] { return region_trial(true, [](auto& r) { r.guest_phys_addr = kOther; }); }},
        {"region-start-logging", [] { return region_trial(true, [](auto& r) { r.flags = KVM_MEM_LOG_DIRTY_PAGES; }); }},
        {"region-delete", [] { return region_trial(true, [](auto& r) { r.memory_size = 0; }); }},
        {"region-overlap", [] { return region_trial(true, [](auto& r) { r.slot = 1; }); }, {ENOMEM, EFAULT}, -EEXIST},
        {"get-dirty-log", get_dirty_log},
        {"clear-dirty-log", clear_dirty_log},
    };
}

}  // namespace nest::fail_nth
