// SPDX-License-Identifier: GPL-2.0-only
// Messages from one thread while another maps and discards: none arrives after the command that unmapped it.
#include <atomic>
#include <base/preemption.hpp>
#include <gtest/gtest.h>
#include <tests/unit/vgic/its/its_machine.hpp>
#include <thread>

namespace nest::test {
namespace {

// The Machine's callbacks write kicks down, which is not for two threads.
struct QuietMemory final : vgic::Callbacks {
    void kick(unsigned) override {}
    void eoi(unsigned) override {}
    bool irq_line_level(unsigned, unsigned) override { return false; }
    void set_physical_active(unsigned, unsigned, bool) override {}
    void halt_all() override {}
    void resume_all() override {}
    Status read_guest(u64 ipa, void* to, size_t bytes) override {
        if (ipa - kRam > kRamSize - bytes)
            return Errno::kFault;
        std::memcpy(to, ram.data() + (ipa - kRam), bytes);
        return kOk;
    }
    Status write_guest(u64 ipa, const void* from, size_t bytes) override {
        if (ipa - kRam > kRamSize - bytes)
            return Errno::kFault;
        std::memcpy(ram.data() + (ipa - kRam), from, bytes);
        return kOk;
    }
    std::vector<u8> ram = std::vector<u8>(kRamSize);
};

struct ItsRace {
    ItsRace() {
        for (unsigned v = 0; v < 2; v++)
            Machine::ok(d.register_cpu(cpus[v], v, v));
        Machine::ok(d.set_interrupts(64));
        Machine::ok(d.set_base(kDistBase));
        Machine::ok(d.add_region(kRedistBase, 0, 0));
        Machine::ok(d.init());
        its = std::make_unique<vgic::Its>(d);
        Machine::ok(its->init());
        vgic::mmio_write(cpus[0], arch::Ipa(Machine::gicr(0, 0x70)), 8, kProperties | 15);
        for (unsigned v = 0; v < 2; v++)
            vgic::mmio_write(cpus[v], arch::Ipa(Machine::gicr(v, 0)), 4, 1);
        its->mmio_write(kBaser0, 8, kValid | kDevices);
        its->mmio_write(kBaser1, 8, kValid | kCollections);
        its->mmio_write(kCbaser, 8, kValid | kQueue);
        its->mmio_write(kCtlr, 4, 1);
    }
    void run(std::initializer_list<Words> commands) {
        for (const Words& c : commands) {
            std::memcpy(callbacks.ram.data() + (kQueue - kRam) + tail, &c, sizeof(c));
            tail = (tail + sizeof(c)) % 4096;
        }
        while (its->mmio_write(kCwriter, 8, tail) != vgic::Its::Written::kDone) {
        }
    }
    Machine shape{0};
    QuietMemory callbacks;
    vgic::Distributor d{callbacks, shape.gic, kIpaLimit};
    vgic::CpuInterface cpus[2];
    std::unique_ptr<vgic::Its> its;
    u64 tail = 0;
};

TEST(ItsThreads, NoMessageAfterDiscard) {
    ItsRace race;
    race.run({mapc(0, 0), mapc(1, 1), mapd(1, kItts, 5)});
    std::atomic<bool> stop = false;
    std::atomic<unsigned> delivered = 0, lost = 0;
    std::thread device([&] {
        // As from a hard interrupt.
        while (!stop) {
            const IrqsOff irqs_off;
            (race.its->send(1, 3) == vgic::Its::Delivery::kDelivered ? delivered : lost)++;
        }
    });
    bool late = false;
    for (unsigned n = 0; n < 1000 || ((!delivered || !lost) && n < 1'000'000); n++) {
        race.run({mapti(1, 3, 9000, n & 1), movi(1, 3, ~n & 1), inv(1, 3)});
        if (n % 3 == 0)
            race.run({discard(1, 3)});
        else if (n % 3 == 1)
            race.run({unmapd(1), mapd(1, kItts, 5)});
        else
            race.its->mmio_write(kCtlr, 4, 0), race.its->mmio_write(kCtlr, 4, 1), race.run({discard(1, 3)});
        // Mapped once more, without an event: whatever came in between is gone, and nothing comes.
        Machine::ok(vgic::map_lpi(race.d, 9000));
        vgic::set_lpi_target(race.d, 9000, 0);
        late |= vgic::lpi_pending(race.d, 9000);
        std::this_thread::yield();
        late |= vgic::lpi_pending(race.d, 9000);
        vgic::unmap_lpi(race.d, 9000);
    }
    stop = true;
    device.join();
    EXPECT_FALSE(late);
    EXPECT_GT(delivered, 0u);
    EXPECT_GT(lost, 0u);
}

}  // namespace
}  // namespace nest::test
