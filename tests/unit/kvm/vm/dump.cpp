// SPDX-License-Identifier: GPL-2.0-only
// What debugfs says of a VM: single statistics, and what its stage 2 and its shadows translate.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

struct DumpTest : NestedVmTest {
    static std::vector<nest_dump_run>& runs() { return test::port().dumped_runs; }
    void dump() {
        runs().clear();
        test::port().dumped_slots.clear();
        test::port().dumped_shadows.clear();
        nest_dump_translations(nullptr);
    }
    // L2 reads this address, until it is mapped.
    void touch(u64 l2) { ASSERT_EQ(access(l2), Next::kResume); }
    static u64 value(const std::string& name, nest_vm* of) {
        for (unsigned row = 0; const char* found = nest_stat_name(row); row++)
            if (name == found)
                return of ? nest_stat_of_vm(of, row) : nest_stat_of_all(row);
        ADD_FAILURE() << name;
        return 0;
    }
};

TEST_F(DumpTest, Slots) {
    dump();
    ASSERT_EQ(test::port().dumped_slots.size(), 1u);
    const nest_dump_slot s = test::port().dumped_slots[0];
    EXPECT_EQ(s.vm, core().vm.number);
    EXPECT_EQ(s.ipa, kRam);
    EXPECT_EQ(s.bytes, kRamBytes);
    EXPECT_EQ(s.hva, reinterpret_cast<u64>(ram));
    EXPECT_TRUE(runs().empty()) << "nothing is mapped yet";
}

TEST_F(DumpTest, NeighboursAreOneRun) {
    for (u64 page = 0; page < 4; page++)
        map_l2(kL2 + page * kPage, kData + page * kPage);
    map_l2(kL2 + 4 * kPage, kData + 4 * kPage, kLeaf | kR);            // other permissions
    map_l2(kL2 + 6 * kPage, kData + 6 * kPage, kLeaf | kR);            // a hole before it
    for (u64 page : {0, 1, 2, 3, 4, 6})
        touch(kL2 + page * kPage);
    dump();
    ASSERT_EQ(test::port().dumped_shadows.size(), 1u);
    const nest_dump_shadow shadow = test::port().dumped_shadows[0];
    EXPECT_EQ(shadow.baddr, kRoot);
    EXPECT_EQ(shadow.vtcr & ~(u64{1} << 31), kVtcr) << "bit 31 is RES1";
    EXPECT_EQ(shadow.vmid, 1u);
    EXPECT_EQ(shadow.users, 1u);
    std::vector<nest_dump_run> of_shadow;
    bool own = false;
    for (const auto& run : runs())
        if (run.shadow < 0)
            own |= run.ipa <= kData && kData < run.ipa + run.bytes && run.pa + (kData - run.ipa) == pa(kData);
        else
            of_shadow.push_back(run);
    EXPECT_TRUE(own) << "the VM's own stage 2 has the page as well";
    ASSERT_EQ(of_shadow.size(), 3u);
    EXPECT_EQ(of_shadow[0].ipa, kL2);
    EXPECT_EQ(of_shadow[0].bytes, 4 * kPage);
    EXPECT_EQ(of_shadow[0].pa, pa(kData));
    EXPECT_TRUE(of_shadow[0].read && of_shadow[0].write);
    EXPECT_FALSE(of_shadow[0].execute) << "until L2 executes there";
    EXPECT_EQ(of_shadow[0].type, NEST_DUMP_NORMAL);
    EXPECT_EQ(of_shadow[1].ipa, kL2 + 4 * kPage);
    EXPECT_FALSE(of_shadow[1].write);
    EXPECT_EQ(of_shadow[2].ipa, kL2 + 6 * kPage);
}

// More runs than are told at once: none is lost, none is told twice.
TEST_F(DumpTest, ManyRuns) {
    constexpr u64 kRuns = 70;
    for (u64 i = 0; i < kRuns; i++) {
        map_l2(kL2 + 2 * i * kPage, kData + i * kPage);
        touch(kL2 + 2 * i * kPage);
    }
    dump();
    u64 next = kL2;
    for (const auto& run : runs())
        if (run.shadow == 0) {
            EXPECT_EQ(run.ipa, next);
            EXPECT_EQ(run.bytes, kPage);
            next += 2 * kPage;
        }
    EXPECT_EQ(next, kL2 + 2 * kRuns * kPage);
}

TEST_F(DumpTest, AReaderThatIsKilledEndsIt) {
    map_l2(kL2, kData);
    touch(kL2);
    test::port().killed = true;
    dump();
    EXPECT_TRUE(runs().empty());
    test::port().killed = false;
}

TEST_F(DumpTest, SingleStatistics) {
    map_l2(kL2, kData);
    touch(kL2);
    nest_vcpu* made = make_another(1, kPsci | 1 << abi::KVM_ARM_VCPU_HAS_EL2);
    ASSERT_TRUE(made);
    core().stats.wfi_exit_stat = 5;
    reinterpret_cast<Vcpu*>(made)->stats.wfi_exit_stat = 7;
    core().stats.exits_by_class[static_cast<unsigned>(Ec::kHvc64)] = 3;
    EXPECT_EQ(value("wfi_exit_stat", vm), 12u) << "summed over the vCPUs";
    EXPECT_EQ(value("hvc_exit_stat", vm), 3u) << "made of the histogram";
    EXPECT_EQ(value("shadow_faults_mapped", vm), 1u) << "the VM's own";
    nest_vm* second = nullptr;
    ASSERT_EQ(nest_vm_create(host(), 0, &second), 0);
    EXPECT_EQ(value("wfi_exit_stat", second), 0u);
    EXPECT_EQ(value("wfi_exit_stat", nullptr), 12u);
    EXPECT_EQ(value("shadow_faults_mapped", nullptr), 1u);
    nest_vm_release(second);
    for (unsigned row = 0; const char* name = nest_stat_name(row); row++)
        EXPECT_EQ(std::string(name).find("hist"), std::string::npos);
}

}  // namespace
}  // namespace nest::kvm
