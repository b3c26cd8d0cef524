// SPDX-License-Identifier: GPL-2.0-only
// Aborts that no change of stage 2 resolves: the guest's own, not its VM's end.
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;
using arch::SysReg;
using test::Event;
using vhe::ExitKind;
using vhe::GuestContext;

struct OddAborts : VmTest {
    static constexpr u64 kPc = 0x1000, kVbar = 0x8000, kFar = 0xffff'0123;
    u64 pc_ = 0, esr_ = 0, far_ = 0;

    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
        core().context.pc = kPc;
        core().regs.set(SysReg::VBAR_EL1, kVbar);
    }
    void take(u64 iss, Ec ec = Ec::kDataAbortLower) {
        guest_does({[=](GuestContext&) {
                        test::set_syndrome(ec, iss, kFar, 0x900'0000);
                        return ExitKind::kSync;
                    },
                    [this](GuestContext& c) {
                        pc_ = c.pc;
                        esr_ = core().read(SysReg::ESR_EL1);
                        far_ = core().read(SysReg::FAR_EL1);
                        test::port().signal_pending = test::port().entry_blocked = true;
                        return ExitKind::kIrq;
                    }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    }
};

TEST_F(OddAborts, ExclusivesAndAtomicsWhereHardwareHasNone) {
    for (u64 fsc : {0x35u, 0x31u}) {
        take(fsc);
        EXPECT_EQ(pc_, kVbar + 0x200);
        EXPECT_EQ(esr_, u64{static_cast<u64>(Ec::kDataAbortSame)} << 26 | 1 << 25 | fsc);
        EXPECT_EQ(far_, kFar);
        core().context.pc = kPc;
        test::port().signal_pending = test::port().entry_blocked = false;
    }
}

TEST_F(OddAborts, ATlbConflictIsResolved) {
    cpu().log.clear();
    take(0x30);
    EXPECT_EQ(pc_, kPc) << "the access is made again";
    unsigned flushes = 0;
    for (const Event& e : cpu().log)
        flushes += e.kind == Event::kTlbi && e.what == static_cast<u64>(arch::Tlbi::VMALLS12E1IS);
    EXPECT_EQ(flushes, 1u);
}

// The flat guest's VMM hears that nobody knows what the instruction does (Documentation/virt/kvm/api.rst, KVM_EXIT_ARM_NISV).
TEST_F(OddAborts, WithoutASyndromeTheVmmIsTold) {
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kDataAbortLower, 7, 0x900'0000, 0x900'0000);
        return ExitKind::kSync;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -38);
}

// HCR_EL2.PTW: hardware does not walk tables in Device memory, and no permission of ours changes that.
TEST_F(OddAborts, TablesInADeviceAreABusError) {
    alignas(4096) static u8 memory[4096];
    test::port().user_mappings.push_back({reinterpret_cast<u64>(memory), sizeof(memory)});
    test::port().user_mappings.back().device = true;
    abi::UserMemoryRegion2 region{};
    region.guest_phys_addr = 0x900'0000;
    region.memory_size = sizeof(memory);
    region.userspace_addr = reinterpret_cast<u64>(memory);
    ASSERT_EQ(vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &region), 0);
    for (u64 fsc : {0x07u, 0x0fu}) {
        take(fsc | 1 << 7);
        EXPECT_EQ(pc_, kVbar + 0x200);
        EXPECT_EQ(esr_ & 0x3c, 0x14u) << "an external abort on the walk";
        core().context.pc = kPc;
        test::port().signal_pending = test::port().entry_blocked = false;
    }
}

}  // namespace
}  // namespace nest::kvm
