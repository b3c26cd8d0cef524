// SPDX-License-Identifier: GPL-2.0-only
// The device file of a VM with virtual EL2: the maintenance interrupt's number, and the GIC's EL2 registers.
#include <cstring>
#include <tests/unit/vgic/nested/machine.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::test {
namespace {

using namespace vgic;
using arch::SysReg;
constexpr u64 kFault = 0xdead0000;

struct UserMemory final : DeviceContext {
    bool running = false;
    bool read_user(void* to, u64 from, size_t n) override {
        return from != kFault && std::memcpy(to, reinterpret_cast<void*>(from), n);
    }
    bool write_user(u64 to, const void* from, size_t n) override {
        return to != kFault && std::memcpy(reinterpret_cast<void*>(to), from, n);
    }
    bool try_lock_vcpus() override { return !running; }
    void unlock_vcpus() override {}
};

int code(const Status& s) { return s ? 0 : static_cast<int>(s.error()); }

struct DeviceNested : testing::Test {
    FakeCallbacks callbacks;
    HostGic gic = Machine(0).gic;
    Distributor d{callbacks, gic, kIpaLimit};
    CpuInterface cpus[2];
    vncr::RegisterFile file;
    UserMemory context;

    DeviceNested() {
        if (!file.init())
            __builtin_trap();
        for (unsigned i = 0; i < 2; i++)
            Machine::ok(d.register_cpu(cpus[i], i, i));
        cpus[1].el2 = &file;
    }
    int set(u32 group, u64 attr, u64 value) {
        return code(set_attr(d, context, {0, group, attr, reinterpret_cast<u64>(&value)}));
    }
    int get(u32 group, u64 attr, u64& value) {
        return code(get_attr(d, context, {0, group, attr, reinterpret_cast<u64>(&value)}));
    }
    int maintenance(u64 intid) { return set(KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, intid); }
    u32 maintenance() {
        u64 value = 0;
        EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, value), 0);
        return static_cast<u32>(value);
    }
    static u64 attr_of(unsigned vcpu, SysReg reg) { return u64{vcpu} << 32 | arch::encoding_of(reg).raw; }
    int set_reg(unsigned vcpu, SysReg reg, u64 value) {
        return set(KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr_of(vcpu, reg), value);
    }
    int get_reg(unsigned vcpu, SysReg reg, u64& value) {
        return get(KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr_of(vcpu, reg), value);
    }
    int has_reg(unsigned vcpu, SysReg reg) {
        return code(has_attr(d, {0, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr_of(vcpu, reg), 0}));
    }
    void init() { Machine::ok(d.init()); }
};

TEST_F(DeviceNested, MaintenanceNumberIsAPpiSetBeforeInit) {
    EXPECT_EQ(code(has_attr(d, {0, KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, 0})), 0);
    EXPECT_EQ(maintenance(), 0u);
    for (const u64 bad : {0, 15, 32, 1023, 8192})
        EXPECT_EQ(maintenance(bad), EINVAL) << bad;
    EXPECT_EQ(code(set_attr(d, context, {0, KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, kFault})), EFAULT);
    EXPECT_EQ(code(get_attr(d, context, {0, KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ, 0, kFault})), EFAULT);
    EXPECT_EQ(maintenance(16), 0);
    EXPECT_EQ(maintenance(31), 0) << "may be set again";
    EXPECT_EQ(maintenance(), 31u);
    init();
    EXPECT_EQ(maintenance(16), EBUSY);
    EXPECT_EQ(maintenance(5), EBUSY) << "the state is looked at first";
    EXPECT_EQ(maintenance(), 31u);
}

TEST_F(DeviceNested, DefaultAtTheFirstRun) {
    init();
    EXPECT_EQ(code(d.claim_maintenance_ppi(cpus[1])), 0);
    EXPECT_EQ(maintenance(), 25u);
    EXPECT_EQ(code(d.claim_maintenance_ppi(cpus[1])), 0) << "its own already";
}

TEST_F(DeviceNested, ChosenNumberStaysAndTheLineIsTheVcpusAlone) {
    EXPECT_EQ(maintenance(26), 0);
    init();
    EXPECT_EQ(code(d.claim_maintenance_ppi(cpus[1])), 0);
    EXPECT_EQ(maintenance(), 26u);
    set_maintenance(cpus[1], true);
    EXPECT_EQ(cpus[1].private_irqs.line, bit_of(26));
    EXPECT_EQ(code(inject_ppi(cpus[1], 26, false)), 0);
    EXPECT_EQ(cpus[1].private_irqs.line, bit_of(26)) << "user space has no say";
    set_maintenance(cpus[1], false);
    EXPECT_EQ(cpus[1].private_irqs.line, 0u);
}

