// SPDX-License-Identifier: GPL-2.0-only
// vCPUs of one VM take turns on a CPU: what the TLBs keep of one's stage 1, under the VMID of all, must not serve another.
#include <tests/unit/kvm/run/fixture.hpp>

#include <algorithm>

namespace nest::kvm {
namespace {

using arch::SysReg;
using test::Event;
using vhe::ExitKind;
using vhe::GuestContext;

struct SharedVmid : VmTest {
    nest_vcpu* first = nullptr;
    nest_vcpu* second = nullptr;

    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
        first = vcpu;
        vcpu = second = make_another(1);
        ASSERT_TRUE(second);
    }
    void TearDown() override {
        test::port().set_cpu(0);
        vcpu = first;
        VmTest::TearDown();
    }
    // Its thread comes onto this CPU, and leaves it. Everything up to the moment when the guest runs.
    std::vector<Event> enter(nest_vcpu* who) {
        vcpu = who;
        test::port().signal_pending = test::port().entry_blocked = false;
        cpu().log.clear();
        {
            const PreemptionOff here;
            nest_vcpu_load(vcpu);
        }
        std::vector<Event> log;
        guest_does({[&](GuestContext&) {
            log = cpu().log;
            test::port().signal_pending = test::port().entry_blocked = true;
            return ExitKind::kIrq;
        }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        const PreemptionOff here;
        nest_vcpu_put(vcpu);
        return log;
    }
    static constexpr u64 kFlush = static_cast<u64>(arch::Tlbi::VMALLE1);
    static bool flushes(const std::vector<Event>& log) {
        return std::any_of(log.begin(), log.end(), [](const Event& e) { return e.kind == Event::kTlbi && e.what == kFlush; });
    }
};

TEST_F(SharedVmid, OnlyAChangeOfVcpusFlushes) {
    EXPECT_FALSE(flushes(enter(first)));
    EXPECT_FALSE(flushes(enter(first)));
    EXPECT_TRUE(flushes(enter(second)));
    EXPECT_FALSE(flushes(enter(second)));
    EXPECT_TRUE(flushes(enter(first)));
    test::port().set_cpu(1);
    nest_cpu_online();
    EXPECT_FALSE(flushes(enter(second))) << "no vCPU has run here";
    test::port().set_cpu(0);
    EXPECT_FALSE(flushes(enter(first))) << "its own TLBIs were broadcast meanwhile";
    test::port().set_cpu(1);
    EXPECT_TRUE(flushes(enter(first)));
}

// TLBI VMALLE1 means the guest's regime only with TGE clear, and the VMID that an ISB has made known.
TEST_F(SharedVmid, TheFlushIsOfTheGuestsRegime) {
    enter(first);
    u64 hcr = 0, vttbr = 0;
    bool synchronised = false, flushed = false;
    const std::vector<Event> log = enter(second);
    for (size_t i = 0; i < log.size(); i++) {
        const Event& e = log[i];
        if (e.kind == Event::kWrite && (e.what == static_cast<u64>(SysReg::HCR_EL2) || e.what == static_cast<u64>(SysReg::VTTBR_EL2))) {
            (e.what == static_cast<u64>(SysReg::HCR_EL2) ? hcr : vttbr) = e.operand;
            synchronised = false;
        }
        synchronised |= e.kind == Event::kIsb;
        if (e.kind != Event::kTlbi || e.what != kFlush)
            continue;
        flushed = true;
        EXPECT_NE(vttbr, 0u);
        EXPECT_TRUE(hcr & arch::HCR_EL2::VM::kMask);
        EXPECT_FALSE(hcr & arch::HCR_EL2::TGE::kMask);
        EXPECT_TRUE(synchronised);
        ASSERT_LT(i + 2, log.size());
        EXPECT_EQ(log[i + 1], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::NSH)}));
        EXPECT_EQ(log[i + 2], Event{Event::kIsb});
    }
    EXPECT_TRUE(flushed);
}

}  // namespace
}  // namespace nest::kvm
