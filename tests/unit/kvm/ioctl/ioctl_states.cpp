// SPDX-License-Identifier: GPL-2.0-only
// What the descriptors answer in the wrong state: too early, too late, or with what this machine does not have.
#include <tests/unit/kvm/run/fixture.hpp>

#include <arch/id_registers.hpp>
#include <kvm/abi/capability.hpp>
#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <kvm/firmware/smccc_filter.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::kvm {
namespace {

constexpr long kEIntr = -4, kENxIo = -6, kENoExec = -8, kEFault = -14, kEBusy = -16, kEExist = -17, kENoDev = -19,
               kEInval = -22;
constexpr u64 kSmall64 = abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64;

struct StatesTest : VmTest {
    void* gic = nullptr;

    void TearDown() override {
        if (gic)
            nest_device_release(gic);
        VmTest::TearDown();
    }
    void create_vcpu_only() {
        const long fd = nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0);
        ASSERT_GE(fd, 0);
        vcpu = static_cast<nest_vcpu*>(test::port().files.at(static_cast<int>(fd)).object);
        run = static_cast<abi::Run*>(nest_vcpu_mmap_page(vcpu, 0));
    }
    long create_gic() {
        abi::CreateDevice device{abi::KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
        const long error = vm_ioctl(abi::KVM_CREATE_DEVICE, &device);
        if (!error)
            gic = test::port().files.at(static_cast<int>(device.fd)).object;
        return error;
    }
    long init_gic() {
        vgic::DeviceAttr attr{0, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, 0};
        return nest_device_ioctl(gic, abi::KVM_SET_DEVICE_ATTR, reinterpret_cast<u64>(&attr));
    }
    void run_once() {
        guest_does({});
        ASSERT_EQ(ioctl(abi::KVM_RUN), kEIntr);
    }
    long attribute(unsigned cmd, u32 group, u64 number, u64 addr = 0) {
        abi::DeviceAttr attr{0, group, number, addr};
        return ioctl(cmd, &attr);
    }
    long enable(u32 capability, u64 arg = 0, u32 flags = 0) {
        abi::EnableCap cap{};
        cap.cap = capability;
        cap.flags = flags;
        cap.args[0] = arg;
        return vm_ioctl(abi::KVM_ENABLE_CAP, &cap);
    }
};

TEST_F(StatesTest, BeforeInit) {
    create_vcpu_only();
    abi::OneReg reg{};
    s32 feature = 4;
    EXPECT_EQ(ioctl(abi::KVM_RUN), kENoExec);
    EXPECT_EQ(nest_vcpu_ioctl(vcpu, abi::KVM_RUN, 1), kEInval) << "the argument comes first";
    EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &reg), kENoExec);
    EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), kENoExec);
    EXPECT_EQ(ioctl(abi::KVM_GET_REG_LIST, &reg), kENoExec);
    EXPECT_EQ(ioctl(abi::KVM_ARM_VCPU_FINALIZE, &feature), kENoExec);
    abi::VcpuEvents events{};
    EXPECT_EQ(ioctl(abi::KVM_GET_VCPU_EVENTS, &events), 0);
    events = {};
    events.serror_pending = 1;
    EXPECT_EQ(ioctl(abi::KVM_SET_VCPU_EVENTS, &events), 0);
    events.reserved[3] = 1;
    EXPECT_EQ(ioctl(abi::KVM_SET_VCPU_EVENTS, &events), kEInval);
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {1 << abi::KVM_ARM_VCPU_PSCI_0_2}};
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_EQ(ioctl(abi::KVM_GET_VCPU_EVENTS, &events), 0);
    EXPECT_EQ(events.serror_pending, 0) << "a reset takes it away";
}

TEST_F(StatesTest, InitTwiceKeepsItsFeatures) {
    make_vcpu();
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {0}};
    EXPECT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), kEInval);
    init.features[0] = 1 << abi::KVM_ARM_VCPU_PSCI_0_2 | 1 << abi::KVM_ARM_VCPU_POWER_OFF;
    EXPECT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    abi::MpState state{};
    EXPECT_EQ(ioctl(abi::KVM_GET_MP_STATE, &state), 0);
    EXPECT_EQ(state.mp_state, abi::KVM_MP_STATE_STOPPED);
}

TEST_F(StatesTest, AnotherLifeForgetsTheInstructionsOfThisOne) {
    make_vcpu();
    const auto dropped = [] {
        for (const auto& event : cpu().log)
            if (event.kind == test::Event::kCache && event.what == static_cast<u64>(arch::CacheOp::IALLUIS))
                return true;
        return false;
    };
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {1 << abi::KVM_ARM_VCPU_PSCI_0_2}};
    cpu().log.clear();
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_FALSE(dropped()) << "it has not run yet";
    run_once();
    cpu().log.clear();
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_TRUE(dropped());
}

