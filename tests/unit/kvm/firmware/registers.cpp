// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <kvm/firmware/pvtime.hpp>
#include <kvm/firmware/smccc_registers.hpp>
#include <tests/unit/kvm/firmware/fixture.hpp>

namespace nest::kvm {
namespace {

struct RegisterTest : testing::Test {
    SmcccConfig config;
    u64 get(u64 id, bool psci_0_2 = true) { return get_firmware_register(config, psci_0_2, id).value_or(0xbad); }
    int set(u64 id, u64 value, bool has_run = false, bool psci_0_2 = true) {
        return static_cast<int>(to_abi(set_firmware_register(config, psci_0_2, has_run, id, value)));
    }
};

TEST_F(RegisterTest, IdsAreTheAbis) {
    EXPECT_EQ(KVM_REG_ARM_PSCI_VERSION, 0x6030000000140000u);
    EXPECT_EQ(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0x6030000000140003u);
    EXPECT_EQ(KVM_REG_ARM_STD_BMAP, 0x6030000000160000u);
    EXPECT_EQ(KVM_REG_ARM_VENDOR_HYP_BMAP_2, 0x6030000000160003u);
    for (u64 id : kFirmwareRegisters)
        EXPECT_TRUE(get_firmware_register(config, true, id).ok());
    for (u64 id : {fw_register_id(4), fw_bitmap_id(4), u64{0}}) {
        EXPECT_EQ(get_firmware_register(config, true, id).error(), Errno::kNoEnt);
        EXPECT_EQ(set(id, 0), -2);
    }
}

TEST_F(RegisterTest, PsciVersion) {
    EXPECT_EQ(get(KVM_REG_ARM_PSCI_VERSION), 0x10003u);
    EXPECT_EQ(get(KVM_REG_ARM_PSCI_VERSION, false), 1u);
    for (u64 v : {0x2, 0x10000, 0x10001, 0x10002, 0x10003}) {
        EXPECT_EQ(set(KVM_REG_ARM_PSCI_VERSION, v, true), 0);
        EXPECT_EQ(get(KVM_REG_ARM_PSCI_VERSION), v);
        EXPECT_EQ(set(KVM_REG_ARM_PSCI_VERSION, v, false, false), -22);
    }
    for (u64 v : {u64{0}, u64{1}, u64{3}, u64{0x10004}, u64{0x1'0001'0000}})
        EXPECT_EQ(set(KVM_REG_ARM_PSCI_VERSION, v), -22) << v;
    EXPECT_EQ(set(KVM_REG_ARM_PSCI_VERSION, 1, false, false), 0);
}

TEST_F(RegisterTest, BitmapsStayOnceAVcpuHasRun) {
    const struct {
        u64 id, reset, valid;
    } rows[] = {{KVM_REG_ARM_STD_BMAP, 1, 1},
                {KVM_REG_ARM_STD_HYP_BMAP, 1, 1},
                {KVM_REG_ARM_VENDOR_HYP_BMAP, 3, 3},
                {KVM_REG_ARM_VENDOR_HYP_BMAP_2, 0, 3}};
    for (const auto& r : rows) {
        EXPECT_EQ(get(r.id), r.reset);
        EXPECT_EQ(set(r.id, r.valid + 1), -22);
        EXPECT_EQ(set(r.id, u64{1} << 63, true), -22);
        EXPECT_EQ(set(r.id, r.valid), 0);
        EXPECT_EQ(get(r.id), r.valid);
        EXPECT_EQ(set(r.id, 0), 0);
        EXPECT_EQ(set(r.id, 1, true), -16);
        EXPECT_EQ(set(r.id, 0, true), 0);
        EXPECT_EQ(get(r.id), 0u);
    }
}

TEST_F(RegisterTest, WorkaroundsOnlyGoDown) {
    using enum Mitigation;
    const u64 w1 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, w2 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2,
              w3 = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3;
    const Mitigation states[] = {kVulnerable, kMitigated, kUnaffected};
    for (u64 level = 0; level < 3; level++) {
        config.mitigations = {states[level], kVulnerable, states[level], false};
        for (u64 id : {w1, w3}) {
            EXPECT_EQ(get(id), level);
            for (u64 v = 0; v < 20; v++)
                EXPECT_EQ(set(id, v), v <= level ? 0 : -22) << level << " " << v;
        }
    }
    config.mitigations = {kVulnerable, kMitigated, kVulnerable, true};
    EXPECT_EQ(get(w2), 0u);
    const int low[] = {0, 0, -22, -22, -22}, high[] = {0, 0, 0, 0, -22};
    for (u64 v = 0; v < 5; v++)
        EXPECT_EQ(set(w2, v), low[v]) << v;
    config.mitigations.guest_has_ssbs = false;
    EXPECT_EQ(get(w2), 3u);
    for (u64 v = 0; v < 5; v++) {
        EXPECT_EQ(set(w2, v), high[v]) << v;
        EXPECT_EQ(set(w2, v | 16), v == 2 ? 0 : -22) << v;  // enabled only where it is available
    }
    EXPECT_EQ(set(w2, 2 | 32), -22);
}

struct Memory final : StolenTimeMemory {
    static constexpr u64 kBase = 0x4000'0000;
    u8 bytes[4096] = {};
    bool gone = false;
    bool ok(arch::Ipa a, size_t n) const { return !gone && a.raw >= kBase && a.raw + n <= kBase + sizeof(bytes); }
    bool read(arch::Ipa from, void* to, size_t n) override {
        return ok(from, n) && std::memcpy(to, bytes + (from.raw - kBase), n);
    }
    bool write(arch::Ipa to, const void* from, size_t n) override {
        return ok(to, n) && std::memcpy(bytes + (to.raw - kBase), from, n);
    }
    u64 stolen(u64 at) const {
        u64 value;
        std::memcpy(&value, bytes + at + 8, 8);
        return value;
    }
};

TEST(PvTime, AttributeErrors) {
    PvTime t;
    EXPECT_EQ(PvTime::has_attribute(true, 1).error(), Errno::kNxIo);
    EXPECT_EQ(PvTime::has_attribute(false, 0).error(), Errno::kNxIo);
    EXPECT_TRUE(PvTime::has_attribute(true, 0).ok());
    EXPECT_EQ(t.ipa(true, 0).value(), ~u64{0});
    EXPECT_EQ(t.set_ipa(true, 1, 64, true).error(), Errno::kNxIo);
    EXPECT_EQ(t.set_ipa(true, 0, 65, true).error(), Errno::kInval);
    EXPECT_EQ(t.set_ipa(true, 0, 32, true).error(), Errno::kInval);
    EXPECT_EQ(t.set_ipa(true, 0, 64, false).error(), Errno::kInval);
    EXPECT_FALSE(t.configured());
    EXPECT_TRUE(t.set_ipa(true, 0, 64, true).ok());
    EXPECT_EQ(t.set_ipa(true, 0, 128, false).error(), Errno::kExist);
    EXPECT_EQ(t.ipa(true, 0).value(), 64u);
    EXPECT_EQ(t.ipa(true, 2).error(), Errno::kNxIo);
}

TEST(PvTime, CountsFromTheGuestsCallAndFromWhatMigrated) {
    PvTime t;
    Memory memory;
    std::memset(memory.bytes, 0xff, sizeof(memory.bytes));
    EXPECT_EQ(t.start(memory, 5), kNoStolenTime);
    t.update(memory, 7);
    EXPECT_EQ(memory.bytes[64], 0xff);
    ASSERT_TRUE(t.set_ipa(true, 0, Memory::kBase + 64, true).ok());
    EXPECT_EQ(t.start(memory, 1000), Memory::kBase + 64);
    for (unsigned i = 0; i < 64; i++)
        EXPECT_EQ(memory.bytes[64 + i], 0) << i;
    EXPECT_EQ(memory.bytes[63], 0xff);
    EXPECT_EQ(memory.bytes[128], 0xff);
    t.update(memory, 1300);
    EXPECT_EQ(memory.stolen(64), 300u);
    t.update(memory, 1300);
    EXPECT_EQ(memory.stolen(64), 300u);
    memory.gone = true;
    t.update(memory, 1400);
    memory.gone = false;
    t.update(memory, 1500);
    EXPECT_EQ(memory.stolen(64), 500u);  // what could not be told is not lost
}

TEST_F(SmcccTest, StolenTimeCalls) {
    who.stolen_time = true;
    stolen_time = 0x4000'0040;
    EXPECT_EQ(call(0xc5000020, 0xc5000020)[0], 0u);
    EXPECT_EQ(call(0xc5000020, 0xc5000021)[0], 0u);
    EXPECT_EQ(call(0xc5000020, 0xc4000053)[0], kNs);
    EXPECT_EQ(call(0xc5000021), (Regs{0x4000'0040, 0, 0, 0}));
    EXPECT_FALSE(answered);
    stolen_time = ~u64{0};
    EXPECT_EQ(call(0xc5000021)[0], kNs);
}

}  // namespace
}  // namespace nest::kvm
