// SPDX-License-Identifier: GPL-2.0-only
// A VMM that answers its own page faults (userfaultfd) and changes its slots before it does.
#include <future>
#include <kvm/fault/fault_in.hpp>
#include <kvm/memory/guest_memory.hpp>
#include <tests/unit/kvm/fault/fixture.hpp>
#include <thread>

namespace nest::kvm {
namespace {

using namespace std::chrono_literals;

// A thread that is stuck on the VMM's page at `hva` until somebody lets it go.
class Stuck {
public:
    explicit Stuck(u64 hva) : hva_(hva) {}
    std::function<void(u64)> hook() {
        return [this](u64 at) {
            if (at != hva_)
                return;
            arrived_.set_value();
            go_.get_future().wait();
        };
    }
    void wait_for_it() { arrived_.get_future().wait(); }
    void let_go() { go_.set_value(); }

private:
    const u64 hva_;
    std::promise<void> arrived_, go_;
};

struct SlowMemory : FaultTest {
    static constexpr auto kPatience = 10s;  // only a failure takes that long
    static constexpr u64 kOther = kGpa + k2M;
    nest_vcpu* second = nullptr;

    void SetUp() override {
        FaultTest::SetUp();
        make_vcpu();
        second = make_another(1);
        ASSERT_TRUE(second);
        mapping().block_shift = 12;
        ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
        ASSERT_EQ(set_slot(1, kOther, k2M, k2M), 0);
    }
    Vcpu& other() { return *reinterpret_cast<Vcpu*>(second); }
    FaultInResult fault(Vcpu& who, u64 ipa) { return fault_in(who, {arch::Ipa(ipa), true}); }
    template <typename Fn>
    static auto in_thread(Fn fn) { return std::async(std::launch::async, fn); }
};

TEST_F(SlowMemory, AFaultThatWaitsForItsPageHoldsUpNeitherSlotsNorFaults) {
    Stuck stuck(hva());
    test::port().on_page_get = stuck.hook();
    auto waiting = in_thread([&] { return fault(core(), kGpa); });
    stuck.wait_for_it();
    auto change = in_thread([&] { return set_slot(2, kGpa + 2 * k2M, 2 * k2M, k2M); });
    const bool changed = change.wait_for(kPatience) == std::future_status::ready;
    EXPECT_TRUE(changed) << "a new slot waits for a fault of another one";
    auto third = in_thread([&] { return fault(other(), kOther); });
    EXPECT_EQ(third.wait_for(kPatience), std::future_status::ready) << "a fault waits behind a change of the slots";
    auto removal = in_thread([&] { return set_slot(0, 0, 0, 0); });
    EXPECT_EQ(removal.wait_for(kPatience), std::future_status::ready) << "its own slot goes";
    stuck.let_go();
    EXPECT_EQ(waiting.get(), FaultInResult::kMapped);
    EXPECT_EQ(change.get(), 0);
    EXPECT_EQ(third.get(), FaultInResult::kMapped);
    EXPECT_EQ(removal.get(), 0);
    EXPECT_TRUE(leaf(kOther).valid);
    EXPECT_FALSE(leaf(kGpa).valid) << "the page came for a slot that had gone";
    EXPECT_EQ(fault(core(), kGpa), FaultInResult::kNone);
}

// The page comes when the slot's frames have been unmapped and the slot itself is still there.
TEST_F(SlowMemory, AFaultThatWaitedMapsNothingOfASlotOnItsWayOut) {
    Stuck stuck(hva());
    test::port().on_page_get = stuck.hook();
    auto waiting = in_thread([&] { return fault(core(), kGpa); });
    stuck.wait_for_it();
    bool through = false;
    test::port().on_relax = [&] {
        if (through)
            return;
        through = true;
        stuck.let_go();
        EXPECT_EQ(waiting.get(), FaultInResult::kMapped);
    };
    EXPECT_EQ(set_slot(0, 0, 0, 0), 0);
    EXPECT_TRUE(through);
    EXPECT_FALSE(leaf(kGpa).valid) << "the guest keeps what is no memory of its own any more";
}

TEST_F(SlowMemory, AFaultThatWaitedMapsNothingOfASlotThatMoved) {
    Stuck stuck(hva());
    test::port().on_page_get = stuck.hook();
    auto waiting = in_thread([&] { return fault(core(), kGpa); });
    stuck.wait_for_it();
    ASSERT_EQ(set_slot(0, kGpa + 2 * k2M, 0, k2M, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    stuck.let_go();
    EXPECT_EQ(waiting.get(), FaultInResult::kMapped);
    EXPECT_FALSE(leaf(kGpa).valid);
    test::port().on_page_get = nullptr;
    EXPECT_EQ(fault(core(), kGpa + 2 * k2M), FaultInResult::kMapped);
    EXPECT_EQ(leaf(kGpa + 2 * k2M).pa.raw, kPa);
}

TEST_F(SlowMemory, AFaultThatWaitedKnowsOfALogThatHasBegun) {
    Stuck stuck(hva(k2M));
    test::port().on_page_get = stuck.hook();
    auto waiting = in_thread([&] { return fault_in(core(), {arch::Ipa(kOther)}); });  // reads, and gets it writable
    stuck.wait_for_it();
    ASSERT_EQ(set_slot(1, kOther, k2M, k2M, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    stuck.let_go();
    EXPECT_EQ(waiting.get(), FaultInResult::kMapped);
    EXPECT_FALSE(leaf(kOther).valid && leaf(kOther).attributes.prot.w) << "it would be written without anybody's knowing";
}

// The VMM may use the memory for something else once the ioctl is back.
TEST_F(SlowMemory, ASlotGoesWhenCopiesIntoItAreThrough) {
    Stuck stuck(hva(8));
    test::port().on_user_copy = stuck.hook();
    const u64 value = 0x1234;
    auto copying = in_thread([&] { return write_guest(core().vm.slots, arch::Ipa(kGpa + 8), &value, sizeof(value), nullptr).ok(); });
    stuck.wait_for_it();
    test::port().on_user_copy = nullptr;
    auto removal = in_thread([&] { return set_slot(0, 0, 0, 0); });
    EXPECT_EQ(removal.wait_for(100ms), std::future_status::timeout) << "a write to the VMM's memory is on its way";
    auto third = in_thread([&] { return fault(other(), kOther); });
    EXPECT_EQ(third.wait_for(kPatience), std::future_status::ready) << "nobody else waits for it";
    u64 read = 0;
    auto copy = in_thread([&] { return read_guest(core().vm.slots, arch::Ipa(kOther), &read, sizeof(read)).ok(); });
    EXPECT_EQ(copy.wait_for(kPatience), std::future_status::ready);
    stuck.let_go();
    EXPECT_TRUE(copying.get());
    EXPECT_EQ(removal.get(), 0);
    EXPECT_TRUE(copy.get());
    EXPECT_EQ(third.get(), FaultInResult::kMapped);
    EXPECT_EQ(fault(core(), kGpa), FaultInResult::kNone);
}

// ASan sees to it that the old log is there as long as somebody marks pages in it.
TEST_F(SlowMemory, ALogEndsWhenCopiesAreThrough) {
    Stuck stuck(hva(8));
    test::port().on_user_copy = stuck.hook();
    const u64 value = 0x1234;
    auto copying = in_thread([&] { return write_guest(core().vm.slots, arch::Ipa(kGpa + 8), &value, sizeof(value), nullptr).ok(); });
    stuck.wait_for_it();
    test::port().on_user_copy = nullptr;
    auto change = in_thread([&] { return set_slot(0, kGpa, 0, k2M); });
    EXPECT_EQ(change.wait_for(100ms), std::future_status::timeout);
    stuck.let_go();
    EXPECT_TRUE(copying.get());
    EXPECT_EQ(change.get(), 0);
}

}  // namespace
}  // namespace nest::kvm
