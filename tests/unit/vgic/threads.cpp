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
    void halt_all() override {}
    void resume_all() override {}
};

TEST(Threads, EveryEdgeArrivesOnce) {
    constexpr unsigned kSpi = 8, kRounds = 60, kEnough = 20000;
    Machine shape(0);
    QuietCallbacks callbacks;
    vgic::Distributor d(callbacks, shape.gic, kIpaLimit);
    vgic::CpuInterface states[3];
    for (unsigned i = 0; i < 3; i++)
        Machine::ok(d.register_cpu(states[i], i, i));
    Machine::ok(d.set_base(kDistBase));
    Machine::ok(d.add_region(kRedistBase, 0, 0));
    Machine::ok(d.init());
    d.set_enabled(true);
    const auto write = [&](u64 offset, u64 value, unsigned length = 4) {
        vgic::mmio_write(states[2], arch::Ipa(kDistBase + offset), length, value);
    };
    write(0xc08, ~u64{0});
    write(0x104, ~u64{0});

    // Each SPI is injected again only once it has arrived: then every one of them must.
    std::atomic<unsigned> sent[kSpi] = {}, received[kSpi] = {}, ipis[2] = {}, turns[3] = {};
    std::atomic<bool> stop = false;
    const auto run = [&](unsigned v) {
        FakeCpu cpu;
        vgic::load(cpu, states[v]);
        FakeGuest(cpu, 4).set_vmcr(0xf0, true, false);
        unsigned next_ipi = 0;
        while (!stop) {
            cpu.log.clear();
            nest_port_irq_disable();
            vgic::flush(cpu, states[v]);
            FakeGuest g(cpu, 4);
            const unsigned intid = g.acknowledge();
            if (intid != FakeGuest::kSpurious)
                g.eoi(intid);
            vgic::sync(cpu, states[v]);
            nest_port_irq_enable();
            if (intid >= 32 && intid != FakeGuest::kSpurious)
                received[intid - 32]++;
            if (intid == 3)
                ipis[v]++;
            turns[v]++;
            // One in four rounds of the other's, which may be much slower: they, of the smaller INTID, come before its SPIs.
            if (turns[1 - v] >= next_ipi) {
                next_ipi = turns[1 - v] + 4;
                vgic::send_sgi(states[v], arch::SysReg::ICC_SGI1R_EL1, 3u << 24 | 1u << (1 - v));
            }
        }
    };
    std::thread vcpus[] = {std::thread(run, 0), std::thread(run, 1)};
    std::thread router([&] {
        for (unsigned n = 0; !stop; turns[2] = ++n)
            write(0x6100 + 8 * (n % kSpi), n % 3 & 1, 8);
    });
    // An IPI, too, has to arrive: on a busy machine one of the two may hardly have run when the SPIs are through. What a
    // lock that is not there has lost never comes: nothing arrives for so long while both vCPUs and the router go on. (Turns
    // alone say little: a vCPU without an SPI takes thousands while the other one, who has it, waits for a CPU.)
    constexpr auto kLong = std::chrono::seconds(10);
    unsigned arrived = 0, since[3] = {};
    auto last = std::chrono::steady_clock::now();
    bool twice = false, lost = false;
    while (!twice && !lost && (arrived < kSpi * kRounds || !(ipis[0] + ipis[1]))) {
        bool enough = std::chrono::steady_clock::now() - last > kLong;
        for (unsigned v = 0; v < 3; v++)
            enough &= turns[v] - since[v] > kEnough;
        unsigned now = 0;
        bool injected = false;
        for (unsigned i = 0; i < kSpi; i++) {
            if (sent[i] == received[i] && sent[i] < kRounds) {
                sent[i]++;
                injected = true;
                Machine::ok(vgic::inject_spi(d, 32 + i, true));
            }
            twice |= received[i] > sent[i];
            now += received[i];
        }
        lost = enough && now == arrived && !injected;
        if (now != arrived || injected) {
            last = std::chrono::steady_clock::now();
            for (unsigned v = 0; v < 3; v++)
                since[v] = turns[v];
        }
        arrived = now;
    }
    stop = true;
    for (std::thread& t : vcpus)
        t.join();
    router.join();
    EXPECT_FALSE(twice) << "an edge was delivered twice";
    EXPECT_FALSE(lost) << "an edge, or the IPIs, never arrived";
    for (unsigned i = 0; i < kSpi; i++)
        EXPECT_EQ(received[i], kRounds) << "SPI " << 32 + i;
}

}  // namespace
}  // namespace nest::test
