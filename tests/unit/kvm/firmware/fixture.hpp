// SPDX-License-Identifier: GPL-2.0-only
// A vCPU and a VM that record what a call asks of them.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kvm/abi/numbers.hpp>
#include <kvm/firmware/smccc_handlers.hpp>
#include <string>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::kvm {

using Regs = std::vector<u64>;

class SmcccTest : public testing::Test, protected SmcccVcpu, protected PsciVm {
protected:
    static constexpr u64 kNs = kSmcccNotSupported;

    SmcccTest() { who.psci_0_2 = true; }
    ~SmcccTest() override = default;

    // x0 to x3 after the call, and what became of it.
    Regs call(u64 x0, u64 x1 = 0, u64 x2 = 0, u64 x3 = 0, Conduit conduit = {}) {
        const u64 args[] = {x0, x1, x2, x3};
        for (unsigned i = 0; i < 4; i++)
            x[i] = args[i];
        events.clear();
        // Tier 0 must give the same answer, or none and change nothing.
        u64 out[] = {x0, x1, x2, x3};
        answered = smccc_answers_from_registers(config, who, out);
        if (!answered) {
            EXPECT_THAT(out, testing::ElementsAreArray(args));
        }
        EXPECT_TRUE(events.empty());
        next = smccc_call(config, *this, *this, conduit);
        if (answered) {
            EXPECT_EQ(next, vhe::Next::kResume);
            EXPECT_TRUE(events.empty());
            EXPECT_THAT(out, testing::ElementsAre(x[0], x[1], x[2], x[3]));
        }
        return {x[0], x[1], x[2], x[3]};
    }
    Status filter(u32 base, u32 count, u8 action, bool has_run = false) {
        SmcccFilterArgument a{};
        a.base = base;
        a.nr_functions = count;
        a.action = action;
        return config.filter.insert(a, has_run);
    }
    std::string event() const { return events.size() == 1 ? events[0] : "events: " + std::to_string(events.size()); }

    // SmcccVcpu
    u64 reg(unsigned n) const override { return x[n]; }
    void set_reg(unsigned n, u64 value) override { x[n] = value; }
    SmcccCaller caller() const override { return who; }
    bool big_endian() const override { return be; }
    // From now on another vCPU's CPU_ON may set this one's registers: the call's own result must be there already.
    void power_off() override {
        EXPECT_EQ(x[0], 0u);
        events.push_back("off");
    }
    void wait_for_interrupt() override { events.push_back("wfi"); }
    bool clock_snapshot(u64& realtime_ns, u64& counter) override {
        realtime_ns = 0x1122334455667788;
        counter = 0x10'0000'0100;
        return has_clock;
    }
    u64 virtual_offset() const override { return 0x100; }
    u64 physical_offset() const override { return 0x80; }
    u64 start_stolen_time() override { return stolen_time; }
    void exit_hypercall(u64 number, u64 flags) override {
        events.push_back("hypercall " + std::to_string(number) + " " + std::to_string(flags));
    }
    void exit_system_event(u32 type, u32 ndata, u64 flags) override {
        events.push_back("event " + std::to_string(type) + " " + std::to_string(ndata) + " " + std::to_string(flags));
    }
    // PsciVm
    PowerOnResult power_on(u64 mpidr, const PowerOnRequest& request) override {
        events.push_back("on");
        on_mpidr = mpidr;
        on = request;
        return on_result;
    }
    AffinityState affinity_state(u64 target, u64 mask) override {
        affinity_target = target;
        affinity_mask = mask;
        return affinity;
    }
    void stop_all() override { events.push_back("stop"); }

    SmcccConfig config;
    SmcccCaller who;
    u64 x[18] = {};
    bool answered = false, be = false, has_clock = true;
    vhe::Next next{};
    std::vector<std::string> events;
    u64 stolen_time = ~u64{0};
    u64 on_mpidr = 0;
    PowerOnRequest on{};
    PowerOnResult on_result = PowerOnResult::kDone;
    u64 affinity_target = 0, affinity_mask = 0;
    AffinityState affinity = AffinityState::kNobody;
};

}  // namespace nest::kvm
