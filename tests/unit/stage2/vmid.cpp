// SPDX-License-Identifier: GPL-2.0-only
// VMID allocation: generations, roll-over, CPUs that keep running over it.
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <stage2/vmid.hpp>
#include <tests/fake/port.hpp>
#include <thread>

namespace nest::test {
namespace {
using namespace stage2;
using arch::Tlbi;

class VmidTest : public testing::Test {
public:
    void SetUp() override { port().reset(); }
    unsigned flushes() const {
        unsigned n = 0;
        for (const Event& e : cpu.log)
            n += e.kind == Event::kTlbi && e.what == static_cast<u64>(Tlbi::ALLE1IS);
        return n;
    }
    // Loads enough fresh ones on `on` to begin a new generation.
    void roll_over(VmidAllocator& a, unsigned on) {
        u64 generation = a.generation();
        while (a.generation() == generation) {
            fillers.push_back(std::make_unique<Vmid>());
            (void)a.load_on_cpu(*fillers.back(), on);
        }
    }
    FakeCpu cpu;
    std::vector<std::unique_ptr<Vmid>> fillers;
};

TEST_F(VmidTest, InitChecksSizesAndMemory) {
    VmidAllocator a(cpu);
    EXPECT_EQ(a.init(8, 255, false).error(), Errno::kNoSpc);
    EXPECT_TRUE(VmidAllocator(cpu).init(8, 254, false).ok());
    EXPECT_EQ(a.init(8, 128).error(), Errno::kNoSpc) << "two for each";
    EXPECT_TRUE(VmidAllocator(cpu).init(8, 127).ok());
    for (u64 n : {1, 2}) {
        port().fail_allocation = n;
        EXPECT_EQ(a.init(8, 4).error(), Errno::kNoMem);
    }
    EXPECT_TRUE(a.init(16, 255).ok());
}

TEST_F(VmidTest, EachAddressSpaceGetsItsOwnAndKeepsIt) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    std::vector<Vmid> vmids(255);
    std::set<u64> numbers;
    for (Vmid& v : vmids)
        numbers.insert(a.load_on_cpu(v, 0));
    EXPECT_EQ(numbers.size(), 255u);
    EXPECT_EQ(numbers.count(0), 0u);
    EXPECT_EQ(*numbers.rbegin(), 255u);
    EXPECT_EQ(flushes(), 0u);
    cpu.log.clear();
    for (Vmid& v : vmids)
        EXPECT_EQ(a.load_on_cpu(v, 1), a.number_of(v.raw()));
    EXPECT_LE(cpu.log.size(), 1u);  // lock-free but for the first on that CPU
}

TEST_F(VmidTest, ARollOverFlushesAndSparesWhatRuns) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    Vmid running, idle;
    u64 kept = a.load_on_cpu(running, 1);
    (void)a.load_on_cpu(idle, 2);
    a.clear(2);  // its vCPU was put
    cpu.log.clear();
    roll_over(a, 0);
    EXPECT_EQ(flushes(), 1u);
    EXPECT_NE(a.number_of(fillers.back()->raw()), kept) << "the first of the new generation";
    // Full barrier order around the flush.
    size_t at = 0;
    while (cpu.log[at].kind != Event::kTlbi)
        at++;
    EXPECT_EQ(cpu.log[at - 1], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::ISHST)}));
    EXPECT_EQ(cpu.log[at + 1], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::ISH)}));
    EXPECT_EQ(cpu.log[at + 2].kind, Event::kIsb);
    // Nobody else gets the number that CPU 1 still runs with.
    std::set<u64> others;
    for (unsigned i = 0; i < 250; i++) {
        fillers.push_back(std::make_unique<Vmid>());
        others.insert(a.load_on_cpu(*fillers.back(), 0));
    }
    EXPECT_EQ(others.size(), 250u);
    EXPECT_EQ(others.count(kept), 0u);
    EXPECT_EQ(flushes(), 1u);
    EXPECT_EQ(a.load_on_cpu(running, 3), kept);  // another vCPU of it, elsewhere, in the new generation
    EXPECT_EQ(running.raw() >> 8, a.generation());
    // CPU 1's own next load must notice the roll-over under the lock, although its number is of this generation.
    cpu.log.clear();
    EXPECT_EQ(a.load_on_cpu(running, 1), kept);
    EXPECT_EQ(cpu.log.size(), 1u);
    EXPECT_EQ(a.load_on_cpu(running, 1), kept);
    EXPECT_EQ(cpu.log.size(), 1u);
}

TEST_F(VmidTest, TwoRollOversStillSpareIt) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    Vmid running;
    u64 kept = a.load_on_cpu(running, 1);
    roll_over(a, 0);
    roll_over(a, 0);  // CPU 1's `active` is zero now, its number only in `reserved`
    EXPECT_EQ(a.load_on_cpu(running, 1), kept);
    roll_over(a, 0);
    EXPECT_EQ(a.load_on_cpu(running, 1), kept);
}

