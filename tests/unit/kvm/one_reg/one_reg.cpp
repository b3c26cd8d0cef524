// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <kvm/one_reg/one_reg.hpp>
#include <set>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using namespace abi;
constexpr u64 kCore = KVM_REG_ARM64 | KVM_REG_ARM_CORE;

// One register of its own, in the timers' part of the space.
class Provider final : public RegisterProvider {
public:
    static constexpr u64 kId = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_FW;
    unsigned count() const override { return 1; }
    u64 id(unsigned) const override { return kId; }
    Result<u64> get(u64 id) override { return id == kId ? Result<u64>(value) : Result<u64>(Errno::kNoEnt); }
    Status set(u64 id, u64 v) override {
        if (id != kId)
            return Errno::kNoEnt;
        if (v == 13)
            return Errno::kInval;
        value = v;
        return kOk;
    }
    u64 value = 0x10002;
};

struct OneRegTest : testing::Test {
    explicit OneRegTest(u64 features = kPointerAuthFeatures) : m(max_profile(), features) {}
    Provider provider;
    RegisterProvider* list[1] = {&provider};
    RegisterProviders providers{list};
    Machine m;

    Status get(u64 id, void* to) { return get_one_reg(*m, providers, {id, reinterpret_cast<u64>(to)}); }
    Status set(u64 id, const void* from) { return set_one_reg(*m, providers, {id, reinterpret_cast<u64>(from)}); }
    std::vector<u64> all() {
        std::vector<u64> buffer(1);
        EXPECT_ERRNO(get_reg_list(*m, providers, reinterpret_cast<u64>(buffer.data())), k2Big);
        buffer.resize(buffer[0] + 1);
        EXPECT_OK(get_reg_list(*m, providers, reinterpret_cast<u64>(buffer.data())));
        EXPECT_EQ(buffer[0], buffer.size() - 1);
        return {buffer.begin() + 1, buffer.end()};
    }
};
struct NoPointerAuth : OneRegTest {
    NoPointerAuth() : OneRegTest(0) {}
};

TEST_F(OneRegTest, TheListIsComplete) {
    std::vector<u64> ids = all();
    std::set<u64> set(ids.begin(), ids.end());
    EXPECT_EQ(set.size(), ids.size()) << "an id twice";
    // 31 + 5 + 5 + 32 + 2 core; 1 provider; 14 CCSIDR; breakpoints; 56 + 4 ID registers; OSLSR, MPIDR, CLIDR; state
    EXPECT_EQ(ids.size(), 75u + 1 + 14 + 64 + 60 + 3 + 37);
    const SysReg wanted[] = {
        SysReg::MIDR_EL1, SysReg::REVIDR_EL1, SysReg::CLIDR_EL1, SysReg::AIDR_EL1, SysReg::CTR_EL0, SysReg::MDCCINT_EL1,
        SysReg::MDSCR_EL1, SysReg::OSLSR_EL1, SysReg::DBGVCR32_EL2, SysReg::MPIDR_EL1, SysReg::SCTLR_EL1,
        SysReg::ACTLR_EL1, SysReg::CPACR_EL1, SysReg::TTBR0_EL1, SysReg::TTBR1_EL1, SysReg::TCR_EL1, SysReg::AFSR0_EL1,
        SysReg::AFSR1_EL1, SysReg::ESR_EL1, SysReg::FAR_EL1, SysReg::PAR_EL1, SysReg::MAIR_EL1, SysReg::AMAIR_EL1,
        SysReg::VBAR_EL1, SysReg::DISR_EL1, SysReg::CONTEXTIDR_EL1, SysReg::TPIDR_EL1, SysReg::CNTKCTL_EL1,
        SysReg::CSSELR_EL1, SysReg::TPIDR_EL0, SysReg::TPIDRRO_EL0, SysReg::DACR32_EL2, SysReg::IFSR32_EL2,
        SysReg::FPEXC32_EL2, SysReg::APIAKeyLo_EL1, SysReg::APGAKeyHi_EL1};
    for (SysReg reg : wanted)
        EXPECT_TRUE(set.count(sysreg_id(reg))) << arch::name_of(reg);
    for (unsigned slot = 8; slot < 64; slot++)
        EXPECT_TRUE(set.count(sysreg_id(arch::encode(3, 0, 0, slot >> 3, slot & 7))));
    EXPECT_FALSE(set.count(sysreg_id(SysReg::TCR2_EL1)));
    EXPECT_FALSE(set.count(sysreg_id(SysReg::SPSR_EL1)));
}

