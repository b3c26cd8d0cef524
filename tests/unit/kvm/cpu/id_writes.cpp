// SPDX-License-Identifier: GPL-2.0-only
// What KVM_SET_ONE_REG may make of an ID register.
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::encoding_of;

u64 with_nibble(u64 reg, unsigned low, u64 value) { return (reg & ~(u64{0xf} << low)) | value << low; }

enum class Kind { kLower, kSigned, kHigher, kExact, kGranule };
struct Special {
    SysReg reg;
    unsigned low;
    Kind kind;
};
// The kernel's arm64_ftr_bits that are not plain FTR_LOWER_SAFE, among writable fields.
constexpr Special kSpecial[] = {
    {SysReg::ID_MMFR0_EL1, 28, Kind::kSigned},      {SysReg::ID_MMFR0_EL1, 8, Kind::kSigned},
    {SysReg::ID_MMFR4_EL1, 0, Kind::kHigher},       {SysReg::ID_AA64DFR0_EL1, 36, Kind::kSigned},
    {SysReg::ID_AA64MMFR0_EL1, 40, Kind::kGranule}, {SysReg::ID_AA64MMFR0_EL1, 36, Kind::kGranule},
    {SysReg::ID_AA64MMFR0_EL1, 32, Kind::kGranule}, {SysReg::ID_AA64MMFR0_EL1, 28, Kind::kSigned},
    {SysReg::ID_AA64MMFR0_EL1, 24, Kind::kSigned},  {SysReg::ID_AA64MMFR1_EL1, 24, Kind::kHigher},
};
Kind kind_of(SysReg reg, unsigned low) {
    for (const Special& s : kSpecial)
        if (s.reg == reg && s.low == low)
            return s.kind;
    return Kind::kLower;
}

int as_signed(u64 nibble) { return nibble & 8 ? static_cast<int>(nibble) - 16 : static_cast<int>(nibble); }

// A model of the rule for one field, apart from the code's. `limit`: what the register shows at first.
bool model_allows(SysReg reg, unsigned low, u64 limit, u64 value) {
    if (value == limit)
        return true;
    switch (kind_of(reg, low)) {
    case Kind::kLower: break;
    case Kind::kSigned: return as_signed(value) <= as_signed(limit);
    case Kind::kHigher: return value >= limit;
    case Kind::kExact: return value == 1;
    case Kind::kGranule: return value == 1 || (value == 2 && limit == 3);
    }
    return value < limit;
}

// What the register as a whole demands on top.
bool register_allows(SysReg reg, unsigned low, u64 value) {
    switch (reg) {
    case SysReg::ID_AA64PFR0_EL1: return !(low <= 4 && value == 0);
    case SysReg::ID_AA64DFR0_EL1: return !(low == 0 && value < 6);
    case SysReg::ID_DFR0_EL1: return !(low == 0 && value < 6);
    default: return true;
    }
}

// Values that are taken although the field is not writable, and then ignored.
bool is_ignored(SysReg reg, unsigned low, u64 value) {
    return (reg == SysReg::ID_AA64PFR0_EL1 && low == 40 && value == 1) ||   // MPAM as the host has it
           (reg == SysReg::ID_AA64PFR1_EL1 && low == 16 && value == 1) ||   // MPAM_frac
           (reg == SysReg::ID_AA64MMFR2_EL1 && low == 24 && value == 2) ||  // NV
           (reg == SysReg::ID_AA64DFR0_EL1 && low == 8 && value == 0xf) ||  // PMUVer: IMPLEMENTATION DEFINED
           (reg == SysReg::ID_DFR0_EL1 && low == 24 && value == 0xf);       // PerfMon
}

TEST(IdWrites, EveryValueOfEveryField) {
    for (unsigned slot = 8; slot < 64; slot++) {
        Encoding e = arch::encode(3, 0, 0, slot >> 3, slot & 7);
        SysReg reg = arch::find_sysreg(e);
        Machine m;
        u64 initial = m.ids.read(e), mask = m.ids.writable_mask(e);
        for (unsigned low = 0; low < 64; low += 4) {
            u64 limit = initial >> low & 0xf, writable = mask >> low & 0xf;
            for (u64 value = 0; value < 16; value++) {
                bool expected = value == limit;
                if (writable == 0xf)
                    expected = model_allows(reg, low, limit, value) && register_allows(reg, low, value);
                bool ignored = is_ignored(reg, low, value);
                Status got = m.ids.write(e, with_nibble(initial, low, value));
                EXPECT_EQ(error_of(got), expected || ignored ? Errno{} : Errno::kInval)
                    << "CRm " << (slot >> 3) << " op2 " << (slot & 7) << " bit " << low << " value " << value;
                EXPECT_EQ(m.ids.read(e), expected && !ignored ? with_nibble(initial, low, value) : initial);
                EXPECT_OK(m.ids.write(e, initial));
            }
        }
    }
}

