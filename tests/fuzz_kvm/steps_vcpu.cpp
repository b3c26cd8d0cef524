// SPDX-License-Identifier: GPL-2.0-only
// Steps around a vCPU: its registers, and KVM_RUN.
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <kvm/abi/ioctl.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/abi/run.hpp>

#include "calls.hpp"
#include "place.hpp"
#include "steps.hpp"
#include "threads.hpp"

namespace nest::fuzz_kvm::step {
namespace {

namespace abi = nest::kvm::abi;

// All that arm64's KVM_RUN may say.
bool is_documented(u32 exit_reason) {
    constexpr u32 kReasons[] = {abi::KVM_EXIT_EXCEPTION, abi::KVM_EXIT_HYPERCALL, abi::KVM_EXIT_DEBUG, abi::KVM_EXIT_MMIO,
                                abi::KVM_EXIT_FAIL_ENTRY, abi::KVM_EXIT_INTR, abi::KVM_EXIT_INTERNAL_ERROR,
                                abi::KVM_EXIT_SYSTEM_EVENT, abi::KVM_EXIT_ARM_NISV, abi::KVM_EXIT_DIRTY_RING_FULL,
                                abi::KVM_EXIT_MEMORY_FAULT, abi::KVM_EXIT_ARM_SEA, abi::KVM_EXIT_ARM_LDST64B,
                                abi::KVM_EXIT_UNKNOWN};
    return std::ranges::find(kReasons, exit_reason) != std::end(kReasons);
}

void answer(Random& r, volatile abi::Run& run) {
    switch (run.exit_reason) {
    case abi::KVM_EXIT_MMIO:
        for (volatile nest::u8& byte : run.mmio.data)
            byte = static_cast<nest::u8>(r.next());
        break;
    case abi::KVM_EXIT_HYPERCALL:
        break;
    }
}

// Where the vCPU is, said to whoever replays it; and past the instruction if it is one that only the VMM could do.
void look_after(World& world, int vcpu, bool skip) {
    u64 pc = 0, pstate = 0;
    const auto access = [&](u32 request, u64 offset, u64& value) {
        const abi::OneReg it{abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | offset, reinterpret_cast<u64>(&value)};
        ioctl(vcpu, request, &it);
    };
    if (!skip && !world.verbose())
        return;
    access(abi::KVM_GET_ONE_REG, NEST_CORE_OFFSET(pc), pc);
    access(abi::KVM_GET_ONE_REG, NEST_CORE_OFFSET(pstate), pstate);
    world.say("  PC 0x%llx, PSTATE 0x%llx", static_cast<unsigned long long>(pc), static_cast<unsigned long long>(pstate));
    if (skip) {
        pc += 4;
        access(abi::KVM_SET_ONE_REG, NEST_CORE_OFFSET(pc), pc);
    }
}

size_t slot_of_a_vcpu(World& world, Random& r) {
    const size_t first = r.below(kSlots);
    for (size_t i = 0; i < kSlots; i++)
        if (world.vcpu_in((first + i) % kSlots) >= 0)
            return (first + i) % kSlots;
    return first;
}

}  // namespace

void run(World& world, Random& r) {
    const size_t slot = slot_of_a_vcpu(world, r);
    const int vcpu = world.vcpu_in(slot);
    char* page = world.run_page(slot);
    auto* state = reinterpret_cast<volatile abi::Run*>(page);
    if (r.one_in(3))
        put_in_place(world, r, vcpu);
    if (state)
        state->immediate_exit = r.one_in(20);
    const RunTimer timer(page, 1 + r.below(r.one_in(8) ? 40 : 12), 100);
    for (u64 exits = 1 + r.below(40); exits > 0 && !RunTimer::is_over(); exits--) {
        const int result = checked_ioctl(world, r, vcpu, abi::KVM_RUN, 0);
        const int error = errno;
        const u32 reason = state ? state->exit_reason : 0;
        look_after(world, vcpu, result < 0 ? error == ENOSYS : reason == abi::KVM_EXIT_ARM_NISV);
        if (result < 0 && error != ENOSYS)
            break;
        if (!state || result < 0)
            continue;
        if (world.alone && !is_documented(reason))
            world.fail("KVM_RUN ended with the exit reason %u", reason);
        world.say("  exit reason %u", reason);
        answer(r, *state);
    }
}

void place_vcpu(World& world, Random& r) { put_in_place(world, r, world.vcpu_in(slot_of_a_vcpu(world, r))); }

void set_register(World& world, Random& r) {
    const int vcpu = world.vcpu_in(slot_of_a_vcpu(world, r));
    constexpr u64 kMost = kScratch / 8 - 600;
    std::memcpy(here().scratch, &kMost, sizeof kMost);
    if (checked_ioctl(world, r, vcpu, abi::KVM_GET_REG_LIST, reinterpret_cast<u64>(here().scratch)) < 0)
        return;
    u64 count;
    std::memcpy(&count, here().scratch, sizeof count);
    char* value = here().scratch + kScratch - 2048;
    for (u64 i = 1 + r.below(6); i > 0; i--) {
        u64 id;
        std::memcpy(&id, here().scratch + 8 + r.below(count) * 8, sizeof id);
        abi::OneReg access{id, reinterpret_cast<u64>(value)};
        char* at = value - 64;
        std::memcpy(at, &access, sizeof access);
        if (checked_ioctl(world, r, vcpu, abi::KVM_GET_ONE_REG, reinterpret_cast<u64>(at)) == 0 && r.percent(80)) {
            u64 word;
            std::memcpy(&word, value, sizeof word);
            word = r.one_in(3) ? r.number() : r.one_in(2) ? word ^ u64{1} << r.below(64) : guest_address(r);
            std::memcpy(value, &word, sizeof word);
        }
        checked_ioctl(world, r, vcpu, abi::KVM_SET_ONE_REG, reinterpret_cast<u64>(at));
    }
}

}  // namespace nest::fuzz_kvm::step
