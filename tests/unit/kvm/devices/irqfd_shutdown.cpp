// SPDX-License-Identifier: GPL-2.0-only
// An eventfd that is closed while its VM ends.
#include <future>
#include <gtest/gtest.h>
#include <kvm/devices/irqfd.hpp>
#include <memory>
#include <tests/fake/port.hpp>
#include <thread>

namespace nest::test {
namespace {

using namespace kvm::abi;

struct Sink final : kvm::IrqSink {
    bool ready() override { return true; }
    void inject_spi(u32, bool level) override { lines += level ? 1 : -1; }
    void inject_msi(const Msi&) override {}
    int lines = 0;
};

// What of a VM an irqfd works on.
struct Part {
    kvm::IrqRouting routing{true};
    Sink sink;
    kvm::Irqfds irqfds{routing, sink};
};

// The work queue has taken the irqfd off the list; before it is done, the VM's last descriptor goes. Under ASan.
TEST(IrqfdShutdown, TheVmWaitsForIt) {
    port().reset();
    port().irqfd_wakeup = kvm::irqfd_wakeup;
    port().irqfd_shutdown = kvm::irqfd_shutdown;
    auto part = std::make_unique<Part>();
    ASSERT_TRUE(part->routing.set_default(64).ok());
    const int fd = port().make_eventfd(), resample = port().make_eventfd();
    ASSERT_TRUE(part->irqfds.irqfd({static_cast<u32>(fd), 1, KVM_IRQFD_FLAG_RESAMPLE, static_cast<u32>(resample), {}}).ok());

    std::thread end;
    std::promise<void> gone_or_waiting;
    std::atomic<bool> told = false;
    const auto tell = [&] {
        if (!told.exchange(true))
            gone_or_waiting.set_value();
    };
    port().on_irqfd_flush = tell;
    port().on_irqfd_unbind = [&] {
        port().on_irqfd_unbind = nullptr;
        end = std::thread([&] {
            part->irqfds.release_all();
            part.reset();
            tell();
        });
        gone_or_waiting.get_future().wait();
    };
    port().close_eventfd(fd);
    end.join();
    EXPECT_EQ(part, nullptr);
    port().reset();
}

// Another thread takes the irqfd back by KVM_IRQFD, and finds that it is on its way already.
TEST(IrqfdShutdown, DeassigningWaitsForIt) {
    port().reset();
    port().irqfd_wakeup = kvm::irqfd_wakeup;
    port().irqfd_shutdown = kvm::irqfd_shutdown;
    Part part;
    ASSERT_TRUE(part.routing.set_default(64).ok());
    const int fd = port().make_eventfd(), other = port().make_eventfd();
    ASSERT_TRUE(part.irqfds.irqfd({static_cast<u32>(fd), 1, 0, 0, {}}).ok());

    std::thread taker;
    std::promise<void> done_or_waiting;
    std::atomic<bool> told = false, done = false;
    const auto tell = [&] {
        if (!told.exchange(true))
            done_or_waiting.set_value();
    };
    port().on_irqfd_flush = tell;
    port().on_irqfd_unbind = [&] {
        port().on_irqfd_unbind = nullptr;
        taker = std::thread([&] {
            EXPECT_TRUE(part.irqfds.irqfd({static_cast<u32>(other), 1, KVM_IRQFD_FLAG_DEASSIGN, 0, {}}).ok());
            done = true;
            tell();
        });
        done_or_waiting.get_future().wait();
        EXPECT_FALSE(done) << "it could still raise the line";
    };
    port().close_eventfd(fd);
    taker.join();
    port().reset();
}

}  // namespace
}  // namespace nest::test