TEST_F(NoPointerAuth, HidesTheKeys) {
    u64 value = 0;
    EXPECT_EQ(all().size(), 75u + 1 + 14 + 64 + 60 + 3 + 27);
    EXPECT_ERRNO(get(sysreg_id(SysReg::APIBKeyHi_EL1), &value), kNoEnt);
    EXPECT_ERRNO(set(sysreg_id(SysReg::APIBKeyHi_EL1), &value), kNoEnt);
}

// What is listed can be read, and takes back what was read; and nothing else changes by it.
TEST_F(OneRegTest, RoundTrip) {
    std::vector<u64> ids = all();
    for (u64 id : ids) {
        u8 value[17];
        std::memset(value, 0xa5, sizeof(value));
        EXPECT_OK(get(id, value)) << std::hex << id;
        for (u64 i = reg_size(id); i < sizeof(value); i++)
            EXPECT_EQ(value[i], 0xa5) << "more than its size was written";
        EXPECT_OK(set(id, value)) << std::hex << id;
    }
}

// State registers keep any value, and each its own.
TEST_F(OneRegTest, DistinctStorage) {
    std::map<u64, std::array<u8, 16>> written;
    u8 fill = 1;
    for (u64 id : all()) {
        bool core = (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_CORE;
        arch::Encoding e{static_cast<u16>(id)};
        bool sysreg = (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG && !IdRegisters::holds(e) &&
                      e != arch::encoding_of(SysReg::CLIDR_EL1) && e != arch::encoding_of(SysReg::OSLSR_EL1);
        if (!(core || sysreg) || id == (kCore | KVM_REG_SIZE_U64 | NEST_CORE_OFFSET(pstate)))
            continue;
        std::array<u8, 16> value;
        value.fill(fill++);
        EXPECT_OK(set(id, value.data())) << std::hex << id;
        written[id] = value;
    }
    for (auto& [id, value] : written) {
        std::array<u8, 16> now = value;
        EXPECT_OK(get(id, now.data()));
        EXPECT_EQ(now, value) << std::hex << id;
    }
    EXPECT_EQ(m->context.x[0] & 0xff, written[kCore | KVM_REG_SIZE_U64][0]);
    EXPECT_EQ(m->context.keys.ia[0] & 0xff, written[sysreg_id(SysReg::APIAKeyLo_EL1)][0]);
    EXPECT_EQ(m->read(SysReg::SPSR_abt) & 0xff, written[kCore | KVM_REG_SIZE_U64 | (NEST_CORE_OFFSET(spsr) + 2)][0]);
    EXPECT_EQ(m->read(SysReg::SP_EL1) & 0xff, written[kCore | KVM_REG_SIZE_U64 | NEST_CORE_OFFSET(sp_el1)][0]);
    EXPECT_EQ(m->fp.v[31][15], written[kCore | KVM_REG_SIZE_U128 | (NEST_CORE_OFFSET(vregs) + 31 * 4)][0]);
}

// Every offset with every size: exactly the listed ones exist.
TEST_F(OneRegTest, CoreOffsetsAndSizes) {
    std::vector<u64> ids = all();
    std::set<u64> known(ids.begin(), ids.end());
    u8 value[16] = {};
    constexpr u64 words = sizeof(CoreRegs) / 4;
    for (u64 offset = 0; offset < words + 8; offset++)
        for (u64 size = 0; size < 16; size++) {
            u64 id = kCore | size << KVM_REG_SIZE_SHIFT | offset;
            Errno expected = known.count(id)                                     ? Errno{}
                             : offset + (reg_size(id) / 4) >= words || offset >= words ? Errno::kNoEnt
                                                                                 : Errno::kInval;
            EXPECT_EQ(error_of(get(id, value)), expected) << offset << " size " << size;
            if (expected != Errno{}) {
                EXPECT_EQ(error_of(set(id, value)), expected);
            }
        }
}

TEST_F(OneRegTest, WrongIds) {
    u64 value = 0;
    u64 good = sysreg_id(SysReg::TCR_EL1);
    EXPECT_ERRNO(get(good & ~KVM_REG_ARCH_MASK, &value), kInval);
    EXPECT_ERRNO(get(good | u64{1} << 56, &value), kInval);
    EXPECT_ERRNO(get(good | u64{1} << 32, &value), kInval);
    EXPECT_ERRNO(get(good | u64{1} << 28, &value), kNoEnt);
    EXPECT_ERRNO(get((good & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U32, &value), kNoEnt);
    EXPECT_ERRNO(get((good & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U128, &value), kNoEnt);
    EXPECT_ERRNO(get(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SVE, &value), kInval);
    EXPECT_ERRNO(get(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | 0x0012'0000, &value), kNoEnt);
    EXPECT_ERRNO(get(sysreg_id(SysReg::HCR_EL2), &value), kNoEnt);
    EXPECT_ERRNO(set(sysreg_id(SysReg::HCR_EL2), &value), kNoEnt);
    EXPECT_ERRNO(get(sysreg_id(SysReg::CNTV_CVAL_EL0), &value), kNoEnt) << "the timers' are a provider's";
}

TEST_F(OneRegTest, Faults) {
    port().user_mappings.push_back({0x1000, 0x1000, 12, false, false, false, false, -14, 0});
    EXPECT_ERRNO(get(sysreg_id(SysReg::TCR_EL1), reinterpret_cast<void*>(0x1000)), kFault);
    EXPECT_ERRNO(set(sysreg_id(SysReg::TCR_EL1), reinterpret_cast<void*>(0x1000)), kFault);
    EXPECT_ERRNO(get_reg_list(*m, providers, 0x1000), kFault);
}

TEST_F(OneRegTest, ListWithoutRoomSaysHowMuch) {
    std::vector<u64> buffer(500, 0x11);
    buffer[0] = 20;
    EXPECT_ERRNO(get_reg_list(*m, providers, reinterpret_cast<u64>(buffer.data())), k2Big);
    EXPECT_EQ(buffer[0], all().size());
    EXPECT_EQ(buffer[1], 0x11u) << "ids were written nevertheless";
}

TEST_F(OneRegTest, Pstate) {
    u64 id = kCore | KVM_REG_SIZE_U64 | NEST_CORE_OFFSET(pstate);
    for (u64 mode = 0; mode < 32; mode++) {
        bool fine = mode == 0 || mode == 4 || mode == 5 || mode == 0x10;
        u64 value = 0x6000'0000 | mode;
        EXPECT_EQ(error_of(set(id, &value)), fine ? Errno{} : Errno::kInval) << mode;
        if (fine) {
            EXPECT_EQ(m->context.pstate, value);
        }
    }
    Machine only64(plain_profile());
    alignas(16) RegisterBytes user = {0x10};
    EXPECT_ERRNO(write_register(*only64, {}, id, user), kInval);
}

TEST_F(OneRegTest, Aarch32RegistersAreNarrow) {
    for (u64& x : m->context.x)
        x = 0x1'2345'6789;
    m->context.pc = 0x1'0000'1000;
    u64 user = 0x10;
    EXPECT_OK(set(kCore | KVM_REG_SIZE_U64 | NEST_CORE_OFFSET(pstate), &user));
    EXPECT_EQ(m->context.x[14], 0x2345'6789u);
    EXPECT_EQ(m->context.x[15], 0x1'2345'6789u);
    EXPECT_EQ(m->context.pc, 0x1000u);
}

TEST_F(OneRegTest, OsLockAndCacheLevels) {
    u64 value = 0xa;
    EXPECT_OK(set(sysreg_id(SysReg::OSLSR_EL1), &value));
    EXPECT_TRUE(m->debug.os_lock);
    for (u64 bad : {0x0ull, 0x2ull, 0x9ull, 0x1'0000'0008ull})
        EXPECT_ERRNO(set(sysreg_id(SysReg::OSLSR_EL1), &bad), kInval);
    u64 id = sysreg_id(SysReg::CLIDR_EL1);
    value = 0x0300'0123;
    EXPECT_OK(set(id, &value));
    EXPECT_EQ(m->regs.get(SysReg::CLIDR_EL1), value);
    value = u64{1} << 47;
    EXPECT_ERRNO(set(id, &value), kInval);
    port().feature_registers[arch::encoding_of(SysReg::CTR_EL0).raw] = 0x8444'c004;  // no IDC
    value = 0x0100'0004;
    EXPECT_ERRNO(set(id, &value), kInval) << "hides a cache that must be cleaned";
    value = 0x0920'0003;
    EXPECT_OK(set(id, &value));
}

TEST_F(OneRegTest, CacheGeometry) {
    u32 value = 0;
    for (u32 i = 0; i < 14; i++) {
        EXPECT_OK(get(demux_ccsidr_id(i), &value));
        EXPECT_EQ(value, 2u);
    }
    EXPECT_ERRNO(get(demux_ccsidr_id(14), &value), kNoEnt);
    EXPECT_ERRNO(get(demux_ccsidr_id(0) | 0x100, &value), kNoEnt);
    u64 wide = 0;
    EXPECT_ERRNO(get((demux_ccsidr_id(0) & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U64, &wide), kNoEnt);
    value = 0x701f'e01a & 0x0fff'ffff;
    EXPECT_OK(set(demux_ccsidr_id(3), &value));
    EXPECT_OK(get(demux_ccsidr_id(3), &value));
    EXPECT_EQ(value, 0x001f'e01au);
    EXPECT_OK(get(demux_ccsidr_id(4), &value));
    EXPECT_EQ(value, 2u) << "the others keep what they were";
    for (u32 bad : {0x1000'0002u, 0x1u}) {  // RES0; a line shorter than CTR_EL0 promises
        EXPECT_ERRNO(set(demux_ccsidr_id(3), &bad), kInval);
    }
}

TEST_F(OneRegTest, Providers) {
    u64 value = 0;
    EXPECT_OK(get(Provider::kId, &value));
    EXPECT_EQ(value, 0x10002u);
    value = 13;
    EXPECT_ERRNO(set(Provider::kId, &value), kInval);
    value = 14;
    EXPECT_OK(set(Provider::kId, &value));
    EXPECT_EQ(provider.value, 14u);
}

TEST_F(OneRegTest, WritableMasks) {
    std::vector<u64> masks(KVM_ARM_FEATURE_ID_RANGE_SIZE, 0x33);
    RegMaskRange range{};
    range.addr = reinterpret_cast<u64>(masks.data());
    EXPECT_OK(get_reg_writable_masks(m.ids, range));
    for (unsigned op1 : {0, 1, 3})
        for (unsigned i = 0; i < 64; i++) {
            arch::Encoding e = arch::encode(3, op1, 0, i >> 3, i & 7);
            EXPECT_EQ(masks[feature_id_index(e)], m.ids.writable_mask(e));
        }
    EXPECT_EQ(masks[128 + 1], 0x300f'c00fu);  // CTR_EL0
    range.reserved[12] = 1;
    EXPECT_ERRNO(get_reg_writable_masks(m.ids, range), kInval);
    range.reserved[12] = 0;
    range.range = 1;
    EXPECT_ERRNO(get_reg_writable_masks(m.ids, range), kInval);
}

}  // namespace
}  // namespace nest::test
