// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN from end to end on the fake machine: tiers, exits to the VMM, and their completion.
#include <tests/unit/kvm/run/fixture.hpp>

#include <kvm/vm/machine.hpp>
#include <thread>

namespace nest::kvm {
namespace {

using arch::Ec;
using vhe::ExitKind;
using vhe::GuestContext;

constexpr u64 kPsciVersion = 0x8400'0000, kSystemOff = 0x8400'0008;

auto hvc(u64 function) {
    return [=](GuestContext& c) {
        c.x[0] = function;
        test::set_syndrome(Ec::kHvc64, 0);
        return ExitKind::kSync;
    };
}
constexpr u64 kLoad32 = 1 << 24 | 2 << 22 | 3 << 16 | 0x07;  // ISV, word, x3, translation fault of level 3

TEST_F(VmTest, RunNeedsAnInitialisedVcpu) {
    const long fd = nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0);
    vcpu = static_cast<nest_vcpu*>(test::port().files.at(static_cast<int>(fd)).object);
    EXPECT_EQ(ioctl(abi::KVM_RUN), -8);  // ENOEXEC
}

TEST_F(VmTest, RegisterOnlyCallsStayInTierZero) {
    make_vcpu();
    u64 answer = 0;
    guest_does({hvc(kPsciVersion), [&](GuestContext& c) {
                    answer = c.x[0];
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_INTR);
    EXPECT_GE(answer, 0x1'0000u);
    EXPECT_EQ(test::port().guest_enters, 1u) << "one stay in the guest";
    EXPECT_EQ(core().stats.tier0_exits, 1u);
}

TEST_F(VmTest, SystemOffReachesTheVmm) {
    make_vcpu();
    guest_does({hvc(kSystemOff)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_SYSTEM_EVENT);
    EXPECT_EQ(run->system_event.type, abi::KVM_SYSTEM_EVENT_SHUTDOWN);
}

TEST_F(VmTest, MmioLoadIsCompletedAtTheNextRun) {
    make_vcpu();
    core().context.pc = 0x1000;
    u64 loaded = 0, pc = 0;
    guest_does({[](GuestContext&) {
                    test::set_syndrome(Ec::kDataAbortLower, kLoad32, 0x900'0018, 0x900'0018);
                    return ExitKind::kSync;
                },
                [&](GuestContext& c) {
                    loaded = c.x[3];
                    pc = c.pc;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    ASSERT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    EXPECT_EQ(run->mmio.phys_addr, 0x900'0018u);
    EXPECT_EQ(run->mmio.len, 4u);
    EXPECT_EQ(run->mmio.is_write, 0u);
    EXPECT_EQ(core().context.pc, 0x1000u) << "the load is not done yet";
    run->mmio.data[0] = 0x90;
    run->mmio.data[3] = 0x80;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(loaded, 0x8000'0090u);
    EXPECT_EQ(pc, 0x1004u);
}

TEST_F(VmTest, AResetForgetsTheLoad) {
    make_vcpu();
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kDataAbortLower, kLoad32, 0x900'0018, 0x900'0018);
        return ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    run->mmio.data[0] = 0x90;
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {1 << abi::KVM_ARM_VCPU_PSCI_0_2}};
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    core().context.pc = 0x2000;
    guest_does({});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().context.x[3], 0u);
    EXPECT_EQ(core().context.pc, 0x2000u);
}

TEST_F(VmTest, ImmediateExitFinishesTheLoadButDoesNotEnter) {
    make_vcpu();
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kDataAbortLower, kLoad32, 0, 0x900'0000);
        return ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    const unsigned before = test::guest().entries;
    run->mmio.data[0] = 7;
    run->immediate_exit = 1;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().context.x[3], 7u);
    EXPECT_EQ(test::guest().entries, before);
}

TEST_F(VmTest, UnknownTrapsAreUndefinedInTheGuest) {
    make_vcpu();
    for (Ec ec : {Ec::kSve, Ec::kSme, Ec::kPauth, Ec::kLs64, Ec::kEret, static_cast<Ec>(0x3f)}) {
        test::port().signal_pending = test::port().entry_blocked = false;
        core().context.pstate = arch::kModeEL1h;
        core().regs.set(arch::SysReg::VBAR_EL1, 0x8000);
        guest_does({[=](GuestContext&) {
            test::set_syndrome(ec, 0);
            return ExitKind::kSync;
        }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        EXPECT_EQ(core().context.pc, 0x8200u) << static_cast<int>(ec);
        EXPECT_EQ(core().regs.get(arch::SysReg::ESR_EL1) >> 26, 0u);
    }
}

TEST_F(VmTest, WfiBlocksUntilSomethingCalls) {
    make_vcpu();
    unsigned waits = 0;
    test::port().on_wait = [&](nest_host_vcpu*) {
        waits++;
        EXPECT_FALSE(nest_vcpu_runnable(vcpu));
        core().make_request(Request::kLook);
        EXPECT_TRUE(nest_vcpu_runnable(vcpu));
    };
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kWfx, 0);
        return ExitKind::kSync;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(waits, 1u);
}

// The alarm of a wait that something else has ended meanwhile.
TEST_F(VmTest, AnAlarmOfBeforeEndsNoWait) {
    make_vcpu();
    core().alarm.store_release(true);
    bool over = true;
    test::port().on_wait = [&](nest_host_vcpu*) {
        over = nest_vcpu_runnable(vcpu);
        test::port().signal_pending = test::port().entry_blocked = true;
    };
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kWfx, 0);
        return ExitKind::kSync;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(over);
}

// Most entries of a vCPU find their tables: those registers are slow to write.
TEST_F(VmTest, AnEntryIntoTheSameTablesWritesNone) {
    make_vcpu();
    guest_does({[](GuestContext&) { return ExitKind::kIrq; }, [](GuestContext&) { return ExitKind::kIrq; }});
    cpu().log.clear();
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    unsigned writes = 0;
    for (const test::Event& e : cpu().log)
        writes += e.kind == test::Event::kWrite && e.what == static_cast<u64>(arch::SysReg::VTTBR_EL2);
    EXPECT_EQ(test::guest().entries, 3u);
    EXPECT_LE(writes, 1u);
}

// QEMU 10.0.13 says WFIT (TI 2), but not with which register (RV 0).
TEST_F(VmTest, AWfitWithoutItsRegisterIsOverAtOnce) {
    make_vcpu();
    unsigned waits = 0;
    test::port().on_wait = [&](nest_host_vcpu*) { waits++; };
    u64 pc = 0;
    guest_does({[](GuestContext& c) {
                    c.pc = 0x8000;
                    test::set_syndrome(Ec::kWfx, 2);
                    return ExitKind::kSync;
                },
                [&](GuestContext& c) {
                    pc = c.pc;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(waits, 0u);
    EXPECT_EQ(pc, 0x8004u);
}

// Nothing that another thread asks of a suspended vCPU may keep its thread awake.
TEST_F(VmTest, ASuspendedVcpuSleepsThoughSomethingWasAskedOfIt) {
    make_vcpu();
    core().power.set(PowerState::kSuspended);
    core().make_request(Request::kTraps);
    bool over = true;
    test::port().on_wait = [&](nest_host_vcpu*) {
        over = nest_vcpu_runnable(vcpu);
        test::port().signal_pending = test::port().entry_blocked = true;
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(over);
}

TEST_F(VmTest, TheVmmsInterruptPinIsTheGuestsInterrupt) {
    make_vcpu();
    abi::IrqLevel line{0, 1};  // KVM_ARM_IRQ_TYPE_CPU, vCPU 0, IRQ
    ASSERT_EQ(vm_ioctl(abi::KVM_IRQ_LINE, &line), 0);
    const unsigned& kicks = test::port().vcpus[core().host].kicks;
    EXPECT_EQ(kicks, 0u) << "the next entry looks";
    u64 hcr = 0;
    guest_does({[&](GuestContext&) {
        hcr = cpu().registers[arch::SysReg::HCR_EL2];
        std::thread([&] { EXPECT_EQ(vm_ioctl(abi::KVM_IRQ_LINE, &line), 0); }).join();
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(hcr & 0xc0, 0x80u) << "VI, not VF";
    EXPECT_EQ(kicks, 1u) << "or it is in the guest without it";
}

TEST_F(VmTest, FpIsTakenOnceAndGivenBack) {
    make_vcpu();
    auto fp = [](GuestContext&) {
        test::set_syndrome(Ec::kFpAccess, 0);
        return ExitKind::kSync;
    };
    guest_does({fp, fp});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(test::port().fpsimd_begins, 1u);
    EXPECT_EQ(test::port().fpsimd_ends, 1u);
}

// As kernels before 6.8 lend them: whoever has the registers must not be preempted, and so must not sleep (tests/fake asserts both).
TEST_F(VmTest, FpThatDoesNotSurvivePreemptionIsTakenForEachStay) {
    test::port().fpsimd_survives_preemption = false;
    make_vcpu();
    unsigned owned = 0;
    guest_does({[](GuestContext&) {
                    test::set_syndrome(Ec::kFpAccess, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    owned += core().fp_loaded();
                    test::set_syndrome(Ec::kWfx, 1);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    owned += core().fp_loaded();
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(owned, 2u);
    EXPECT_EQ(test::port().fpsimd_begins, 3u) << "the last stay is the script's end";
    EXPECT_EQ(test::port().fpsimd_ends, 3u);
}

TEST_F(VmTest, ADeadVmDoesNotRun) {
    make_vcpu();
    nest_mmu_release(vm);
    EXPECT_EQ(ioctl(abi::KVM_RUN), -5);  // EIO
    EXPECT_EQ(test::guest().entries, 0u);
}

TEST_F(VmTest, EntryLeavesTheHostsRegistersAsTheyWere) {
    make_vcpu();
    auto& r = cpu().registers;
    r[arch::SysReg::HCR_EL2] = 0x4'8800'0000;
    r[arch::SysReg::VBAR_EL2] = 0xabc'0000;
    r[arch::SysReg::DAIF] = 0x40;
    r[arch::SysReg::ICC_PMR_EL1] = 0xa0;
    r[arch::SysReg::CPTR_EL2] = 0x30'0000;
    guest_does({hvc(kPsciVersion)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(r[arch::SysReg::HCR_EL2], 0x4'8800'0000u);
    EXPECT_EQ(r[arch::SysReg::VBAR_EL2], 0xabc'0000u);
    EXPECT_EQ(r[arch::SysReg::DAIF], 0x40u);
    EXPECT_EQ(r[arch::SysReg::ICC_PMR_EL1], 0xa0u);
    EXPECT_EQ(r[arch::SysReg::CPTR_EL2], 0x30'0000u);
    EXPECT_EQ(r[arch::SysReg::ICH_HCR_EL2], 0u);
}

TEST_F(VmTest, EachCpuKnowsItsOwnDefence) {
    cpu().registers[arch::SysReg::MIDR_EL1] = 0x411f'd402;  // Neoverse-V1
    cpu().registers[arch::SysReg::ID_AA64ISAR2_EL1] = 0;
    test::port().firmware_mitigates = vhe::kArchWorkaround3;
    nest_cpu_online();
    EXPECT_EQ(this_cpu().context.defence, (vhe::ExitDefence{32, 0}));
    EXPECT_TRUE(has_erratum(arch::Erratum::kRepeatTlbi));
    test::port().set_cpu(1);
    cpu().registers[arch::SysReg::MIDR_EL1] = 0x000f'0510;
    nest_cpu_online();
    EXPECT_EQ(this_cpu().context.defence, (vhe::ExitDefence{0, vhe::kArchWorkaround3}));
    EXPECT_TRUE(has_erratum(arch::Erratum::kRepeatTlbi)) << "broadcasts reach the other CPU";
    test::port().set_cpu(0);
    EXPECT_EQ(this_cpu().context.defence.rounds, 32u);
    arch::known_errata.store_relaxed(0);
}

}  // namespace
}  // namespace nest::kvm
