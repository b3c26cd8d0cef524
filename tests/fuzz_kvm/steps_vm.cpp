// SPDX-License-Identifier: GPL-2.0-only
// Steps around a VM: a whole one, its interrupts, its devices, its descriptors.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <kvm/abi/capability.hpp>
#include <kvm/abi/device.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/abi/irq.hpp>
#include <kvm/abi/memory.hpp>
#include <kvm/abi/registers.hpp>

#include "calls.hpp"
#include "guest.hpp"
#include "place.hpp"
#include "steps.hpp"
#include "threads.hpp"

namespace nest::fuzz_kvm::step {
namespace {

namespace abi = nest::kvm::abi;

template <typename T>
int call_with(World& world, Random& r, int descriptor, u32 request, const T& argument) {
    std::memcpy(here().scratch, &argument, sizeof argument);
    return checked_ioctl(world, r, descriptor, request, reinterpret_cast<u64>(here().scratch));
}

void add_slot(World& world, Random& r, int vm, u32 slot, u32 flags, u64 at, u64 size, const char* user) {
    call_with(world, r, vm, abi::KVM_SET_USER_MEMORY_REGION,
              abi::UserMemoryRegion{slot, flags, at, size, reinterpret_cast<u64>(user)});
}

void set_attr(World& world, Random& r, int device, u32 group, u64 attr, u64 value, bool is_u32 = false) {
    std::memcpy(here().scratch + kPage, &value, is_u32 ? 4 : 8);
    call_with(world, r, device, abi::KVM_SET_DEVICE_ATTR,
              abi::DeviceAttr{0, group, attr, reinterpret_cast<u64>(here().scratch + kPage)});
}

int make_gic(World& world, Random& r, int vm, bool el2) {
    if (call_with(world, r, vm, abi::KVM_CREATE_DEVICE, abi::CreateDevice{abi::KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0}) < 0)
        return -1;
    abi::CreateDevice made;
    std::memcpy(&made, here().scratch, sizeof made);
    const int gic = static_cast<int>(made.fd);
    set_attr(world, r, gic, 0, 2, kDistributor);
    set_attr(world, r, gic, 0, 3, kRedistributor);
    set_attr(world, r, gic, 3, 0, 64, true);
    if (el2)
        set_attr(world, r, gic, 9, 0, 25, true);
    return gic;
}

// Its tables and commands are the guest's; what user space writes goes by device_attr().
void make_its(World& world, Random& r, int vm) {
    if (call_with(world, r, vm, abi::KVM_CREATE_DEVICE, abi::CreateDevice{abi::KVM_DEV_TYPE_ARM_VGIC_ITS, 0, 0}) < 0)
        return;
    abi::CreateDevice made;
    std::memcpy(&made, here().scratch, sizeof made);
    const int its = static_cast<int>(made.fd);
    set_attr(world, r, its, 0, 4, kIts);
    if (!r.one_in(8))
        set_attr(world, r, its, 4, 0, 0);
}

// To lengths that may or may not be a set that the machine has.
void shorten_vectors(World& world, Random& r, int vcpu) {
    const std::array<u64, 8> lengths{r.one_in(4) ? r.number() : r.below(16)};
    call_with(world, r, vcpu, abi::KVM_SET_ONE_REG,
              abi::OneReg{abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U512 | abi::KVM_REG_ARM64_SVE | abi::KVM_REG_ARM64_SVE_VLS,
                          reinterpret_cast<u64>(lengths.data())});
}

void make_vcpus(World& world, Random& r, int vm, bool el2) {
    const u64 count = 1 + r.below(3);
    const bool pauth = r.percent(70), sve = r.percent(40);
    for (u64 id = 0; id < count; id++) {
        const int vcpu = checked_ioctl(world, r, vm, abi::KVM_CREATE_VCPU, id);
        if (vcpu < 0)
            return;
        abi::VcpuInit init{};
        init.target = abi::KVM_ARM_TARGET_GENERIC_V8;
        init.features[0] = 1u << abi::KVM_ARM_VCPU_PSCI_0_2 | u32{pauth} << 5 | u32{pauth} << 6 |
                           u32{sve} << abi::KVM_ARM_VCPU_SVE | u32{el2} << abi::KVM_ARM_VCPU_HAS_EL2 | u32{id != 0 && r.one_in(3)} << abi::KVM_ARM_VCPU_POWER_OFF;
        call_with(world, r, vcpu, abi::KVM_ARM_VCPU_INIT, init);
        if (sve && r.percent(90)) {
            if (r.one_in(3))
                shorten_vectors(world, r, vcpu);
            call_with(world, r, vcpu, abi::KVM_ARM_VCPU_FINALIZE, u32{abi::KVM_ARM_VCPU_SVE});
        }
        put_in_place(world, r, vcpu);
    }
}

int make_event(World& world, Random& r) {
    const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event >= 0)
        world.keep(r, Kind::event, event);
    return event;
}

}  // namespace

