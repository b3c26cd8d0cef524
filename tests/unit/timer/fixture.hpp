// SPDX-License-Identifier: GPL-2.0-only
// A machine with a running counter and two EL1 timers, and interrupt lines that remember what they were told.
#pragma once
#include <arch/cpu.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tests/fake/port.hpp>
#include <timer/load_put.hpp>

namespace nest::timer {

using arch::SysReg;
using test::Event;

// FakeCpu whose timers have a comparator: ISTATUS follows from the counter, the offset and CVAL.
struct Machine : test::FakeCpu {
    u64 count = 0;
    bool tge = true;      // HCR_EL2.TGE: CNTPOFF_EL2 applies to CNTP while it is 0
    bool cntpoff = false;

    u64 offset(Slot slot) {
        if (slot == Slot::kVirtual)
            return registers[SysReg::CNTVOFF_EL2];
        return cntpoff && !tge ? registers[SysReg::CNTPOFF_EL2] : 0;
    }
    u64 ctl(Slot slot) {
        const bool v = slot == Slot::kVirtual;
        const u64 ctl = registers[v ? SysReg::CNTV_CTL_EL02 : SysReg::CNTP_CTL_EL02] & 3;
        const u64 cval = registers[v ? SysReg::CNTV_CVAL_EL02 : SysReg::CNTP_CVAL_EL02];
        return ctl | ((ctl & 1) && count - offset(slot) >= cval ? 4 : 0);
    }
    Machine() {
        reads_as = [this](SysReg reg, u64 kept) {
            switch (reg) {
            case SysReg::CNTPCT_EL0: return count;
            case SysReg::CNTV_CTL_EL02: return ctl(Slot::kVirtual);
            case SysReg::CNTP_CTL_EL02: return ctl(Slot::kPhysical);
            default: return kept;
            }
        };
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    std::vector<Event> writes_and_isbs() const {
        std::vector<Event> result;
        for (const Event& e : log)
            if (e.kind == Event::kWrite || e.kind == Event::kIsb)
                result.push_back(e);
        return result;
    }
    unsigned reads() const {
        unsigned n = 0;
        for (const Event& e : log)
            n += e.kind == Event::kRead;
        return n;
    }
};

inline Event wrote(SysReg reg, u64 value) { return {Event::kWrite, static_cast<u64>(reg), value}; }

struct Lines final : IrqLines {
    struct Told {
        TimerId id;
        bool level;
        bool operator==(const Told&) const = default;
    };
    std::vector<Told> levels;
    std::vector<std::pair<Slot, bool>> active;
    std::vector<std::pair<TimerId, TimerId>> handed;
    bool vgic_busy[kTimerCount] = {};

    void set_level(TimerId id, bool level) override { levels.push_back({id, level}); }
    bool vgic_active_or_pending(TimerId id) override { return vgic_busy[index_of(id)]; }
    void change_hands(Slot, TimerId leaves, TimerId comes) override { handed.push_back({leaves, comes}); }
    void set_physical_active(Slot slot, bool on) override { active.push_back({slot, on}); }
    void forget() {
        levels.clear();
        active.clear();
    }
    bool told(TimerId id, bool level) const {
        for (const Told& t : levels)
            if (t == Told{id, level})
                return true;
        return false;
    }
};

class TimerTest : public testing::Test {
protected:
    static constexpr u64 kStart = 1'000'000'000;
    static constexpr TimerAccess kVCtl{TimerId::kVirtual, TimerReg::kControl};
    static constexpr TimerAccess kVCval{TimerId::kVirtual, TimerReg::kCompare};
    static constexpr TimerAccess kVTval{TimerId::kVirtual, TimerReg::kValue};
    static constexpr TimerAccess kVCount{TimerId::kVirtual, TimerReg::kCount};
    static constexpr TimerAccess kPCtl{TimerId::kPhysical, TimerReg::kControl};
    static constexpr TimerAccess kPCval{TimerId::kPhysical, TimerReg::kCompare};
    static constexpr TimerAccess kPTval{TimerId::kPhysical, TimerReg::kValue};
    static constexpr TimerAccess kPCount{TimerId::kPhysical, TimerReg::kCount};

    TimerTest() {
        test::port().reset();
        cpu.count = kStart;
        timers.init(vm, lines, this, 7);
        test::port().hrtimer_fired = [this](void* owner, unsigned which) {
            EXPECT_EQ(owner, this);
            EXPECT_EQ(which, 7u);
            // Time and counter run together: 1 GHz.
            cpu.count = kStart + (test::port().now_ns - start_ns);
            woken += timers.on_soft_timer(cpu);
        };
        start_ns = test::port().now_ns;
    }
    ~TimerTest() override {
        timers.terminate();
        EXPECT_EQ(test::port().armed_timers(), 0u);
        test::port().reset();
    }
    void enable(bool irqchip = true) { ASSERT_TRUE(timers.enable(irqchip).ok()); }
    void load() {
        nest_port_preempt_disable();
        timers.load(cpu);
        nest_port_preempt_enable();
    }
    void put(const Wait& wait = {}) {
        nest_port_preempt_disable();
        timers.put(cpu, wait);
        nest_port_preempt_enable();
    }
    void pass(u64 ticks) {
        test::port().advance(ticks);
        cpu.count = kStart + (test::port().now_ns - start_ns);
    }
    void set_one_reg(TimerAccess access, u64 value) { timers.set_one_reg(access, value, cpu.count); }

    HostTimers host{TickScale(1'000'000'000), false, false, {27, 30}};
    VmTimers vm{host, kStart};
    Machine cpu;
    Lines lines;
    VcpuTimers timers;
    unsigned woken = 0;
    u64 start_ns = 0;
};

// What L1 and its guest see: the pair that runs is in hardware, the other fires by the hrtimer.
struct NestedTest : TimerTest {
    static constexpr TimerAccess kHvCtl{TimerId::kHypVirtual, TimerReg::kControl};
    static constexpr TimerAccess kHvCval{TimerId::kHypVirtual, TimerReg::kCompare};
    NestedTest() { timers.init_el2(&cntvoff); }
    u64 cntvoff = 1000;
};

}  // namespace nest::timer