// The masks that 7.2 gives, with their union over all AArch64 registers written out.
TEST(IdWrites, WritableMasks) {
    Machine m;
    const std::pair<SysReg, u64> masks[] = {
        {SysReg::ID_AA64PFR0_EL1, ~u64{0x0000'ff0f'00ff'0000}},  {SysReg::ID_AA64PFR1_EL1, 0x0f00'000f'0000'f0ff},
        {SysReg::ID_AA64DFR0_EL1, 0x0000'00f0'00f0'0f0f},        {SysReg::ID_AA64ISAR0_EL1, 0xffff'ffff'f0ff'fff0},
        {SysReg::ID_AA64ISAR1_EL1, 0xffff'ffff'00ff'f00f},       {SysReg::ID_AA64ISAR2_EL1, 0xffff'ffff'ffff'00ff},
        {SysReg::ID_AA64MMFR0_EL1, 0xff00'ffff'ffff'ff0f},       {SysReg::ID_AA64MMFR1_EL1, 0xffff'ffff'0fff'f00f},
        {SysReg::ID_AA64MMFR2_EL1, 0xf0ff'000f'f00f'ffff},       {SysReg::ID_AA64MMFR3_EL1, 0x000f'0fff},
        {SysReg::CTR_EL0, 0x300f'c00f},                          {SysReg::CLIDR_EL1, 0x7fff'ffff'ffff},
        {SysReg::MIDR_EL1, 0xffff'ffff},                         {SysReg::REVIDR_EL1, ~u64{0}},
        {SysReg::AIDR_EL1, ~u64{0}},                             {SysReg::MPIDR_EL1, 0},
        {SysReg::ID_AFR0_EL1, 0},                                {SysReg::ID_DFR0_EL1, 0xffff'ffff},
        {SysReg::CCSIDR_EL1, 0},                                 {SysReg::DCZID_EL0, 0},
    };
    for (auto [reg, mask] : masks)
        EXPECT_EQ(m.ids.writable_mask(encoding_of(reg)), mask) << arch::name_of(reg);
}

TEST(IdWrites, CacheType) {
    Machine m(neoverse_profile());
    Encoding ctr = encoding_of(SysReg::CTR_EL0);
    EXPECT_OK(m.ids.write(ctr, 0x9444'c004));        // without DIC
    EXPECT_OK(m.ids.write(ctr, 0x8444'c003));        // nor IDC, and smaller instruction lines
    EXPECT_OK(m.ids.write(ctr, 0x8443'8003));        // PIPT may be called VIPT
    EXPECT_ERRNO(m.ids.write(ctr, 0x8443'4003), kInval);  // but not a reserved policy
    EXPECT_ERRNO(m.ids.write(ctr, 0x8445'c004), kInval);  // larger lines
    EXPECT_ERRNO(m.ids.write(ctr, 0x8434'c004), kInval);  // ERG is fixed
    Machine plain(plain_profile());
    EXPECT_ERRNO(plain.ids.write(ctr, 0x9444'c004), kInval);  // IDC that the host has not
}

TEST(IdWrites, AfterTheFirstRunOnlyTheSameValue) {
    Machine m;
    Encoding e = encoding_of(SysReg::ID_AA64ISAR0_EL1);
    EXPECT_OK(m.ids.write(e, 0x1120));
    m.ids.freeze(true);
    EXPECT_OK(m.ids.write(e, 0x1120));
    EXPECT_ERRNO(m.ids.write(e, 0), kBusy);
    EXPECT_EQ(m.ids.read(e), 0x1120u);
}

TEST(IdWrites, ImplementationIds) {
    Encoding midr = encoding_of(SysReg::MIDR_EL1), revidr = encoding_of(SysReg::REVIDR_EL1);
    Machine m;
    EXPECT_OK(m.ids.write(midr, 0x000f'0510));
    EXPECT_ERRNO(m.ids.write(midr, 0x000f'0511), kInval);
    m.ids.allow_implementation_ids();
    EXPECT_OK(m.ids.write(midr, 0x000f'0511));
    EXPECT_ERRNO(m.ids.write(midr, u64{1} << 32), kInval);
    EXPECT_OK(m.ids.write(revidr, ~u64{0}));
    m.ids.freeze(true);
    EXPECT_OK(m.ids.write(midr, 0x000f'0511));
    EXPECT_ERRNO(m.ids.write(midr, 0x000f'0510), kBusy);
    EXPECT_EQ(m.ids.read(revidr), ~u64{0});
}

}  // namespace
}  // namespace nest::test
