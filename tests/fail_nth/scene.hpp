// SPDX-License-Identifier: GPL-2.0-only
// What steps start from: VMs that are more or less complete.
#pragma once

#include <linux/kvm.h>

#include <memory>
#include <optional>
#include <span>

#include "../guests/machine/machine.hpp"
#include "injector.hpp"
#include "step.hpp"

namespace nest::fail_nth {

using guests::File;
using guests::Level;
using guests::Machine;
using guests::Mapping;
using guests::u32;
using guests::u64;
using guests::Vcpu;

// A VM with as much as a step asks for.
struct Scene {
    File kvm = guests::open_kvm();
    File vm{kvm.call(KVM_CREATE_VM, "KVM_CREATE_VM"), "VM"};
    std::optional<Mapping> ram;
    std::optional<File> gic;
    std::optional<Vcpu> vcpu;

    Scene& with_ram(size_t bytes = 1 << 20);
    Scene& with_gic();          // created, not initialised
    Scene& with_vcpu();         // created, not initialised
    Scene& with_ready_vcpu(Level level = Level::el1);

    unsigned long run_size() const { return kvm.call(KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE"); }
    kvm_vcpu_init preferred(Level level) const;
};
using ScenePtr = std::shared_ptr<Scene>;
ScenePtr make_scene();

// A trial of one ioctl. The argument is copied, and lives as long as the trial; `file` belongs to `owner`.
template <typename Argument>
Trial ioctl_trial(std::shared_ptr<void> owner, const File& file, unsigned long request, const Argument& argument) {
    auto copy = std::make_shared<Argument>(argument);
    return {[owner, copy, number = file.number(), request] { return injector().ioctl(number, request, copy.get()); }};
}
Trial plain_trial(std::shared_ptr<void> owner, const File& file, unsigned long request, unsigned long argument = 0);
// The same, of an ioctl that gives a descriptor: success closes it.
Trial descriptor_trial(std::shared_ptr<void> owner, const File& file, unsigned long request, unsigned long argument = 0);
void close_descriptor(long descriptor);

// eventfd(), closed with its owner.
std::shared_ptr<File> make_eventfd();

}  // namespace nest::fail_nth