TEST_F(StatesTest, Finalize) {
    make_vcpu();
    s32 feature = 4;
    EXPECT_EQ(ioctl(abi::KVM_ARM_VCPU_FINALIZE, &feature), kEInval) << "no SVE";
    test::port().only_mapped_user_memory = true;
    EXPECT_EQ(nest_vcpu_ioctl(vcpu, abi::KVM_ARM_VCPU_FINALIZE, 0x10), kEFault);
}

TEST_F(StatesTest, AfterTheFirstRun) {
    make_vcpu();
    run_once();
    EXPECT_EQ(create_gic(), kEBusy);
    EXPECT_EQ(enable(abi::KVM_CAP_ARM_WRITABLE_IMP_ID_REGS), kEBusy);
    u64 value = 0;
    abi::OneReg reg{kSmall64 | abi::KVM_REG_ARM64_SYSREG | arch::encoding_of(arch::SysReg::ID_AA64PFR0_EL1).raw,
                    reinterpret_cast<u64>(&value)};
    ASSERT_EQ(ioctl(abi::KVM_GET_ONE_REG, &reg), 0);
    EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), 0) << "the same value";
    value ^= u64{1} << 56;
    EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), kEBusy);
    SmcccFilterArgument filter{};
    filter.base = 0xc600'0000;
    filter.nr_functions = 1;
    filter.action = 1;
    abi::DeviceAttr attr{0, abi::KVM_ARM_VM_SMCCC_CTRL, abi::KVM_ARM_VM_SMCCC_FILTER, reinterpret_cast<u64>(&filter)};
    EXPECT_EQ(vm_ioctl(abi::KVM_SET_DEVICE_ATTR, &attr), kEBusy);
}

// Its thread sleeps inside of KVM_RUN.
TEST_F(StatesTest, TheCountersStayWhileAVcpuRuns) {
    make_vcpu();
    struct {
        u64 offset = 77, reserved = 0;
    } argument;
    const auto set = [&] { return vm_ioctl(abi::KVM_ARM_SET_COUNTER_OFFSET, &argument); };
    const u64 before = core().vm.timers.virtual_offset().load_relaxed();
    long inside = 0;
    abi::MpState stopped{abi::KVM_MP_STATE_STOPPED};
    ASSERT_EQ(ioctl(abi::KVM_SET_MP_STATE, &stopped), 0);
    test::port().on_wait = [&](nest_host_vcpu*) {
        inside = set();
        test::port().signal_pending = test::port().entry_blocked = true;
    };
    ASSERT_EQ(ioctl(abi::KVM_RUN), kEIntr);
    EXPECT_EQ(inside, kEBusy);
    EXPECT_EQ(core().vm.timers.virtual_offset().load_relaxed(), before);
    EXPECT_EQ(set(), 0);
    EXPECT_EQ(core().vm.timers.virtual_offset().load_relaxed(), 77u);
}

TEST_F(StatesTest, VcpusComeBeforeTheGicsInitialisation) {
    make_vcpu();
    ASSERT_EQ(create_gic(), 0);
    EXPECT_EQ(create_gic(), kEExist);
    ASSERT_EQ(init_gic(), 0);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 1), kEBusy);
}

TEST_F(StatesTest, MessagesNeedAnIts) {
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_SIGNAL_MSI), 1);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_MSI_DEVID), 0);
    struct {
        abi::IrqRouting header{1, 0};
        abi::IrqRoutingEntry entry{};
    } route;
    route.entry.gsi = 3;
    route.entry.type = abi::KVM_IRQ_ROUTING_MSI;
    EXPECT_EQ(vm_ioctl(abi::KVM_SET_GSI_ROUTING, &route), kEInval) << "what comes by it would be lost";
    route.entry.type = abi::KVM_IRQ_ROUTING_IRQCHIP;
    EXPECT_EQ(vm_ioctl(abi::KVM_SET_GSI_ROUTING, &route), 0);
    abi::Msi msi{};
    EXPECT_EQ(vm_ioctl(abi::KVM_SIGNAL_MSI, &msi), kEInval) << "no GIC at all";
    make_vcpu();
    ASSERT_EQ(create_gic(), 0);
    EXPECT_EQ(vm_ioctl(abi::KVM_SIGNAL_MSI, &msi), kENoDev);
    msi.flags = abi::KVM_MSI_VALID_DEVID;
    EXPECT_EQ(vm_ioctl(abi::KVM_SIGNAL_MSI, &msi), kENoDev) << "no ITS there";
    msi.flags = 2;
    EXPECT_EQ(vm_ioctl(abi::KVM_SIGNAL_MSI, &msi), kEInval);
}

