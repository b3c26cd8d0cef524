// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's architectural state on a made-up machine, and hooks that note what they are asked.
#pragma once
#include <arch/registers.hpp>
#include <gtest/gtest.h>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/sysreg/sysreg_hooks.hpp>
#include <map>
#include <optional>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::test {

using arch::Encoding;
using arch::SysReg;
using namespace kvm;

using Profile = std::map<SysReg, u64>;

// Everything there is, and more than we switch: every 4-bit field of the AArch64 registers has some value.
inline Profile max_profile() {
    return {
        {SysReg::MIDR_EL1, 0x000f'0510},          {SysReg::REVIDR_EL1, 0x77},
        {SysReg::AIDR_EL1, 0x99},                 {SysReg::CTR_EL0, 0x9444'c004},
        {SysReg::ID_PFR0_EL1, 0x2101'0131},       {SysReg::ID_PFR1_EL1, 0x1011'1011},
        {SysReg::ID_DFR0_EL1, 0x1501'000b},       {SysReg::ID_MMFR0_EL1, 0xf010'1105},
        {SysReg::ID_MMFR4_EL1, 0x1011'1111},      {SysReg::ID_ISAR0_EL1, 0x0210'1110},
        {SysReg::MVFR0_EL1, 0x1011'0222},         {SysReg::ID_AA64PFR0_EL1, 0x1301'1111'2111'0222},
        {SysReg::ID_AA64PFR1_EL1, 0x1121'f112'1211'1221}, {SysReg::ID_AA64PFR2_EL1, 0x1'0000'0111},
        {SysReg::ID_AA64ZFR0_EL1, 0x0110'1101'0011'1021}, {SysReg::ID_AA64SMFR0_EL1, 0x80f1'00fd'0000'0000},
        {SysReg::ID_AA64DFR0_EL1, 0x1111'1211'2031'560b}, {SysReg::ID_AA64ISAR0_EL1, 0x1221'1111'1122'1120},
        {SysReg::ID_AA64ISAR1_EL1, 0x3111'1211'0110'1051}, {SysReg::ID_AA64ISAR2_EL1, 0x1101'1111'1011'0512},
        {SysReg::ID_AA64ISAR3_EL1, 0x1011'1111},  {SysReg::ID_AA64MMFR0_EL1, 0x2100'1222'1010'1126},
        {SysReg::ID_AA64MMFR1_EL1, 0x1111'1111'1131'2122}, {SysReg::ID_AA64MMFR2_EL1, 0x1221'0111'1211'1011},
        {SysReg::ID_AA64MMFR3_EL1, 0x1111'0011'0111'1111}, {SysReg::ID_AA64MMFR4_EL1, 0x0e10'0000},
    };
}

// An Armv8.4 server core: AArch64 from EL1 on, no pointer-authentication algorithm 5, no LPA2, DIC and IDC.
inline Profile neoverse_profile() {
    return {
        {SysReg::MIDR_EL1, 0x411f'd401},          {SysReg::CTR_EL0, 0xb444'c004},
        {SysReg::ID_PFR0_EL1, 0x1001'0131},       {SysReg::ID_DFR0_EL1, 0x0501'0009},
        {SysReg::ID_AA64PFR0_EL1, 0x1101'1101'1111'1112}, {SysReg::ID_AA64PFR1_EL1, 0x1020},
        {SysReg::ID_AA64DFR0_EL1, 0x0000'01f2'10f0'5609}, {SysReg::ID_AA64ISAR0_EL1, 0x1121'1111'1021'2120},
        {SysReg::ID_AA64ISAR1_EL1, 0x0011'1100'0121'1052}, {SysReg::ID_AA64MMFR0_EL1, 0x0022'0010'1012'5},
        {SysReg::ID_AA64MMFR1_EL1, 0x1021'2122},  {SysReg::ID_AA64MMFR2_EL1, 0x0221'0111'0110'1011},
    };
}

// No AArch32 anywhere, no RAS, no LORegions, no IDST: an early Armv8 core.
inline Profile plain_profile() {
    return {
        {SysReg::MIDR_EL1, 0x410f'd034},          {SysReg::CTR_EL0, 0x8444'c004},
        {SysReg::ID_PFR0_EL1, 0x131},             {SysReg::ID_AA64PFR0_EL1, 0x0000'0000'0100'1111},
        {SysReg::ID_AA64DFR0_EL1, 0x10305106},    {SysReg::ID_AA64ISAR0_EL1, 0x0001'1120},
        {SysReg::ID_AA64MMFR0_EL1, 0x1122},
    };
}

class FakeHooks final : public SysregHooks {
public:
    Emulation timer(SysReg reg, bool is_read, u64& value) override { return note("timer", reg, is_read, value); }
    Emulation send_sgi(SysReg reg, u64 value) override { return note("sgi", reg, false, value); }
    Emulation gic(SysReg reg, bool is_read, u64& value) override { return note("gic", reg, is_read, value); }
    Emulation set_way() override {
        u64 none = 0;
        return note("set_way", SysReg::kCount, false, none);
    }
    Emulation caches_switched(bool enabled) override {
        u64 value = enabled;
        return note("caches", SysReg::kCount, false, value);
    }
    Emulation debug_write() override {
        u64 none = 0;
        return note("debug", SysReg::kCount, false, none);
    }

    struct Call {
        std::string what;
        SysReg reg;
        bool is_read;
        u64 value;
        bool operator==(const Call&) const = default;
    };
    std::vector<Call> calls;
    Emulation answer = Emulation::kDone;
    u64 read_value = 0x1234'5678'9abc'def0;

private:
    Emulation note(const char* what, SysReg reg, bool is_read, u64& value) {
        if (is_read)
            value = read_value;
        calls.push_back({what, reg, is_read, value});
        return answer;
    }
};

struct Machine {
    explicit Machine(const Profile& profile = max_profile(), u64 features = 0, unsigned index = 0) {
        port().reset();
        for (auto [reg, value] : profile)
            port().feature_registers[arch::encoding_of(reg).raw] = value;
        ids.init();
        state.emplace(ids, index);
        EXPECT_TRUE(state->regs.init());
        abi::VcpuInit init = preferred_target();
        init.features[0] = static_cast<u32>(features);
        EXPECT_TRUE(init_vcpu(*state, init, ~u64{0}).ok());
    }
    CpuState* operator->() { return &*state; }
    CpuState& operator*() { return *state; }

    IdRegisters ids;
    std::optional<CpuState> state;
    FakeHooks hooks;
};

inline constexpr u64 kPointerAuthFeatures =
    u64{1} << abi::KVM_ARM_VCPU_PTRAUTH_ADDRESS | u64{1} << abi::KVM_ARM_VCPU_PTRAUTH_GENERIC;

template <typename S>
Errno error_of(const S& s) {
    return s.ok() ? Errno{} : s.error();
}
#define EXPECT_OK(expr) EXPECT_EQ(::nest::test::error_of(expr), ::nest::Errno{})
#define EXPECT_ERRNO(expr, e) EXPECT_EQ(::nest::test::error_of(expr), ::nest::Errno::e)

}  // namespace nest::test