// A vCPU with virtual EL2 goes back and forth between its VM's VMID and a shadow's: both are its CPU's over a roll-over, and
// none of its changes takes the lock.
TEST_F(VmidTest, ACpuRunsAVmsAndAShadows) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    Vmid vm, shadow;
    const u64 of_vm = a.load_on_cpu(vm, 1, VmidUse::kVm), of_shadow = a.load_on_cpu(shadow, 1, VmidUse::kShadow);
    ASSERT_NE(of_vm, of_shadow);
    const auto go_back_and_forth = [&] {
        cpu.log.clear();
        for (unsigned i = 0; i < 3; i++) {
            EXPECT_EQ(a.load_on_cpu(vm, 1, VmidUse::kVm), of_vm);
            EXPECT_EQ(a.load_on_cpu(shadow, 1, VmidUse::kShadow), of_shadow);
        }
        return cpu.log.size();
    };
    EXPECT_EQ(go_back_and_forth(), 0u);
    roll_over(a, 0);
    std::set<u64> others;
    for (unsigned i = 0; i < 250; i++) {
        fillers.push_back(std::make_unique<Vmid>());
        others.insert(a.load_on_cpu(*fillers.back(), 0));
    }
    EXPECT_EQ(flushes(), 1u);
    EXPECT_EQ(others.count(of_vm), 0u);
    EXPECT_EQ(others.count(of_shadow), 0u);
    EXPECT_EQ(go_back_and_forth(), 2u) << "each learns of it by the lock, once";
    EXPECT_EQ(go_back_and_forth(), 0u);
    a.clear(1);
    roll_over(a, 0);
    roll_over(a, 0);
    EXPECT_EQ(a.generation(), 4u);
    others.clear();
    for (unsigned i = 0; i < 253; i++) {
        fillers.push_back(std::make_unique<Vmid>());
        others.insert(a.load_on_cpu(*fillers.back(), 0));
    }
    EXPECT_EQ(others.size(), 253u);
    EXPECT_EQ(a.generation(), 4u) << "of a CPU that runs none, nothing is reserved";
}

TEST_F(VmidTest, OneThatWasNeverLoadedIsNotTakenForOneThatIsGone) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    Vmid first, later;
    EXPECT_NE(a.load_on_cpu(first, 1), 0u) << "on a CPU that has run none";
    roll_over(a, 0);
    EXPECT_NE(a.load_on_cpu(later, 1), 0u) << "on a CPU whose VMID a roll-over took out";
}

TEST_F(VmidTest, AnIdleOneComesBackUnderItsNumberIfItIsFree) {
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, 4).ok());
    Vmid idle;
    for (unsigned i = 0; i < 100; i++) {
        fillers.push_back(std::make_unique<Vmid>());
        (void)a.load_on_cpu(*fillers.back(), 0);
    }
    u64 number = a.load_on_cpu(idle, 0);
    roll_over(a, 0);
    EXPECT_EQ(a.load_on_cpu(idle, 1), number);
}

// Who runs under each number, as the CPUs say themselves.
class Runners {
public:
    // False: another address space runs under this number.
    bool enter(u64 number, u64 owner) {
        bool alone = true;
        for (u64 old = running_[number].load_relaxed();;) {
            const u64 owner_before = old >> 32, users = old & 0xffff;
            if (users && owner_before != owner)
                alone = false;
            if (running_[number].compare_exchange_acq_rel(old, owner << 32 | (users + 1)))
                return alone;
        }
    }
    void leave(u64 number) {
        for (u64 old = running_[number].load_relaxed(); !running_[number].compare_exchange_acq_rel(old, old - 1);) {
        }
    }

private:
    Atomic<u64> running_[256] = {};  // owner in the high half, users in the low
};

// At no time do two address spaces that run have one number.
TEST_F(VmidTest, ManyCpusNeverShareANumber) {
    constexpr unsigned kCpus = 4;
    cpu.record = FakeCpu::Record::kNothing;
    VmidAllocator a(cpu);
    ASSERT_TRUE(a.init(8, kCpus).ok());
    std::vector<Vmid> vmids(600);
    Runners runners;
    Atomic<u64> clashes;
    std::vector<std::thread> threads;
    for (unsigned c = 0; c < kCpus; c++)
        threads.emplace_back([&, c] {
            // Each runs one of either use until it loads another one for that.
            u64 held[2] = {};
            for (unsigned i = 0; i < 20000; i++) {
                const unsigned which = (i * 7 + c * 151) % 600, use = which % 2;
                if (held[use])
                    runners.leave(held[use]);
                held[use] = a.load_on_cpu(vmids[which], c, static_cast<VmidUse>(use));
                if (!runners.enter(held[use], which))
                    clashes.fetch_add_relaxed(1);
            }
        });
    for (auto& t : threads)
        t.join();
    EXPECT_EQ(clashes.load_relaxed(), 0u);
    EXPECT_GT(a.generation(), 100u);
}

}  // namespace
}  // namespace nest::test
