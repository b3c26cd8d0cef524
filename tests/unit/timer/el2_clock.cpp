// SPDX-License-Identifier: GPL-2.0-only
// The counts of a VM with virtual EL2, as a VMM reads and writes them.
#include <algorithm>
#include <string>
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

// A VMM that stops, saves and restores a VM with virtual EL2.
struct El2Clock : NestedTest {
    static constexpr u64 kP = 70'000'000, kOff = 5'000'000;
    El2Clock() { host.cntpoff = cpu.cntpoff = true; }
    u64 get(TimerAccess access) { return timers.get_one_reg(access, cpu.count); }
    void set_cntvoff(u64 value) {
        cntvoff = value;
        timers.virtual_offset_was_set();
    }
};

TEST_F(El2Clock, WhatIsReadAndWrittenBackMovesNothing) {
    set_one_reg(kPCount, kP);
    set_cntvoff(kOff);
    EXPECT_EQ(get(kPCount), kP);
    EXPECT_EQ(get(kVCount), kP - kOff);
    set_one_reg(kVCount, get(kVCount));
    EXPECT_EQ(get(kPCount), kP);
    EXPECT_EQ(get(kVCount), kP - kOff);
    set_one_reg(kPCount, get(kPCount));
    EXPECT_EQ(get(kVCount), kP - kOff);
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), kStart) << "a guest at EL1 has that, this one has not";
}

TEST_F(El2Clock, StopsAndContinuesByEitherCount) {
    set_one_reg(kPCount, kP);
    set_cntvoff(kOff);
    for (TimerAccess by : {kVCount, kPCount}) {
        const u64 stopped = get(by);
        cpu.count += 100'000'000'000;
        set_one_reg(by, stopped);
        EXPECT_EQ(get(kPCount), kP);
        EXPECT_EQ(get(kVCount), kP - kOff);
    }
}

TEST_F(El2Clock, RestoredInAnyOrder) {
    std::string order = "opv";
    do {
        SCOPED_TRACE(order);
        VmTimers fresh(host, cpu.count);
        VcpuTimers restored;
        u64 off = 0;
        restored.init(fresh, lines, this, 7);
        restored.init_el2(&off);
        for (char c : order) {
            if (c == 'o')
                off = kOff;
            else
                restored.set_one_reg(c == 'p' ? kPCount : kVCount, c == 'p' ? kP : kP - kOff, cpu.count);
            restored.virtual_offset_was_set();
        }
        EXPECT_EQ(restored.get_one_reg(kPCount, cpu.count), kP);
        EXPECT_EQ(restored.get_one_reg(kVCount, cpu.count), kP - kOff);
    } while (std::next_permutation(order.begin(), order.end()));
}

// Without CNTPOFF_EL2 a small offset is left out (VmTimers::set_el2_count()); a large CNTVOFF_EL2 does not make it large.
TEST_F(El2Clock, WhatGoesUnnoticedIsAskedOfTheResult) {
    host.cntpoff = false;
    const u64 second = 1'000'000'000;
    cpu.count = 500 * second;
    set_cntvoff(0);
    set_one_reg(kPCount, 499 * second);
    set_one_reg(kVCount, 199 * second);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 301 * second);
    set_cntvoff(300 * second);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 0u);
    EXPECT_EQ(get(kVCount), 200 * second);
}

// What L1 does later to CNTVOFF_EL2, and what another vCPU's VMM thread has set since, is nothing of that.
TEST_F(El2Clock, OnlyUntilItRunsOrTheVmsOffsetIsSetAnew) {
    enable();
    set_cntvoff(0);
    set_one_reg(kVCount, kP);
    load();
    put();
    set_cntvoff(kOff);
    EXPECT_EQ(get(kPCount), kP);
    set_one_reg(kVCount, kP);
    vm.set_el2_count(2 * kP, cpu.count);
    set_cntvoff(2 * kOff);
    EXPECT_EQ(get(kPCount), 2 * kP);
    ASSERT_TRUE(vm.set_counter_offset(77, 0).ok());
    set_one_reg(kVCount, kP);
    set_cntvoff(3 * kOff);
    EXPECT_EQ(get(kPCount), cpu.count - 77);
}

}  // namespace
}  // namespace nest::timer
