// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>
#include <kvm/devices/irqfd.hpp>
#include <optional>
#include <tests/fake/port.hpp>
#include <thread>
#include <vector>

namespace nest::test {
namespace {

using namespace kvm::abi;

class FakeSink final : public kvm::IrqSink {
public:
    bool ready() override { return is_ready; }
    void inject_spi(u32 intid, bool level) override {
        spis.push_back({intid, level});
        if (on_spi)
            on_spi();
    }
    void inject_msi(const Msi& msi) override { msis.push_back(msi.data); }
    bool is_ready = true;
    std::vector<std::pair<u32, bool>> spis;
    std::vector<u32> msis;
    std::function<void()> on_spi;
};
using Spis = std::vector<std::pair<u32, bool>>;

class IrqfdTest : public ::testing::Test {
protected:
    IrqfdTest() {
        port().reset();
        port().irqfd_wakeup = kvm::irqfd_wakeup;
        port().irqfd_shutdown = kvm::irqfd_shutdown;
        EXPECT_TRUE(routing.set_default(64).ok());
        irqfds.emplace(routing, sink);
        live = port().live_objects;
        fd = port().make_eventfd();
        fd2 = port().make_eventfd();
        resample_fd = port().make_eventfd();
    }
    ~IrqfdTest() override {
        irqfds.reset();
        EXPECT_EQ(port().live_objects, live);
        EXPECT_EQ(port().live_eventfd_refs, 0u);
        EXPECT_EQ(port().live_irqfds, 0u);
        port().reset();
    }
    int call(kvm::Irqfds& on, int eventfd, u32 gsi, u32 flags = 0, int resample = 0) {
        return static_cast<int>(
            -to_abi(on.irqfd({static_cast<u32>(eventfd), gsi, flags, static_cast<u32>(resample), {}})));
    }
    int assign(int eventfd, u32 gsi) { return call(*irqfds, eventfd, gsi); }
    int assign_resampled(int eventfd, u32 gsi, int resample) {
        return call(*irqfds, eventfd, gsi, KVM_IRQFD_FLAG_RESAMPLE, resample);
    }
    int deassign(int eventfd, u32 gsi) { return call(*irqfds, eventfd, gsi, KVM_IRQFD_FLAG_DEASSIGN); }
    Spis take() { return std::exchange(sink.spis, {}); }

