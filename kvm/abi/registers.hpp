// SPDX-License-Identifier: GPL-2.0-only
// Registers in the KVM ABI: the ids of KVM_{GET,SET}_ONE_REG, and the structures of the vCPU ioctls around them.
#pragma once
#include <arch/sysreg.hpp>
#include <cstddef>

namespace nest::kvm::abi {

// KVM_ARM_VCPU_INIT's features: bit numbers.
inline constexpr u32 KVM_ARM_TARGET_GENERIC_V8 = 5;
inline constexpr u32 KVM_ARM_VCPU_POWER_OFF = 0;
inline constexpr u32 KVM_ARM_VCPU_EL1_32BIT = 1;
inline constexpr u32 KVM_ARM_VCPU_PSCI_0_2 = 2;
inline constexpr u32 KVM_ARM_VCPU_PMU_V3 = 3;
inline constexpr u32 KVM_ARM_VCPU_SVE = 4;
inline constexpr u32 KVM_ARM_VCPU_PTRAUTH_ADDRESS = 5;
inline constexpr u32 KVM_ARM_VCPU_PTRAUTH_GENERIC = 6;
inline constexpr u32 KVM_ARM_VCPU_HAS_EL2 = 7;
inline constexpr u32 KVM_ARM_VCPU_HAS_EL2_E2H0 = 8;
inline constexpr u64 kVcpuFeatureMask = (u64{1} << 9) - 1;

struct VcpuInit {
    u32 target;
    u32 features[7];
};
static_assert(sizeof(VcpuInit) == 32);

struct OneReg {
    u64 id;
    u64 addr;  // user address of the value, of the size that the id says
};
static_assert(sizeof(OneReg) == 16);

struct RegList {
    u64 n;  // in: capacity; out: count. The ids follow.
};
static_assert(sizeof(RegList) == 8);

// Register ids.
inline constexpr u64 KVM_REG_ARCH_MASK = 0xff00'0000'0000'0000;
inline constexpr u64 KVM_REG_ARM64 = 0x6000'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_SHIFT = 52;
inline constexpr u64 KVM_REG_SIZE_MASK = 0x00f0'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U32 = 0x0020'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U64 = 0x0030'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U128 = 0x0040'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U256 = 0x0050'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U512 = 0x0060'0000'0000'0000;
inline constexpr u64 KVM_REG_SIZE_U2048 = 0x0080'0000'0000'0000;
inline constexpr u64 KVM_REG_ARM_COPROC_MASK = 0x0fff'0000;
inline constexpr u64 KVM_REG_ARM_CORE = 0x0010'0000;
inline constexpr u64 KVM_REG_ARM_DEMUX = 0x0011'0000;
inline constexpr u64 KVM_REG_ARM_DEMUX_ID_MASK = 0xff00;
inline constexpr u64 KVM_REG_ARM_DEMUX_ID_CCSIDR = 0;
inline constexpr u64 KVM_REG_ARM_DEMUX_VAL_MASK = 0x00ff;
inline constexpr u64 KVM_REG_ARM64_SYSREG = 0x0013'0000;
inline constexpr u64 KVM_REG_ARM_FW = 0x0014'0000;
inline constexpr u64 KVM_REG_ARM64_SVE = 0x0015'0000;
inline constexpr u64 KVM_REG_ARM64_SVE_ZREG_BASE = 0;
inline constexpr u64 KVM_REG_ARM64_SVE_PREG_BASE = 0x400;
inline constexpr u64 KVM_REG_ARM64_SVE_FFR_BASE = 0x600;
inline constexpr u64 KVM_REG_ARM64_SVE_VLS = 0xffff;  // without the group and the size that the ABI's name has
inline constexpr u64 KVM_REG_ARM_FW_FEAT_BMAP = 0x0016'0000;

// Bytes of a register's value, 1 to 32768.
constexpr u64 reg_size(u64 id) { return u64{1} << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT); }
constexpr u64 sysreg_id(arch::Encoding e) { return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | e.raw; }
constexpr u64 sysreg_id(arch::SysReg r) { return sysreg_id(arch::encoding_of(r)); }
constexpr u64 demux_ccsidr_id(u32 csselr) { return KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX | csselr; }

// struct kvm_regs: a core register's id is its offset here, in units of 4 bytes.
inline constexpr u32 KVM_NR_SPSR = 5;  // EL1, ABT, UND, IRQ, FIQ
struct CoreRegs {
    u64 regs[31];
    u64 sp;  // SP_EL0
    u64 pc;
    u64 pstate;
    u64 sp_el1;
    u64 elr_el1;
    u64 spsr[KVM_NR_SPSR];
    u64 padding;  // aligns the 16-byte vregs
    u8 vregs[32][16];
    u32 fpsr;
    u32 fpcr;
    u32 reserved[2];
};
static_assert(offsetof(CoreRegs, sp_el1) == 272 && offsetof(CoreRegs, vregs) == 336 && sizeof(CoreRegs) == 864);

// The offset part of a core register's id.
#define NEST_CORE_OFFSET(member) (offsetof(::nest::kvm::abi::CoreRegs, member) / 4)

// KVM_ARM_GET_REG_WRITABLE_MASKS
struct RegMaskRange {
    u64 addr;   // user address of KVM_ARM_FEATURE_ID_RANGE_SIZE u64
    u32 range;  // 0: the feature-ID space
    u32 reserved[13];
};
static_assert(sizeof(RegMaskRange) == 64);
inline constexpr u32 KVM_ARM_FEATURE_ID_RANGE_SIZE = 3 * 8 * 8;
// Position of (3, op1, 0, CRm, op2) with op1 in {0, 1, 3} and CRm < 8.
constexpr u32 feature_id_index(arch::Encoding e) { return (e.op1() == 3 ? 2 : e.op1()) << 6 | e.crm() << 3 | e.op2(); }

struct VcpuEvents {
    u8 serror_pending;
    u8 serror_has_esr;
    u8 ext_dabt_pending;
    u8 pad[5];
    u64 serror_esr;
    u32 reserved[12];
};
static_assert(sizeof(VcpuEvents) == 64 && offsetof(VcpuEvents, serror_esr) == 8);

inline constexpr u32 KVM_GUESTDBG_ENABLE = 1u << 0;
inline constexpr u32 KVM_GUESTDBG_SINGLESTEP = 1u << 1;
inline constexpr u32 KVM_GUESTDBG_USE_SW_BP = 1u << 16;
inline constexpr u32 KVM_GUESTDBG_USE_HW = 1u << 17;
inline constexpr u16 KVM_DEBUG_ARCH_HSR_HIGH_VALID = 1;  // kvm_run.flags with KVM_EXIT_DEBUG

struct GuestDebug {
    u32 control;
    u32 pad;
    u64 bcr[16];
    u64 bvr[16];
    u64 wcr[16];
    u64 wvr[16];
};
static_assert(sizeof(GuestDebug) == 8 + 4 * 16 * 8);

}  // namespace nest::kvm::abi
