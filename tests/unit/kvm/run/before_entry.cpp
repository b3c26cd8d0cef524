// SPDX-License-Identifier: GPL-2.0-only
// What comes up between a vCPU's look at its requests and its entry. Another thread does it while the vCPU writes its stolen
// time, the last that it does before it turns interrupts off; or at the last look of all.
#include <atomic>
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>
#include <thread>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct BeforeEntry : VmTest {
    alignas(4096) static inline u8 memory[4096];
    static constexpr u64 kGpa = 0x4000'0000;

    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
        abi::UserMemoryRegion2 region{};
        region.guest_phys_addr = kGpa;
        region.memory_size = sizeof(memory);
        region.userspace_addr = reinterpret_cast<u64>(memory);
        ASSERT_EQ(vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &region), 0);
        ASSERT_TRUE(core().pvtime.set_ipa(true, abi::KVM_ARM_VCPU_PVTIME_IPA, kGpa, true).ok());
        test::port().run_delay_ns = 5;
    }
    static void raise_signal() { test::port().signal_pending = test::port().entry_blocked = true; }
    // Does this once, while the requests are being served.
    void meanwhile(std::function<void()> what) {
        core().make_request(Request::kStolenTime);
        test::port().on_user_copy = [what](u64) {
            test::port().on_user_copy = nullptr;
            what();
        };
    }
};

TEST_F(BeforeEntry, ARequestIsServedFirst) {
    meanwhile([&] { core().make_request(Request::kTraps); });
    bool asked = true;
    guest_does({[&](GuestContext&) {
        asked = core().has_requests();
        raise_signal();
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(asked);
    EXPECT_EQ(test::guest().entries, 1u);
}

TEST_F(BeforeEntry, ASignalKeepsTheGuestOut) {
    meanwhile(raise_signal);
    guest_does({});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(test::guest().entries, 0u);
}

// halt_all() by another thread after the vCPU has looked and before it enters: whoever halted it must find it outside, for
// as long as that takes.
TEST_F(BeforeEntry, AHaltIsSeen) {
    unsigned waits = 0;
    meanwhile([&] { core().vm.halt_all(); });
    test::port().on_wait = [&](nest_host_vcpu*) {
        waits++;
        core().vm.resume_all();
    };
    bool halted_inside = false;
    guest_does({[&](GuestContext&) {
        halted_inside = core().vm.halted();
        raise_signal();
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(halted_inside);
    EXPECT_EQ(waits, 1u);
    EXPECT_EQ(test::guest().entries, 1u);
}

// The thread is still on a CPU that has given its EL2 state away, and will be moved.
TEST_F(BeforeEntry, ACpuThatGoesDownRunsNoGuest) {
    unsigned looks = 0;
    test::port().on_entry_check = [&] {
        looks++;
        this_cpu().disabled = looks == 1;
    };
    bool disabled = true;
    guest_does({[&](GuestContext&) {
        disabled = this_cpu().disabled;
        raise_signal();
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(disabled);
    EXPECT_EQ(looks, 2u);
    EXPECT_EQ(test::guest().entries, 1u);
}

// Whoever halts the VM changes state that the hardware has while a guest runs.
TEST_F(BeforeEntry, AHaltWaitsForTheGuestsEnd) {
    std::atomic<bool> waits = false, halted = false;
    test::port().on_relax = [&] {
        waits = true;
        std::this_thread::yield();
    };
    std::thread other;
    bool halted_inside = true;
    guest_does({[&](GuestContext&) {
        other = std::thread([&] {
            core().vm.halt_all();
            halted = true;
        });
        while (!waits && !halted)
            std::this_thread::yield();
        halted_inside = halted;
        return ExitKind::kIrq;
    }});
    test::port().on_wait = [&](nest_host_vcpu*) {
        other.join();
        core().vm.resume_all();
        raise_signal();
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    if (other.joinable())
        other.join();
    EXPECT_FALSE(halted_inside);
    EXPECT_TRUE(halted);
}

}  // namespace
}  // namespace nest::kvm
