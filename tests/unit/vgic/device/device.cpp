// SPDX-License-Identifier: GPL-2.0-only
// The device file: addresses and regions in the order in which KVM's own selftest tries them, error codes, migration.
#include <cstring>
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::test {
namespace {

using namespace vgic;
constexpr u64 kFault = 0xdead0000;

struct Context final : DeviceContext {
    bool running = false;
    unsigned locks = 0;
    bool read_user(void* to, u64 from, size_t n) override {
        return from != kFault && std::memcpy(to, reinterpret_cast<void*>(from), n);
    }
    bool write_user(u64 to, const void* from, size_t n) override {
        return to != kFault && std::memcpy(reinterpret_cast<void*>(to), from, n);
    }
    bool try_lock_vcpus() override { return !running && ++locks; }
    void unlock_vcpus() override { locks--; }
};

int code(const Status& s) { return s ? 0 : static_cast<int>(s.error()); }
constexpr u64 region(u64 count, u64 base, u64 flags, u64 index) { return count << 52 | base | flags << 12 | index; }

struct Device : testing::Test {
    FakeCallbacks callbacks;
    HostGic gic = Machine(0).gic;
    Distributor d{callbacks, gic, kIpaLimit};
    std::vector<std::unique_ptr<CpuInterface>> cpus;
    Context context;

    int add_cpu(unsigned id) {
        cpus.push_back(std::make_unique<CpuInterface>());
        return code(d.register_cpu(*cpus.back(), id, (id & 15) | u64{id} >> 4 << 8));
    }
    int set(u32 group, u64 attr, u64 value) {
        const int r = code(set_attr(d, context, {0, group, attr, reinterpret_cast<u64>(&value)}));
        EXPECT_EQ(context.locks, 0u);
        return r;
    }
    int get(u32 group, u64 attr, u64& value) {
        const int r = code(get_attr(d, context, {0, group, attr, reinterpret_cast<u64>(&value)}));
        EXPECT_EQ(context.locks, 0u);
        return r;
    }
    int addr(u64 attr, u64 value) { return set(KVM_DEV_ARM_VGIC_GRP_ADDR, attr, value); }
    int dist(u64 value) { return addr(2, value); }
    int redist(u64 value) { return addr(3, value); }
    int redist_region(u64 value) { return addr(5, value); }
    int init() { return set(KVM_DEV_ARM_VGIC_GRP_CTRL, 0, 0); }
    u64 typer(u64 id) {
        u64 v = 0;
        EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, id << 32 | 8, v), 0);
        return v;
    }
    int has(u32 group, u64 attr) { return code(has_attr(d, {0, group, attr, 0})); }
};

TEST_F(Device, LegacyAddresses) {
    add_cpu(0);
    EXPECT_EQ(dist(0x1000), EINVAL);
    EXPECT_EQ(redist(0x1000), EINVAL);
    EXPECT_EQ(dist(kIpaLimit), E2BIG);
    EXPECT_EQ(redist(kIpaLimit), E2BIG);
    EXPECT_EQ(redist(kIpaLimit - 0x10000), E2BIG);
    EXPECT_EQ(redist(0), 0);
    EXPECT_EQ(redist(0xe0000), EEXIST);
    EXPECT_EQ(redist_region(region(4, 0x100000, 0, 0)), EINVAL);
    EXPECT_EQ(redist_region(region(4, 0x100000, 0, 1)), EINVAL);
    EXPECT_EQ(dist(0x70000), 0);
    EXPECT_EQ(dist(0x80000), EEXIST);
    for (unsigned i = 1; i < 4; i++)
        EXPECT_EQ(add_cpu(i), 0);
    EXPECT_EQ(code(d.check_ready()), EINVAL) << "the fourth redistributor overlaps the distributor";
    EXPECT_EQ(add_cpu(4), EINVAL);
    EXPECT_EQ(d.cpu_count(), 4u);
}