void boot(World& world, Random& r) {
    const int vm = checked_ioctl(world, r, world.pick_live(r, Kind::system), abi::KVM_CREATE_VM, r.percent(80) ? 0 : 40);
    if (vm < 0)
        return;
    fill_ram(r, world.ram());
    add_slot(world, r, vm, 0, r.one_in(4), kRam, kRamSize, world.ram());
    if (r.percent(80)) {
        add_slot(world, r, vm, 1, abi::KVM_MEM_READONLY, kReadOnly, kExtraSize, world.read_only());
        add_slot(world, r, vm, 2, abi::KVM_MEM_LOG_DIRTY_PAGES, kShared, kExtraSize, world.shared());
    }
    if (r.one_in(2)) {
        const u64 nisv_to_user[13] = {abi::KVM_CAP_ARM_NISV_TO_USER};
        call_with(world, r, vm, abi::KVM_ENABLE_CAP, nisv_to_user);
    }
    if (r.one_in(3)) {
        const u64 ring[13] = {abi::KVM_CAP_DIRTY_LOG_RING_ACQ_REL, kPage << r.below(3)};
        const u64 bitmaps[13] = {abi::KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP};
        call_with(world, r, vm, abi::KVM_ENABLE_CAP, ring);
        if (r.one_in(2))
            call_with(world, r, vm, abi::KVM_ENABLE_CAP, bitmaps);
    }
    const bool el2 = r.percent(65), has_gic = r.percent(85), gic_first = r.one_in(2);
    int gic = has_gic && gic_first ? make_gic(world, r, vm, el2) : -1;
    make_vcpus(world, r, vm, el2);
    if (has_gic && !gic_first)
        gic = make_gic(world, r, vm, el2);
    if (gic >= 0 && r.one_in(2))
        make_its(world, r, vm);
    if (gic >= 0 && !r.one_in(16))
        set_attr(world, r, gic, 4, 0, 0);       // its init; no vCPU may come after it
}

void call(World& world, Random& r) { random_call(world, r); }

void slot(World& world, Random& r) {
    call_named(world, r, r.one_in(2) ? "KVM_SET_USER_MEMORY_REGION" : "KVM_SET_USER_MEMORY_REGION2", Kind::vm);
}

void dirty_log(World& world, Random& r) {
    const int vm = world.pick_live(r, Kind::vm);
    const u64 bitmap = reinterpret_cast<u64>(here().scratch + kPage);
    const u32 slot = static_cast<u32>(r.of({0, 2, 2}));
    call_with(world, r, vm, abi::KVM_GET_DIRTY_LOG, abi::DirtyLog{slot, 0, bitmap});
    const u32 pages = static_cast<u32>((slot ? kExtraSize : kRamSize) / kPage);
    call_with(world, r, vm, abi::KVM_CLEAR_DIRTY_LOG, abi::ClearDirtyLog{slot, pages, 0, bitmap});
    if (r.one_in(4))
        call_named(world, r, "KVM_CLEAR_DIRTY_LOG", Kind::vm);
}

void event_line(World& world, Random& r) {
    if (world.pick_live(r, Kind::event) < 0 || r.one_in(3))
        make_event(world, r);
    if (r.percent(60))
        call_named(world, r, r.one_in(4) ? "KVM_IOEVENTFD" : "KVM_IRQFD", Kind::vm);
    const u64 one = 1;
    const int event = world.pick_live(r, Kind::event);
    for (u64 i = r.below(4); i > 0; i--)
        [[maybe_unused]] const ssize_t written = write(event, &one, sizeof one);
    if (r.one_in(3))
        world.close_one(r, Kind::event);
}

void interrupt(World& world, Random& r) {
    const u32 line = static_cast<u32>(r.of({1u << 24 | static_cast<u32>(32 + r.below(32)), 2u << 24 | static_cast<u32>(16 + r.below(16)),
                                            0u << 24 | static_cast<u32>(r.below(2))})) | static_cast<u32>(r.below(2)) << 16;
    for (u32 i = 0, many = static_cast<u32>(1 + r.below(4)); i < many; i++)
        call_with(world, r, world.pick_live(r, Kind::vm), abi::KVM_IRQ_LINE, abi::IrqLevel{line, static_cast<u32>(r.below(2))});
}

void gic_attribute(World& world, Random& r) {
    call_named(world, r, r.of({"KVM_SET_DEVICE_ATTR", "KVM_GET_DEVICE_ATTR", "KVM_HAS_DEVICE_ATTR"}), Kind::device);
}

void close_descriptor(World& world, Random& r) {
    world.close_one(r, r.of({Kind::vm, Kind::vcpu, Kind::device, Kind::event, Kind::other, Kind::vcpu}));
}

void read_descriptor(World& world, Random& r) {
    const Kind kind = r.of({Kind::other, Kind::other, Kind::vm, Kind::vcpu, Kind::device});
    const int descriptor = world.pick(r, kind);
    void* at = world.user_address(r);
    pollfd wanted{descriptor, POLLIN, 0};
    poll(&wanted, 1, 0);
    if (descriptor > 2)
        [[maybe_unused]] const ssize_t got = r.one_in(2) ? pread(descriptor, at, r.percent(80) ? r.below(8192) : r.number(),
                                                                 static_cast<off_t>(r.percent(70) ? r.below(4096) : r.number()))
                                                         : read(descriptor, here().scratch, kPage);
}

// Another process has the descriptors, but not the memory that the VM is made of.
void other_process(World& world, Random& r) {
    const int vm = world.pick_live(r, Kind::vm), vcpu = world.pick_live(r, Kind::vcpu), device = world.pick_live(r, Kind::device);
    doing("fork");
    const pid_t child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0) {
        alarm(2);
        u64 argument[8] = {};
        for (const u32 request : {abi::KVM_RUN, abi::KVM_SET_USER_MEMORY_REGION, abi::KVM_CREATE_VCPU, abi::KVM_GET_ONE_REG,
                                  abi::KVM_IRQFD, abi::KVM_SET_DEVICE_ATTR})
            for (const int descriptor : {vm, vcpu, device})
                syscall(SYS_ioctl, descriptor, request, request == abi::KVM_RUN ? 0 : reinterpret_cast<u64>(argument));
        void* at = mmap(nullptr, world.run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
        syscall(SYS_exit_group, at == nullptr);
    }
    if (child > 0) {
        if (r.one_in(3))
            kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    doing("");
}

void signal_thread(World&, Random& r) { signal_another(r); }

}  // namespace nest::fuzz_kvm::step
