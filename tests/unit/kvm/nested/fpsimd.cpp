// SPDX-License-Identifier: GPL-2.0-only
// The FP/SIMD registers are L2's between its first use and whatever may end in code of the kernel's that wants them.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct NestedFpTest : NestedVmTest {
    void SetUp() override {
        NestedVmTest::SetUp();
        set_l1(SysReg::CPTR_EL2, 3 << 20);  // L1 leaves them to L2
        core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());
    }
    static auto uses_fp() {
        return [](GuestContext&) {
            test::set_syndrome(Ec::kFpAccess, 0);
            return ExitKind::kSync;
        };
    }
};

// Making a shadow allocates, and reclaim may write back through a file system's checksums. The fake aborts there.
TEST_F(NestedFpTest, AreGivenBackBeforeAShadowIsMade) {
    bool owned = false, given_back = false;
    Shadow* first = nullptr;
    guest_does({uses_fp(),
                [&](GuestContext&) {
                    owned = core().fp_loaded();
                    first = core().nested.shadow_use.shadow;
                    set_l1(SysReg::VTTBR_EL2, u64{2} << 48 | (kRoot + 0x10'0000));
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    given_back = !core().fp_loaded();
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(owned);
    EXPECT_TRUE(given_back);
    EXPECT_NE(core().nested.shadow_use.shadow, first);
}

}  // namespace
}  // namespace nest::kvm