TEST_F(Device, LegacyRegionGrowsBeyondTheLimit) {
    add_cpu(0);
    EXPECT_EQ(redist(kIpaLimit - 3 * 0x20000), 0);
    EXPECT_EQ(dist(0), 0);
    for (unsigned i = 1; i < 4; i++)
        EXPECT_EQ(add_cpu(i), 0);
    EXPECT_EQ(init(), 0);
    EXPECT_EQ(code(d.check_ready()), EINVAL);
}

TEST_F(Device, Regions) {
    for (unsigned i = 0; i < 4; i++)
        add_cpu(i);
    EXPECT_EQ(redist_region(region(4, 0x100000, 2, 0)), EINVAL);
    EXPECT_EQ(redist_region(region(0, 0x100000, 0, 0)), EINVAL);
    EXPECT_EQ(redist_region(region(2, 0x200000, 0, 1)), EINVAL);
    EXPECT_EQ(redist_region(region(2, 0x200000, 0, 0)), 0);
    EXPECT_EQ(redist_region(region(2, 0x200000, 0, 1)), EINVAL);
    EXPECT_EQ(redist_region(region(1, 0x210000, 0, 2)), EINVAL);
    EXPECT_EQ(redist_region(region(1, 0x240000, 0, 2)), EINVAL);
    EXPECT_EQ(redist_region(region(1, 0x240000, 0, 1)), 0);
    EXPECT_EQ(redist_region(region(1, kIpaLimit, 0, 2)), E2BIG);
    EXPECT_EQ(redist_region(region(2, kIpaLimit - 0x30000, 0, 2)), E2BIG);
    EXPECT_EQ(redist(0x260000), EINVAL);
    u64 v = region(0, 0, 0, 0);
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_ADDR, 5, v), 0);
    EXPECT_EQ(v, region(2, 0x200000, 0, 0));
    v = 1;
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_ADDR, 5, v), 0);
    EXPECT_EQ(v, region(1, 0x240000, 0, 1));
    v = 2;
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_ADDR, 5, v), ENOENT);
    EXPECT_EQ(dist(0x260000), 0);
    EXPECT_EQ(redist_region(region(1, 0x260000, 0, 2)), EINVAL) << "collides with the distributor";
    EXPECT_EQ(code(d.check_ready()), ENXIO) << "the fourth vCPU has none";
    EXPECT_EQ(redist_region(region(1, 0x280000, 0, 2)), 0) << "the failed attempt left nothing behind";
    EXPECT_EQ(code(d.check_ready()), EBUSY);
    EXPECT_TRUE(d.may_have_frame(0)) << "nothing is known yet";
    EXPECT_EQ(init(), 0);
    EXPECT_EQ(code(d.check_ready()), 0);
    EXPECT_EQ(d.cpu(3).redist_base, 0x280000u);
    u64 offset = 0;
    EXPECT_EQ(d.find_redistributor(0x220004, offset), &d.cpu(1));
    EXPECT_EQ(d.find_redistributor(0x290004, offset), &d.cpu(3));
    EXPECT_EQ(offset, 0x10004u);
    EXPECT_EQ(d.find_redistributor(0x260000, offset), nullptr);
    for (const u64 inside : {0x200000, 0x260000, 0x29ffff})
        EXPECT_TRUE(d.may_have_frame(inside)) << std::hex << inside;
    for (const u64 outside : {0x1fffff, 0x2a0000})
        EXPECT_FALSE(d.may_have_frame(outside)) << std::hex << outside;
}

TEST_F(Device, UserPointers) {
    add_cpu(0);
    for (const u64 attr : {2, 3, 5}) {
        EXPECT_EQ(code(set_attr(d, context, {0, 0, attr, kFault})), EFAULT);
    }
    EXPECT_EQ(code(get_attr(d, context, {0, 0, 2, kFault})), EFAULT);
    EXPECT_EQ(code(get_attr(d, context, {0, 0, 5, kFault})), EFAULT);
    EXPECT_EQ(code(set_attr(d, context, {0, 3, 0, kFault})), EFAULT);
    EXPECT_EQ(code(get_attr(d, context, {0, 3, 0, kFault})), EFAULT);
    EXPECT_EQ(code(set_attr(d, context, {0, 1, 0, kFault})), EFAULT);
}

