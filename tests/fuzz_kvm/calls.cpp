// SPDX-License-Identifier: GPL-2.0-only
#include "calls.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <kvm/abi/device.hpp>
#include <kvm/abi/ioctl.hpp>

#include "arguments.hpp"

namespace nest::fuzz_kvm {
namespace {

namespace abi = nest::kvm::abi;

enum : u8 { kSystem = 1, kVm = 2, kVcpu = 4, kDevice = 8 };
enum class Result : u8 { none, fd_vm, fd_vcpu, fd_other };

struct Row {
    const char* name;
    u32 request;
    u8 on;
    Maker argument;
    Result result;
    int errors[8];
};

constexpr Row kRows[] = {
#define CALL(name, on, maker, result, ...) {#name, abi::name, on, argument::maker, Result::result, {__VA_ARGS__}},
#include "calls.def"
#undef CALL
};

// A new ioctl of the core has to be fuzzed, too.
consteval bool has_row(std::string_view name) {
    return std::ranges::any_of(kRows, [&](const Row& row) { return row.name == name; });
}
#define IOCTL(name, direction, number, bytes) static_assert(has_row(#name), "calls.def lacks " #name);
#include <kvm/abi/ioctls.def>
#undef IOCTL

// Of any ioctl: not this kind of descriptor, bad argument, no memory, a fatal signal, a VM of another process (EIO).
constexpr int kAlways[] = {EBADF, ENOTTY, EINVAL, EFAULT, ENOMEM, EINTR, EIO};

// Two ioctls may have one number, on different descriptors (KVM_ARM_SET_DEVICE_ADDR and KVM_GET_ONE_REG).
bool is_documented(u32 request, int error) {
    return std::ranges::find(kAlways, error) != std::end(kAlways) ||
           std::ranges::any_of(kRows, [&](const Row& row) {
               return row.request == request && std::ranges::find(row.errors, error) != std::end(row.errors);
           });
}

const Row* find(u32 request) {
    const auto row = std::ranges::find_if(kRows, [&](const Row& it) { return it.request == request; });
    return row == std::end(kRows) ? nullptr : row;
}

// The lowest free descriptor: the same before and after a call that has made none.
int lowest_free() {
    const int descriptor = fcntl(0, F_DUPFD_CLOEXEC, 0);
    if (descriptor >= 0)
        close(descriptor);
    return descriptor;
}

void keep_result(World& world, Random& r, const Row& row, int result, u64 argument) {
    if (row.request == abi::KVM_CREATE_DEVICE) {
        abi::CreateDevice device;
        std::memcpy(&device, reinterpret_cast<const void*>(argument), sizeof device);
        if (!(device.flags & abi::KVM_CREATE_DEVICE_TEST))
            world.keep(r, Kind::device, static_cast<int>(device.fd));
    }
    switch (row.result) {
    case Result::none: break;
    case Result::fd_vm: world.keep(r, Kind::vm, result); break;
    case Result::fd_other: world.keep(r, Kind::other, result); break;
    case Result::fd_vcpu: {
        const size_t slot = world.keep(r, Kind::vcpu, result);
        world.map_run(slot);
        break;
    }
    }
}

Kind kind_of(Random& r, u8 on) {
    for (;;) {
        const u8 bit = static_cast<u8>(r.below(4));
        if (on >> bit & 1)
            return static_cast<Kind>(bit);
    }
}

}  // namespace

int checked_ioctl(World& world, Random& r, int descriptor, u32 request, u64 argument) {
    const Row* row = find(request);
    doing(row ? row->name : "an unknown ioctl");
    const bool alone = world.alone;
    const int before = alone ? lowest_free() : 0;
    const int result = ioctl(descriptor, request, argument);
    const int error = result < 0 ? errno : 0;
    doing("");
    if (!row)
        return result;
    world.say("%s(%d, 0x%llx) = %d%s%s", row->name, descriptor, static_cast<unsigned long long>(argument), result,
              error ? " " : "", error ? strerrorname_np(error) : "");
    if (error) {
        if (!is_documented(request, error))
            world.fail("%s: %s is not documented", row->name, strerrorname_np(error) ? strerrorname_np(error) : "an errno that is none");
        if (alone && lowest_free() != before)
            world.fail("%s failed and left a descriptor", row->name);
    } else {
        keep_result(world, r, *row, result, argument);
    }
    errno = error;
    return result;
}

void random_call(World& world, Random& r) {
    const Row& row = r.of(kRows);
    const Kind kind = kind_of(r, row.on);
    const int descriptor = world.pick(r, kind);
    if (row.request == abi::KVM_RUN)
        return;     // the step `run` has the timer that ends it
    if (r.percent(2)) {
        checked_ioctl(world, r, descriptor, static_cast<u32>(r.percent(50) ? abi::make_ioctl(abi::Direction::NONE, r.next() & 0xff, 0)
                                                                           : row.request ^ (u32{1} << r.below(32))),
                      row.argument(world, r, row.request >> 16 & 0x3fff));
        return;
    }
    checked_ioctl(world, r, descriptor, row.request, row.argument(world, r, row.request >> 16 & 0x3fff));
}

void call_named(World& world, Random& r, const char* name, Kind kind) {
    const auto row = std::ranges::find_if(kRows, [&](const Row& it) { return std::string_view(it.name) == name; });
    checked_ioctl(world, r, world.pick(r, kind), row->request, row->argument(world, r, row->request >> 16 & 0x3fff));
}

}  // namespace nest::fuzz_kvm