    kvm::IrqRouting routing{true};
    FakeSink sink;
    std::optional<kvm::Irqfds> irqfds;
    size_t live;
    int fd, fd2, resample_fd;
};

TEST_F(IrqfdTest, ChecksItsArguments) {
    EXPECT_EQ(call(*irqfds, fd, 1, 4), EINVAL);
    EXPECT_EQ(call(*irqfds, fd, 1, 4 | KVM_IRQFD_FLAG_DEASSIGN), EINVAL);
    EXPECT_EQ(assign(12345, 1), EBADF);
    EXPECT_EQ(deassign(12345, 1), EBADF);
    EXPECT_EQ(assign_resampled(fd, 1, 12345), EBADF);
    EXPECT_EQ(assign_resampled(12345, 1, resample_fd), EBADF);
    const int no_eventfd = port().make_other_file();
    EXPECT_EQ(assign(no_eventfd, 1), EINVAL);
    EXPECT_EQ(deassign(no_eventfd, 1), EINVAL);
    EXPECT_EQ(assign_resampled(fd, 1, no_eventfd), EINVAL);
    EXPECT_EQ(assign_resampled(12345, 1, no_eventfd), EBADF) << "the first one is looked at first";
    EXPECT_EQ(assign_resampled(no_eventfd, 1, 12345), EINVAL);
    EXPECT_EQ(assign(-1, 1), EBADF);
    sink.is_ready = false;
    EXPECT_EQ(assign(fd, 1), EAGAIN);
    EXPECT_EQ(deassign(fd, 1), 0);
}

TEST_F(IrqfdTest, ASignalIsAnInterrupt) {
    ASSERT_EQ(assign(fd, 10), 0);
    port().signal_eventfd(fd);
    port().signal_eventfd(fd);
    EXPECT_EQ(take(), (Spis{{42, true}, {42, true}}));
    EXPECT_EQ(deassign(fd, 11), 0) << "another GSI: nothing happens";
    port().signal_eventfd(fd);
    EXPECT_EQ(take(), (Spis{{42, true}}));
    EXPECT_EQ(deassign(fd, 10), 0);
    port().signal_eventfd(fd);
    EXPECT_EQ(take(), Spis{});
}

TEST_F(IrqfdTest, FollowsTheRoutingOfTheMoment) {
    ASSERT_EQ(assign(fd, 10), 0);
    IrqRoutingEntry msi{};
    msi.gsi = 10;
    msi.type = KVM_IRQ_ROUTING_MSI;
    msi.u.msi.data = 77;
    ASSERT_TRUE(routing.set(&msi, 1).ok());
    port().signal_eventfd(fd);
    EXPECT_EQ(sink.msis, (std::vector<u32>{77}));
    ASSERT_TRUE(routing.set(nullptr, 0).ok());
    port().signal_eventfd(fd);
    EXPECT_EQ(sink.msis.size(), 1u);
    EXPECT_EQ(take(), Spis{});
}

TEST_F(IrqfdTest, AnEventfdIsBoundOnce) {
    kvm::Irqfds other_vm(routing, sink);
    ASSERT_EQ(assign(fd, 10), 0);
    EXPECT_EQ(assign(fd, 10), EBUSY);
    EXPECT_EQ(assign(fd, 11), EBUSY);
    EXPECT_EQ(assign_resampled(fd, 11, resample_fd), EBUSY);
    EXPECT_EQ(call(other_vm, fd, 12), EBUSY);
    EXPECT_EQ(call(other_vm, fd, 10, KVM_IRQFD_FLAG_DEASSIGN), 0) << "not its own";
    EXPECT_EQ(assign(fd, 10), EBUSY);
    ASSERT_EQ(deassign(fd, 10), 0);
    EXPECT_EQ(call(other_vm, fd, 12), 0);
}

TEST_F(IrqfdTest, AClosedEventfdTakesItselfAway) {
    ASSERT_EQ(assign(fd, 10), 0);
    ASSERT_EQ(assign_resampled(fd2, 11, resample_fd), 0);
    port().close_eventfd(fd);
    EXPECT_EQ(port().live_irqfds, 1u);
    port().close_eventfd(fd2);
    EXPECT_EQ(port().live_irqfds, 0u);
    EXPECT_EQ(port().live_objects, live);
    EXPECT_FALSE(irqfds->notify_ack(43));
}

TEST_F(IrqfdTest, ResamplingLowersTheLineOnceThenAsksEveryone) {
    int resample2 = port().make_eventfd(), third = port().make_eventfd();
    ASSERT_EQ(assign_resampled(fd, 10, resample_fd), 0);
    ASSERT_EQ(assign_resampled(fd2, 10, resample2), 0);
    ASSERT_EQ(assign(third, 12), 0);
    port().signal_eventfd(fd);
    EXPECT_EQ(take(), (Spis{{42, true}}));
    sink.on_spi = [&] { EXPECT_EQ(port().eventfd_count(resample_fd), 0u) << "lowered before anyone is asked"; };
    EXPECT_TRUE(irqfds->notify_ack(42));
    sink.on_spi = nullptr;
    EXPECT_EQ(take(), (Spis{{42, false}}));
    irqfds->deliver_acks();
    EXPECT_EQ(port().eventfd_count(resample_fd), 1u);
    EXPECT_EQ(port().eventfd_count(resample2), 1u);
    EXPECT_FALSE(irqfds->notify_ack(44)) << "without resampling";
    EXPECT_FALSE(irqfds->notify_ack(43));
    EXPECT_FALSE(irqfds->notify_ack(27)) << "a PPI";
    EXPECT_EQ(take(), Spis{});

    ASSERT_EQ(deassign(fd, 10), 0);
    EXPECT_EQ(take(), Spis{}) << "one still resamples";
    EXPECT_TRUE(irqfds->notify_ack(42));
    irqfds->deliver_acks();
    irqfds->deliver_acks();
    EXPECT_EQ(port().eventfd_count(resample_fd), 1u);
    EXPECT_EQ(port().eventfd_count(resample2), 2u) << "once";
    take();
    ASSERT_EQ(deassign(fd2, 10), 0);
    EXPECT_EQ(take(), (Spis{{42, false}})) << "nobody is left to lower it";
    EXPECT_FALSE(irqfds->notify_ack(42));
}

// As the vGIC's sync calls it: on PREEMPT_RT an eventfd must not be signalled there.
TEST_F(IrqfdTest, NotifyAckWorksWithInterruptsOff) {
    ASSERT_EQ(assign_resampled(fd, 10, resample_fd), 0);
    thread_context().irqs_off = true;
    EXPECT_TRUE(irqfds->notify_ack(42));
    thread_context().irqs_off = false;
    irqfds->deliver_acks();
    EXPECT_EQ(port().eventfd_count(resample_fd), 1u);
}

TEST_F(IrqfdTest, AnAckIsForgottenWithItsResampler) {
    ASSERT_EQ(assign_resampled(fd, 10, resample_fd), 0);
    ASSERT_EQ(assign_resampled(fd2, 4095, resample_fd), 0) << "no pin leads there";
    EXPECT_TRUE(irqfds->notify_ack(42));
    ASSERT_EQ(deassign(fd, 10), 0);
    irqfds->deliver_acks();
    EXPECT_EQ(port().eventfd_count(resample_fd), 0u);
    EXPECT_FALSE(irqfds->notify_ack(42));
    ASSERT_EQ(assign_resampled(fd, 5000, resample_fd), 0) << "a GSI that no route can have";
    ASSERT_EQ(deassign(fd, 5000), 0);
}

TEST_F(IrqfdTest, ReleasingEndsAll) {
    ASSERT_EQ(assign(fd, 10), 0);
    ASSERT_EQ(assign_resampled(fd2, 11, resample_fd), 0);
    irqfds->release_all();
    take();
    port().signal_eventfd(fd);
    port().signal_eventfd(fd2);
    EXPECT_EQ(take(), Spis{});
    EXPECT_EQ(port().live_irqfds, 0u);
}

TEST_F(IrqfdTest, NoMemoryIsAnError) {
    port().fail_allocation = 1;
    EXPECT_EQ(assign(fd, 10), ENOMEM);
    EXPECT_EQ(assign(fd, 10), 0);
}

// One thread assigns and deassigns what another closes under it, as the kernel's irqfd_test does.
TEST_F(IrqfdTest, ClosingRacesWithDeassigning) {
    for (int i = 0; i < 300; i++) {
        int mine = port().make_eventfd();
        std::thread other([&] {
            call(*irqfds, mine, 20, 0);
            call(*irqfds, mine, 20, KVM_IRQFD_FLAG_DEASSIGN);
        });
        int error = assign(mine, 21);
        EXPECT_TRUE(error == 0 || error == EBUSY) << error;
        EXPECT_EQ(deassign(mine, 21), 0);
        other.join();
        EXPECT_EQ(deassign(mine, 20), 0);
        port().close_eventfd(mine);
    }
    EXPECT_EQ(port().live_irqfds, 0u);
}

}  // namespace
}  // namespace nest::test