TEST_F(Device, TyperLastAsRegionsCome) {
    add_cpu(0);
    add_cpu(3);
    u64 v = 0;
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, u64{1} << 32 | 8, v), EINVAL);
    add_cpu(1);
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, u64{1} << 32 | 8, v), EBUSY);
    add_cpu(2);
    EXPECT_EQ(init(), 0);
    EXPECT_EQ(init(), 0);
    for (u64 i = 0; i < 4; i++)
        EXPECT_EQ(typer(i), i * 0x100);
    EXPECT_EQ(redist_region(region(2, 0x200000, 0, 0)), 0);
    EXPECT_EQ(typer(0), 0u);
    EXPECT_EQ(typer(3), 0x310u);
    EXPECT_EQ(redist_region(region(10, 0x100000, 0, 1)), EINVAL);
    EXPECT_EQ(typer(1), 0x100u);
    EXPECT_EQ(typer(2), 0x200u);
    EXPECT_EQ(redist_region(region(10, 0x20000, 0, 1)), 0);
    EXPECT_EQ(typer(1), 0x100u);
    EXPECT_EQ(typer(2), 0x210u);
    EXPECT_EQ(add_cpu(9), EBUSY);
}

TEST_F(Device, TyperLastOverContiguousRegions) {
    for (const unsigned id : {0, 3, 5, 4, 1, 2})
        add_cpu(id);
    EXPECT_EQ(init(), 0);
    EXPECT_EQ(redist_region(region(2, 0x100000, 0, 0)), 0);
    EXPECT_EQ(redist_region(region(2, 0x240000, 0, 1)), 0);
    EXPECT_EQ(redist_region(region(2, 0x200000, 0, 2)), 0);
    const u64 want[] = {0x000, 0x100, 0x200, 0x310, 0x410, 0x500};
    for (u64 i = 0; i < 6; i++)
        EXPECT_EQ(typer(i), want[i]) << i;
}

TEST_F(Device, NumberOfInterrupts) {
    add_cpu(0);
    for (const u64 bad : {0, 32, 63, 65, 100, 1056})
        EXPECT_EQ(set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, bad), EINVAL) << bad;
    EXPECT_EQ(set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 128), 0);
    EXPECT_EQ(set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 128), EBUSY);
    u64 v = 0;
    EXPECT_EQ(get(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, v), 0);
    EXPECT_EQ(v, 128u);
    Distributor other(callbacks, gic, kIpaLimit);
    EXPECT_TRUE(other.init().ok());
    EXPECT_EQ(other.interrupts(), 256u);
    EXPECT_EQ(code(other.set_interrupts(64)), EBUSY);
}

TEST_F(Device, InitWithoutMemory) {
    port().fail_allocation = 1;
    EXPECT_EQ(init(), ENOMEM);
    port().fail_allocation = 0;
    EXPECT_FALSE(d.initialized());
    EXPECT_EQ(init(), 0);
}

TEST_F(Device, HasAttr) {
    EXPECT_EQ(has(1, 0), EINVAL) << "no vCPU";
    add_cpu(0);
    for (const u64 a : {2, 3, 5})
        EXPECT_EQ(has(0, a), 0);
    for (const u64 a : {u64{0}, u64{1}, u64{4}, ~u64{0}})
        EXPECT_EQ(has(0, a), ENXIO);
    EXPECT_EQ(has(3, 0), 0);
    EXPECT_EQ(has(4, 0), 0);
    EXPECT_EQ(has(4, 3), 0);
    EXPECT_EQ(has(4, 1), ENXIO);
    EXPECT_EQ(has(1, 0x8), 0);
    EXPECT_EQ(has(1, 0x9), ENXIO);
    EXPECT_EQ(has(1, 0x2000), ENXIO);
    EXPECT_EQ(has(5, 0x10100), 0);
    EXPECT_EQ(has(5, u64{7} << 32 | 0x10100), EINVAL);
    EXPECT_EQ(has(6, 0xc230), 0);  // ICC_PMR_EL1
    EXPECT_EQ(has(6, 0xc65b), ENXIO) << "ICC_RPR_EL1";
    EXPECT_EQ(has(7, 64), 0);
    EXPECT_EQ(has(7, 1 << 10), ENXIO);
    EXPECT_EQ(has(2, 0), ENXIO);
    EXPECT_EQ(has(8, 0), ENXIO);
    EXPECT_EQ(set(2, 0, 0), ENXIO);
    EXPECT_EQ(set(4, 1, 0), ENXIO);
    EXPECT_EQ(addr(0, 0), ENXIO);
    u64 v = 0;
    EXPECT_EQ(get(4, 0, v), ENXIO);
}