TEST_F(DeviceNested, AnotherDevicesPpiIsRefused) {
    EXPECT_EQ(maintenance(27), 0);
    init();
    EXPECT_EQ(code(set_owner(cpus[1], 27, this)), 0);
    EXPECT_EQ(code(d.claim_maintenance_ppi(cpus[1])), EEXIST);
}

TEST_F(DeviceNested, MemoryRegisters) {
    std::vector<SysReg> registers{SysReg::ICH_HCR_EL2, SysReg::ICH_VMCR_EL2, SysReg::ICH_AP0R0_EL2,
                                  SysReg::ICH_AP1R0_EL2};
    for (unsigned i = 0; i < 16; i++)
        registers.push_back(list_register_name(i));
    init();
    u64 value = ~u64{0} / 3;
    for (const SysReg reg : registers) {
        EXPECT_EQ(has_reg(1, reg), 0);
        EXPECT_EQ(set_reg(1, reg, ++value), 0);
        EXPECT_EQ(file.get(reg), value);
        u64 back = 0;
        EXPECT_EQ(get_reg(1, reg, back), 0);
        EXPECT_EQ(back, value);
    }
}

TEST_F(DeviceNested, ActivePrioritiesByPriorityBits) {
    init();
    for (const auto& [bits, count] : {std::pair{5, 1u}, std::pair{6, 2u}, std::pair{7, 4u}}) {
        cpus[1].priority_bits = static_cast<u8>(bits);
        for (unsigned i = 0; i < 4; i++)
            for (const SysReg first : {SysReg::ICH_AP0R0_EL2, SysReg::ICH_AP1R0_EL2}) {
                const auto reg = static_cast<SysReg>(static_cast<unsigned>(first) + i);
                u64 value;
                EXPECT_EQ(has_reg(1, reg), 0);
                EXPECT_EQ(set_reg(1, reg, 1), i < count ? 0 : EINVAL);
                EXPECT_EQ(get_reg(1, reg, value), i < count ? 0 : EINVAL);
            }
    }
}

TEST_F(DeviceNested, ConstantsTakeOnlyTheirOwnValue) {
    init();
    const std::pair<SysReg, u64> constants[] = {{SysReg::ICH_VTR_EL2, nested_vtr(gic)}, {SysReg::ICC_SRE_EL2, 0xf}};
    for (const auto& [reg, expected] : constants) {
        u64 value = 0;
        EXPECT_EQ(get_reg(1, reg, value), 0);
        EXPECT_EQ(value, expected);
        EXPECT_EQ(set_reg(1, reg, expected), 0);
        EXPECT_EQ(set_reg(1, reg, expected ^ 1), EINVAL);
    }
}

TEST_F(DeviceNested, HiddenWithoutEl2) {
    init();
    u64 value;
    for (const SysReg reg : {SysReg::ICH_HCR_EL2, SysReg::ICH_VTR_EL2, SysReg::ICH_LR3_EL2, SysReg::ICC_SRE_EL2}) {
        EXPECT_EQ(has_reg(0, reg), ENXIO);
        EXPECT_EQ(set_reg(0, reg, 0), ENOENT);
        EXPECT_EQ(get_reg(0, reg, value), ENOENT);
    }
    // Computed ones are nobody's.
    for (const SysReg reg : {SysReg::ICH_MISR_EL2, SysReg::ICH_EISR_EL2, SysReg::ICH_ELRSR_EL2}) {
        EXPECT_EQ(has_reg(1, reg), ENXIO);
        EXPECT_EQ(get_reg(1, reg, value), ENOENT);
    }
}

TEST_F(DeviceNested, WhenTheyCanBeReached) {
    EXPECT_EQ(set_reg(1, SysReg::ICH_HCR_EL2, 1), EBUSY) << "before init";
    init();
    context.running = true;
    EXPECT_EQ(set_reg(1, SysReg::ICH_HCR_EL2, 1), EBUSY);
    context.running = false;
    const DeviceAttr fault{0, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr_of(1, SysReg::ICH_HCR_EL2), kFault};
    EXPECT_EQ(code(set_attr(d, context, fault)), EFAULT);
    EXPECT_EQ(code(get_attr(d, context, fault)), EFAULT);
    EXPECT_EQ(set_reg(2, SysReg::ICH_HCR_EL2, 1), EINVAL) << "no such vCPU";
}

}  // namespace
}  // namespace nest::test
