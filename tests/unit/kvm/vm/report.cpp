// SPDX-License-Identifier: GPL-2.0-only
// What the nested counters say afterwards: by level and class, summed over the VM, and in debugfs' list.
#include <kvm/vm/report.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct ReportTest : NestedVmTest {
    void SetUp() override {
        NestedVmTest::SetUp();
        set_hcr(arch::HCR_EL2::mask<arch::HCR_EL2::VM, arch::HCR_EL2::TWI>());
        guest_does({[](GuestContext&) {
                        test::set_syndrome(Ec::kWfx, 0, 0, 0);
                        return ExitKind::kSync;
                    },
                    [](GuestContext&) {
                        cpu().registers[SysReg::ELR_EL12] = 0x2000;
                        cpu().registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
                        test::set_syndrome(Ec::kEret, 0, 0, 0);
                        return ExitKind::kSync;
                    }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    }
    static constexpr unsigned kWfx = static_cast<unsigned>(Ec::kWfx), kEret = static_cast<unsigned>(Ec::kEret);
    static u64 line(int vcpu, const std::string& name, int index = -1) {
        for (const auto& l : test::port().stats_lines)
            if (l.vcpu == vcpu && l.name == name && l.index == index)
                return l.value;
        return 0;
    }
};

TEST_F(ReportTest, ExitsByLevelAndClass) {
    VcpuStats& s = core().stats;
    EXPECT_EQ(s.nested_l2_exits_by_class[kWfx], 1u);
    EXPECT_EQ(s.nested_vel2_exits_by_class[kEret], 1u);
    EXPECT_EQ(s.nested_l2_exits_by_class[kEret], 0u);
    complete(s);
    complete(s);
    EXPECT_EQ(s.nested_l2_exits, 1u);
    EXPECT_EQ(s.nested_vel2_exits, 1u) << "a sum, however often it is made";
}

TEST_F(ReportTest, AVmIsTheSumOfItsVcpus) {
    nest_vcpu* made = make_another(1, kPsci | 1 << abi::KVM_ARM_VCPU_HAS_EL2);
    ASSERT_TRUE(made);
    Vcpu& another = *reinterpret_cast<Vcpu*>(made);
    u64 next = 1'000'000;
    for (VcpuStats* stats : {&core().stats, &another.stats})
        for_each_counter(*stats, [&](const Counter& counter, u64* words) {
            for (unsigned i = 0; i < counter.words; i++)
                words[i] += next++;
        });
    complete(core().vm);
    complete(core().vm);
    unsigned sums = 0;
    for_each_counter(core().vm.stats, [&](const Counter& counter, const u64* words) {
        for (unsigned i = 0; counter.is_sum() && i < counter.words; i++, sums++)
            EXPECT_EQ(words[i], words_of(core().stats, counter)[i] + words_of(another.stats, counter)[i])
                << counter.name << " " << i;
    });
    EXPECT_GT(sums, 3 * 64u);
    EXPECT_GT(core().vm.stats.exits, 2'000'000u);
    EXPECT_EQ(core().vm.stats.shadow_misses, 1u) << "and what the shadows have counted";
}

TEST_F(ReportTest, SumsAreMadeOfHistograms) {
    complete(core().vm);
    const VmStats& s = core().vm.stats;
    EXPECT_EQ(s.nested_l2_exits, 1u);
    EXPECT_EQ(s.nested_vel2_exits, 1u);
    EXPECT_EQ(s.nested_forwards, 1u);
    EXPECT_EQ(s.nested_erets, 1u);
    EXPECT_EQ(s.nested_l2_exits_by_class[kWfx], 1u);
}

TEST_F(ReportTest, ShownByVmAndVcpu) {
    nest_stats_show(nullptr);
    ASSERT_FALSE(test::port().stats_lines.empty());
    for (const auto& l : test::port().stats_lines) {
        EXPECT_EQ(l.vm, core().vm.number);
        EXPECT_NE(l.value, 0u) << l.name;
    }
    EXPECT_EQ(line(-1, "nested_forwards"), 1u);
    EXPECT_EQ(line(0, "nested_forwards"), 1u);
    EXPECT_EQ(line(0, "nested_l2_exits_by_class", kWfx), 1u);
    EXPECT_EQ(line(-1, "shadow_misses"), 1u);
    EXPECT_EQ(line(-1, "pid"), test::port().process_id);
    nest_vm* second = nullptr;
    ASSERT_EQ(nest_vm_create(host(), 0, &second), 0);
    nest_vm_release(second);
    test::port().stats_lines.clear();
    nest_stats_show(nullptr);
    EXPECT_EQ(line(0, "nested_erets"), 1u) << "of two VMs, the other one has gone";
}

}  // namespace
}  // namespace nest::kvm