TEST_F(Device, IdentificationBeforeInit) {
    add_cpu(0);
    u64 v = 0;
    EXPECT_EQ(get(1, 8, v), 0);
    EXPECT_EQ(v, 0x4b00343bu);
    EXPECT_EQ(set(1, 8, 0x4b00243b), 0);
    EXPECT_EQ(get(1, 8, v), 0);
    EXPECT_EQ(v, 0x4b00243bu);
    EXPECT_EQ(set(1, 8, 0x4b00143b), EINVAL);
    EXPECT_EQ(set(1, 8, 0x4b00443b), EINVAL);
    EXPECT_EQ(set(1, 8, 0x4c00243b), EINVAL);
    EXPECT_EQ(set(1, 0, 2), EBUSY);
    EXPECT_EQ(set(1, 0xc, 1 << 8), EINVAL);
    EXPECT_EQ(set(1, 0xc, 0), 0);
    EXPECT_EQ(init(), 0);
    EXPECT_EQ(set(1, 0xc, 1 << 8), EBUSY);
    EXPECT_EQ(set(1, 0xc, 0), 0);
    EXPECT_EQ(get(5, 0, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0u) << "revision 2 hides IR and CES";
    context.running = true;
    EXPECT_EQ(get(1, 0, v), EBUSY);
    EXPECT_EQ(set(4, 3, 0), EBUSY);
    context.running = false;
    EXPECT_EQ(set(4, 3, 0), 0);
}

TEST_F(Device, SavePendingTablesNeedsInit) {
    add_cpu(0);
    EXPECT_EQ(set(4, 3, 0), ENXIO);
}

TEST_F(Device, LineLevels) {
    add_cpu(0);
    add_cpu(1);
    EXPECT_EQ(init(), 0);
    u64 v = 0;
    const u64 vcpu1 = u64{1} << 32;
    EXPECT_EQ(set(7, vcpu1 | 0, 0xffffffff), 0);
    EXPECT_EQ(get(7, vcpu1 | 0, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0xffff0000u) << "SGIs have no line";
    EXPECT_EQ(get(7, 0, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0u);
    EXPECT_EQ(set(7, vcpu1 | 32, 0x80), 0);
    EXPECT_EQ(get(7, 32, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0x80u);
    EXPECT_EQ(set(7, 33, 0), EINVAL);
    EXPECT_EQ(set(7, 1 << 10 | 32, 0), EINVAL);
    EXPECT_EQ(set(7, 512, 1), 0) << "beyond the last: ignored";
    EXPECT_EQ(get(7, 512, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0u);
}

TEST_F(Device, PendingIsTheRawLatch) {
    add_cpu(0);
    EXPECT_EQ(init(), 0);
    u64 v = 0;
    EXPECT_EQ(set(7, 32, 0x1), 0);
    EXPECT_EQ(get(1, 0x204, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0u) << "the level is not the latch";
    EXPECT_EQ(set(1, 0x204, 0x6), 0);
    EXPECT_EQ(set(1, 0x204, 0x4), 0);
    EXPECT_EQ(get(1, 0x204, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0x4u) << "zeros clear";
    EXPECT_EQ(set(1, 0x284, 0x4), 0);
    EXPECT_EQ(get(1, 0x284, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0u);
    EXPECT_EQ(get(1, 0x204, v), 0);
    EXPECT_EQ(v & 0xffffffff, 0x4u);
    EXPECT_EQ(set(5, 0x10300, 1 << 20), 0);
    EXPECT_EQ(get(5, 0x10380, v), 0);
    EXPECT_EQ(v & 0xffffffff, 1u << 20);
    EXPECT_EQ(set(1, 0x3004, 1), 0) << "nothing there: ignored";
}

TEST_F(Device, RestoreTouchesNoMappedInterrupt) {
    add_cpu(0);
    EXPECT_EQ(init(), 0);
    EXPECT_TRUE(map_hw(d.cpu(0), 27, 27).ok());
    EXPECT_EQ(set(5, 0x10300, 1 << 27 | 1 << 20), 0);
    EXPECT_EQ(set(5, 0x10200, 1 << 27), 0);
    EXPECT_EQ(set(5, 0x10100, 1 << 27), 0);
    EXPECT_TRUE(callbacks.physical.empty());
    EXPECT_EQ(d.cpu(0).private_irqs.active, 1u << 20);
}

// What is pending, active and high comes over, and is delivered there as it would have been here.
TEST_F(Device, SaveAndRestore) {
    Machine from(2), to(2);
    from.make_edge(40);
    for (const unsigned intid : {20u, 40u, 41u, 42u})
        from.enable(1, intid);
    from.write(0, Machine::gicd(0x6000 + 8 * 40), 1, 8);
    from.write(1, Machine::gicr(1, 0x10400 + 20), 0x30, 1);
    from.inject(1, 20, true);
    from.inject(0, 40, true);
    from.inject(0, 41, true);
    EXPECT_EQ(from.handle(1), 40u);
    from.inject(0, 40, true);
    from.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 41u); });
    from.inject(0, 41, false);
    for (unsigned i = 0; i < 2; i++)
        vgic::put(from.cpus[i], from.cpu(i));
    Context c;
    const auto copy = [&](u32 group, u64 attr) {
        u64 v = 0;
        Machine::ok(get_attr(*from.distributor, c, {0, group, attr, reinterpret_cast<u64>(&v)}));
        Machine::ok(set_attr(*to.distributor, c, {0, group, attr, reinterpret_cast<u64>(&v)}));
    };
    for (const u64 word : {1, 2})
        for (const u64 base : {0x80, 0x100, 0x200, 0x300})
            copy(1, base + 4 * word);
    for (u64 i = 2; i < 6; i++)
        copy(1, 0xc00 + 4 * i);
    for (u64 i = 32; i < 96; i++)
        copy(1, 0x6000 + 8 * i);
    for (u64 i = 32; i < 96; i += 4)
        copy(1, 0x400 + i);
    for (const u64 cpu : {u64{0}, u64{1} << 32}) {
        for (const u64 offset : {0x10080, 0x10100, 0x10200, 0x10300})
            copy(5, cpu | offset);
        for (u64 i = 0; i < 32; i += 4)
            copy(5, cpu | (0x10400 + i));
        copy(7, cpu);
        for (const u64 reg : {0xc230, 0xc663, 0xc664, 0xc667, 0xc648})  // PMR, BPR1, CTLR, IGRPEN1, AP1R0
            copy(6, cpu | reg);
    }
    copy(7, 32);
    for (unsigned i = 0; i < 2; i++)
        vgic::load(to.cpus[i], to.cpu(i));
    EXPECT_EQ(to.cpus[0].registers[arch::SysReg::ICH_AP1R0_EL2], 1u) << "41 is active at priority 0";
    to.cpus[0].registers[arch::SysReg::ICH_AP1R0_EL2] = 0;
    EXPECT_EQ(to.handle(1), 40u);
    EXPECT_EQ(to.handle(1), 20u);
    EXPECT_EQ(to.bank(0, 41).active & ~vgic::bit_of(40), vgic::bit_of(41));
    EXPECT_EQ(to.handle(0), FakeCpuInterface::kSpurious);
}

}  // namespace
}  // namespace nest::test
