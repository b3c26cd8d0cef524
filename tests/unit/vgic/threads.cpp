// SPDX-License-Identifier: GPL-2.0-only
// vCPUs that run, devices that inject and a vCPU that reroutes, each in its own thread: no deadlock, nothing lost.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <thread>

namespace nest::test {
namespace {

struct QuietCallbacks final : vgic::Callbacks {
    void kick(unsigned) override {}
    void eoi(unsigned) override {}
    bool irq_line_level(unsigned, unsigned) override { return false; }
    void set_physical_active(unsigned, unsigned, bool) override {}
    Status read_guest(u64, void*, size_t) override { return Errno::kFault; }
    Status write_guest(u64, const void*, size_t) override { return Errno::kFault; }
    void halt_all() override {}
    void resume_all() override {}
};

// Two vCPUs, a third one that only accesses the distributor, and counts of what has come to each thread.
class Race {
public:
    static constexpr unsigned kSpi = 8, kRounds = 60;

    Race() {
        for (unsigned i = 0; i < 3; i++)
            Machine::ok(d_.register_cpu(states_[i], i, i));
        Machine::ok(d_.set_base(kDistBase));
        Machine::ok(d_.add_region(kRedistBase, 0, 0));
        Machine::ok(d_.init());
        d_.set_enabled(true);
        write(0xc08, ~u64{0});
        write(0x104, ~u64{0});
    }

    void run_vcpu(unsigned v) {
        FakeCpu cpu;
        vgic::load(cpu, states_[v]);
        FakeCpuInterface(cpu, 4).set_vmcr(0xf0, true, false);
        unsigned next_ipi = 0;
        while (!stop) {
            const unsigned intid = enter_and_leave(cpu, v);
            if (intid >= 32 && intid != FakeCpuInterface::kSpurious)
                received[intid - 32]++;
            if (intid == 3)
                ipis[v]++;
            turns[v]++;
            // One in four rounds of the other's, which may be much slower: they, of the smaller INTID, come before its SPIs.
            if (turns[1 - v] >= next_ipi) {
                next_ipi = turns[1 - v] + 4;
                vgic::send_sgi(states_[v], arch::SysReg::ICC_SGI1R_EL1, 3u << 24 | 1u << (1 - v));
            }
        }
    }
    void reroute() {
        for (unsigned n = 0; !stop; turns[2] = ++n)
            write(0x6100 + 8 * (n % kSpi), n % 3 & 1, 8);
    }

    struct Round {
        unsigned arrived = 0;
        bool injected = false, twice = false;
    };
    // Each SPI is injected again only once it has arrived: then every one of them must.
    Round inject() {
        Round round;
        for (unsigned i = 0; i < kSpi; i++) {
            if (sent_[i] == received[i] && sent_[i] < kRounds) {
                sent_[i]++;
                round.injected = true;
                Machine::ok(vgic::inject_spi(d_, 32 + i, true));
            }
            round.twice |= received[i] > sent_[i];
            round.arrived += received[i];
        }
        return round;
    }

    std::atomic<unsigned> received[kSpi] = {}, ipis[2] = {}, turns[3] = {};
    std::atomic<bool> stop = false;

private:
    void write(u64 offset, u64 value, unsigned length = 4) {
        vgic::mmio_write(states_[2], arch::Ipa(kDistBase + offset), length, value);
    }
    // The guest's handler; the INTID.
    unsigned enter_and_leave(FakeCpu& cpu, unsigned v) {
        cpu.log.clear();
        nest_port_irq_disable();
        vgic::flush(cpu, states_[v]);
        FakeCpuInterface g(cpu, 4);
        const unsigned intid = g.acknowledge();
        if (intid != FakeCpuInterface::kSpurious)
            g.eoi(intid);
        vgic::sync(cpu, states_[v]);
        nest_port_irq_enable();
        return intid;
    }

    Machine shape_{0};
    QuietCallbacks callbacks_;
    vgic::Distributor d_{callbacks_, shape_.gic, kIpaLimit};
    vgic::CpuInterface states_[3];
    unsigned sent_[kSpi] = {};
};

// What a lock that is not there has lost never comes: nothing arrives for so long while both vCPUs and the router go on.
// (Turns alone say little: a vCPU without an SPI takes thousands while the other one, who has it, waits for a CPU.)
class Patience {
public:
    explicit Patience(const Race& race) : race_(race) {}
    bool is_over() const {
        bool over = std::chrono::steady_clock::now() - last_ > kLong;
        for (unsigned v = 0; v < 3; v++)
            over &= race_.turns[v] - since_[v] > kEnough;
        return over;
    }
    void renew() {
        last_ = std::chrono::steady_clock::now();
        for (unsigned v = 0; v < 3; v++)
            since_[v] = race_.turns[v];
    }

private:
    static constexpr auto kLong = std::chrono::seconds(10);
    static constexpr unsigned kEnough = 20000;

    const Race& race_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    unsigned since_[3] = {};
};

TEST(Threads, EveryEdgeArrivesOnce) {
    Race race;
    std::thread threads[] = {std::thread([&] { race.run_vcpu(0); }), std::thread([&] { race.run_vcpu(1); }),
                             std::thread([&] { race.reroute(); })};
    Patience patience(race);
    Race::Round round;
    bool lost = false;
    // An IPI, too, has to arrive: on a busy machine one of the two may hardly have run when the SPIs are through.
    while (!round.twice && !lost && (round.arrived < Race::kSpi * Race::kRounds || !(race.ipis[0] + race.ipis[1]))) {
        const bool enough = patience.is_over();
        const unsigned before = round.arrived;
        round = race.inject();
        const bool news = round.injected || round.arrived != before;
        lost = enough && !news;
        if (news)
            patience.renew();
    }
    race.stop = true;
    for (std::thread& t : threads)
        t.join();
    EXPECT_FALSE(round.twice) << "an edge was delivered twice";
    EXPECT_FALSE(lost) << "an edge, or the IPIs, never arrived";
    for (unsigned i = 0; i < Race::kSpi; i++)
        EXPECT_EQ(race.received[i], Race::kRounds) << "SPI " << 32 + i;
}

}  // namespace
}  // namespace nest::test