TEST_F(StatesTest, LinesByKind) {
    make_vcpu();
    const auto line = [&](u32 kind, u32 vcpu_id, u32 number) {
        abi::IrqLevel level{kind << abi::KVM_ARM_IRQ_TYPE_SHIFT | vcpu_id << abi::KVM_ARM_IRQ_VCPU_SHIFT | number, 1};
        return vm_ioctl(abi::KVM_IRQ_LINE, &level);
    };
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_CPU, 0, 0), 0);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_CPU, 1, 0), kEInval) << "no such vCPU";
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_PPI, 0, 20), kENxIo);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_SPI, 0, 40), kENxIo);
    EXPECT_EQ(line(3, 0, 40), kEInval);
    ASSERT_EQ(create_gic(), 0);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_CPU, 0, 0), kENxIo);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_PPI, 0, 20), kEBusy) << "not initialised: it would be lost";
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_SPI, 0, 40), kEBusy);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_PPI, 1, 20), kEInval) << "no such vCPU";
    ASSERT_EQ(init_gic(), 0);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_PPI, 0, 20), 0);
    EXPECT_EQ(line(abi::KVM_ARM_IRQ_TYPE_SPI, 0, 40), 0);
}

TEST_F(StatesTest, CapabilitiesCheckTheirArguments) {
    EXPECT_EQ(enable(abi::KVM_CAP_HALT_POLL, 0xffff'ffff), 0);
    EXPECT_EQ(enable(abi::KVM_CAP_HALT_POLL, u64{1} << 32), kEInval);
    EXPECT_EQ(enable(abi::KVM_CAP_HALT_POLL, 0, 1), kEInval);
    EXPECT_EQ(enable(abi::KVM_CAP_ARM_NISV_TO_USER, 0, 1), kEInval);
    EXPECT_EQ(enable(0xffff), kEInval);
}

TEST_F(StatesTest, AVcpuWithoutPmuSaysSo) {
    make_vcpu();
    s32 irq = 23;
    const u64 at = reinterpret_cast<u64>(&irq);
    for (u64 number : {abi::KVM_ARM_VCPU_PMU_V3_IRQ, abi::KVM_ARM_VCPU_PMU_V3_INIT, abi::KVM_ARM_VCPU_PMU_V3_FILTER}) {
        EXPECT_EQ(attribute(abi::KVM_HAS_DEVICE_ATTR, abi::KVM_ARM_VCPU_PMU_V3_CTRL, number), kENxIo);
        EXPECT_EQ(attribute(abi::KVM_SET_DEVICE_ATTR, abi::KVM_ARM_VCPU_PMU_V3_CTRL, number, at), kENoDev);
    }
    const auto get = [&](u64 number) {
        return attribute(abi::KVM_GET_DEVICE_ATTR, abi::KVM_ARM_VCPU_PMU_V3_CTRL, number, at);
    };
    EXPECT_EQ(get(abi::KVM_ARM_VCPU_PMU_V3_IRQ), kEInval) << "no GIC";
    EXPECT_EQ(get(abi::KVM_ARM_VCPU_PMU_V3_INIT), kENxIo);
    ASSERT_EQ(create_gic(), 0);
    EXPECT_EQ(get(abi::KVM_ARM_VCPU_PMU_V3_IRQ), kENoDev);
}

TEST_F(StatesTest, InvalidationsAreCounted) {
    make_vcpu();
    constexpr u64 page = 0x10'0000;
    test::UserMapping mapping{};
    mapping.start = page;
    mapping.bytes = 4096;
    mapping.pa = 0x8000'0000;
    mapping.cacheable = true;
    test::port().user_mappings.push_back(mapping);
    abi::UserMemoryRegion2 region{};
    region.guest_phys_addr = 0x4000'0000;
    region.memory_size = 0x1000;
    region.userspace_addr = page;
    ASSERT_EQ(vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &region), 0);
    guest_does({[](vhe::GuestContext&) {
        test::set_syndrome(arch::Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 1 << 6 | 0x07, 0x4000'0000, 0x4000'0000);
        return vhe::ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), kEIntr);
    Vm& core_vm = core().vm;
    core_vm.stage2.report(core_vm.stats);
    EXPECT_EQ(core_vm.stats.remote_tlb_flush, 0u) << "a first mapping drops nothing";
    nest_mmu_invalidate_start(vm, page, page + 4096);
    nest_mmu_invalidate_end(vm, page, page + 4096);
    core_vm.stage2.report(core_vm.stats);
    EXPECT_EQ(core_vm.stats.remote_tlb_flush, 1u);
    EXPECT_EQ(core_vm.stats.remote_tlb_flush_requests, 1u);
    nest_mmu_invalidate_start(vm, page, page + 4096);
    nest_mmu_invalidate_end(vm, page, page + 4096);
    core_vm.stage2.report(core_vm.stats);
    EXPECT_EQ(core_vm.stats.remote_tlb_flush, 1u) << "nothing was mapped any more";
}

}  // namespace
}  // namespace nest::kvm
