// SPDX-License-Identifier: GPL-2.0-only
// The registers that code reads or writes by name, as types. Fields in the manual's order, highest bit first.
// A register type R has R::kReg, its row in sysregs.def. Registers without fields of interest come last.
#pragma once
#include <arch/layout.hpp>
#include <arch/sysreg.hpp>

namespace nest::arch {

template <SysReg Reg, typename Self>
struct Register : Layout<Self> {
    static constexpr SysReg kReg = Reg;
};
// One that comes out of a table (base/rows.hpp): the name is all that is known.
template <SysReg Reg>
struct Named : Register<Reg, Named<Reg>> {};

// [DDI0487] D24.2.54
struct HCR_EL2 : Register<SysReg::HCR_EL2, HCR_EL2> {
    using TWEDEL = Field<63, 60>;
    using TWEDEn = Bit<59>;
    using TID5 = Bit<58>;
    using DCT = Bit<57>;
    using ATA = Bit<56>;
    using TTLBOS = Bit<55>;
    using TTLBIS = Bit<54>;
    using EnSCXT = Bit<53>;
    using TOCU = Bit<52>;
    using AMVOFFEN = Bit<51>;
    using TICAB = Bit<50>;
    using TID4 = Bit<49>;
    using FIEN = Bit<47>;
    using FWB = Bit<46>;
    using NV2 = Bit<45>;
    using AT = Bit<44>;
    using NV1 = Bit<43>;
    using NV = Bit<42>;
    using API = Bit<41>;
    using APK = Bit<40>;
    using MIOCNCE = Bit<38>;
    using TEA = Bit<37>;
    using TERR = Bit<36>;
    using TLOR = Bit<35>;
    using E2H = Bit<34>;
    using ID = Bit<33>;
    using CD = Bit<32>;
    using RW = Bit<31>;
    using TRVM = Bit<30>;
    using HCD = Bit<29>;
    using TDZ = Bit<28>;
    using TGE = Bit<27>;
    using TVM = Bit<26>;
    using TTLB = Bit<25>;
    using TPU = Bit<24>;
    using TPCP = Bit<23>;
    using TSW = Bit<22>;
    using TACR = Bit<21>;
    using TIDCP = Bit<20>;
    using TSC = Bit<19>;
    using TID3 = Bit<18>;
    using TID2 = Bit<17>;
    using TID1 = Bit<16>;
    using TID0 = Bit<15>;
    using TWE = Bit<14>;
    using TWI = Bit<13>;
    using DC = Bit<12>;
    using BSU = Field<11, 10>;
    using FB = Bit<9>;
    using VSE = Bit<8>;
    using VI = Bit<7>;
    using VF = Bit<6>;
    using AMO = Bit<5>;
    using IMO = Bit<4>;
    using FMO = Bit<3>;
    using PTW = Bit<2>;
    using SWIO = Bit<1>;
    using VM = Bit<0>;
};

// [DDI0487] D24.2.205. The host's own stage 2 maps below 2^48, without FEAT_LPA2's DS.
struct VTCR_EL2 : Register<SysReg::VTCR_EL2, VTCR_EL2> {
    using SL2 = Bit<33>;
    using DS = Bit<32>;
    using NSA = Bit<30>;
    using NSW = Bit<29>;
    using HD = Bit<22>;
    using HA = Bit<21>;
    using VS = Bit<19>;
    using PS = Field<18, 16>;
    using TG0 = Field<15, 14>;
    using SH0 = Field<13, 12>;
    using ORGN0 = Field<11, 10>;
    using IRGN0 = Field<9, 8>;
    using SL0 = Field<7, 6>;
    using T0SZ = Field<5, 0>;
};
inline constexpr u64 kVtcrRes1 = u64{1} << 31;

// [DDI0487] D24.2.207
struct VTTBR_EL2 : Register<SysReg::VTTBR_EL2, VTTBR_EL2> {
    using VMID = Field<63, 48>;
    using BADDR = Field<47, 1>;
    using CnP = Bit<0>;
};

// [DDI0487] D24.2.33, the layout under E2H (that of CPACR_EL1, plus TCPAC and TAM)
struct CPTR_EL2 : Register<SysReg::CPTR_EL2, CPTR_EL2> {
    using TCPAC = Bit<31>;
    using TAM = Bit<30>;
    using E0POE = Bit<29>;
    using TTA = Bit<28>;
    using SMEN = Field<25, 24>;
    using FPEN = Field<21, 20>;
    using ZEN = Field<17, 16>;
};

// [DDI0487] D24.2 ZCR_EL1, ZCR_EL2
struct ZCR_EL2 : Register<SysReg::ZCR_EL2, ZCR_EL2> {
    using LEN = Field<3, 0>;  // quadwords less one
};
struct ZCR_EL12 : Register<SysReg::ZCR_EL12, ZCR_EL12> {};

// [DDI0487] D24.3.20
struct MDCR_EL2 : Register<SysReg::MDCR_EL2, MDCR_EL2> {
    using HPMFZS = Bit<36>;
    using HPMFZO = Bit<29>;
    using MTPME = Bit<28>;
    using TDCC = Bit<27>;
    using HLP = Bit<26>;
    using E2TB = Field<25, 24>;
    using HCCD = Bit<23>;
    using TTRF = Bit<19>;
    using HPMD = Bit<17>;
    using TPMS = Bit<14>;
    using E2PB = Field<13, 12>;
    using TDRA = Bit<11>;
    using TDOSA = Bit<10>;
    using TDA = Bit<9>;
    using TDE = Bit<8>;
    using HPME = Bit<7>;
    using TPM = Bit<6>;
    using TPMCR = Bit<5>;
    using HPMN = Field<4, 0>;
};

// [DDI0487] D24.3.21
struct MDSCR_EL1 : Register<SysReg::MDSCR_EL1, MDSCR_EL1> {
    using MDE = Bit<15>;
    using KDE = Bit<13>;
    using SS = Bit<0>;
};

// [DDI0487] D24.2.42
struct ESR_EL2 : Register<SysReg::ESR_EL2, ESR_EL2> {
    using ISS2 = Field<55, 32>;
    using EC = Field<31, 26>;
    using IL = Bit<25>;
    using ISS = Field<24, 0>;
};

// [DDI0487] D24.2.67: FIPA holds IPA[51:12]
struct HPFAR_EL2 : Register<SysReg::HPFAR_EL2, HPFAR_EL2> {
    using NS = Bit<63>;
    using FIPA = Field<43, 4>;
};

// [DDI0487] D24.2.118, the successful and the failed form share bit 0
struct PAR_EL1 : Register<SysReg::PAR_EL1, PAR_EL1> {
    using PA = Field<51, 12>;
    using F = Bit<0>;
};

// [DDI0487] D24.2.140, the bits that the hypervisor itself looks at
struct SCTLR_EL1 : Register<SysReg::SCTLR_EL1, SCTLR_EL1> {
    using DSSBS = Bit<44>;
    using EnIA = Bit<31>;
    using EnIB = Bit<30>;
    using EE = Bit<25>;
    using E0E = Bit<24>;
    using SPAN = Bit<23>;
    using TSCXT = Bit<20>;
    using I = Bit<12>;
    using C = Bit<2>;
    using M = Bit<0>;
};

// [DDI0487] C5.2.18 SPSR, AArch64 and AArch32 state; also PSTATE as the KVM ABI shows it
struct SPSR_EL2 : Register<SysReg::SPSR_EL2, SPSR_EL2> {
    using N = Bit<31>;
    using Z = Bit<30>;
    using C = Bit<29>;
    using V = Bit<28>;
    using TCO = Bit<25>;
    using DIT = Bit<24>;
    using UAO = Bit<23>;
    using PAN = Bit<22>;
    using SS = Bit<21>;
    using IL = Bit<20>;
    using SSBS = Bit<12>;
    using BTYPE = Field<11, 10>;
    using D = Bit<9>;
    using A = Bit<8>;
    using I = Bit<7>;
    using F = Bit<6>;
    using M4 = Bit<4>;
    using M = Field<4, 0>;
};
inline constexpr u64 kModeEL0t = 0x0;
inline constexpr u64 kModeEL1t = 0x4;
inline constexpr u64 kModeEL1h = 0x5;
inline constexpr u64 kModeEL2t = 0x8;
inline constexpr u64 kModeEL2h = 0x9;
inline constexpr u64 kModeAArch32User = 0x10;

// [DDI0487] D24.10.2, the E2H layout
struct CNTHCTL_EL2 : Register<SysReg::CNTHCTL_EL2, CNTHCTL_EL2> {
    using CNTPMASK = Bit<19>;
    using CNTVMASK = Bit<18>;
    using EVNTIS = Bit<17>;
    using EL1NVVCT = Bit<16>;
    using EL1NVPCT = Bit<15>;
    using EL1TVCT = Bit<14>;
    using EL1TVT = Bit<13>;
    using ECV = Bit<12>;
    using EL1PTEN = Bit<11>;
    using EL1PCTEN = Bit<10>;
    using EL0PTEN = Bit<9>;
    using EL0VTEN = Bit<8>;
    using EVNTI = Field<7, 4>;
    using EVNTDIR = Bit<3>;
    using EVNTEN = Bit<2>;
    using EL0VCTEN = Bit<1>;
    using EL0PCTEN = Bit<0>;
};

// [DDI0487] D24.10.16: one layout for every timer's control register
template <SysReg Reg>
struct TimerControl : Register<Reg, TimerControl<Reg>> {
    using Base = Layout<TimerControl<Reg>>;
    using ISTATUS = typename Base::template Bit<2>;
    using IMASK = typename Base::template Bit<1>;
    using ENABLE = typename Base::template Bit<0>;
};
using CNTP_CTL_EL02 = TimerControl<SysReg::CNTP_CTL_EL02>;
using CNTV_CTL_EL02 = TimerControl<SysReg::CNTV_CTL_EL02>;
using CNTHP_CTL_EL2 = TimerControl<SysReg::CNTHP_CTL_EL2>;
using CNTHV_CTL_EL2 = TimerControl<SysReg::CNTHV_CTL_EL2>;

// [IHI0069] 12.4, the virtual CPU interface's control registers
struct ICH_HCR_EL2 : Register<SysReg::ICH_HCR_EL2, ICH_HCR_EL2> {
    using EOIcount = Field<31, 27>;
    using DVIM = Bit<15>;
    using TDIR = Bit<14>;
    using TSEI = Bit<13>;
    using TALL1 = Bit<12>;
    using TALL0 = Bit<11>;
    using TC = Bit<10>;
    using vSGIEOICount = Bit<8>;
    using VGrp1DIE = Bit<7>;
    using VGrp1EIE = Bit<6>;
    using VGrp0DIE = Bit<5>;
    using VGrp0EIE = Bit<4>;
    using NPIE = Bit<3>;
    using LRENPIE = Bit<2>;
    using UIE = Bit<1>;
    using En = Bit<0>;
};
struct ICH_VTR_EL2 : Register<SysReg::ICH_VTR_EL2, ICH_VTR_EL2> {
    using PRIbits = Field<31, 29>;
    using PREbits = Field<28, 26>;
    using IDbits = Field<25, 23>;
    using SEIS = Bit<22>;
    using A3V = Bit<21>;
    using nV4 = Bit<20>;
    using TDS = Bit<19>;
    using DVIM = Bit<18>;
    using ListRegs = Field<4, 0>;
};
struct ICH_MISR_EL2 : Register<SysReg::ICH_MISR_EL2, ICH_MISR_EL2> {
    using VGrp1D = Bit<7>;
    using VGrp1E = Bit<6>;
    using VGrp0D = Bit<5>;
    using VGrp0E = Bit<4>;
    using NP = Bit<3>;
    using LRENP = Bit<2>;
    using U = Bit<1>;
    using EOI = Bit<0>;
};
struct ICH_VMCR_EL2 : Register<SysReg::ICH_VMCR_EL2, ICH_VMCR_EL2> {
    using VPMR = Field<31, 24>;
    using VBPR0 = Field<23, 21>;
    using VBPR1 = Field<20, 18>;
    using VEOIM = Bit<9>;
    using VCBPR = Bit<4>;
    using VFIQEn = Bit<3>;
    using VAckCtl = Bit<2>;
    using VENG1 = Bit<1>;
    using VENG0 = Bit<0>;
};
// A list register's value, whichever of the sixteen it sits in.
struct ListRegister : Layout<ListRegister> {
    using State = Field<63, 62>;
    using HW = Bit<61>;
    using Group = Bit<60>;
    using NMI = Bit<59>;
    using Priority = Field<55, 48>;
    using pINTID = Field<44, 32>;
    using EOI = Bit<41>;
    using vINTID = Field<31, 0>;
};
inline constexpr u64 kLrInvalid = 0;
inline constexpr u64 kLrPending = 1;
inline constexpr u64 kLrActive = 2;
inline constexpr u64 kLrPendingActive = 3;

// [DDI0487] P: a higher EL or another Security state owns the buffer, and accesses to its controls may trap there
struct PMBIDR_EL1 : Register<SysReg::PMBIDR_EL1, PMBIDR_EL1> {
    using P = Bit<4>;
};
struct TRBIDR_EL1 : Register<SysReg::TRBIDR_EL1, TRBIDR_EL1> {
    using P = Bit<4>;
};

// [DDI0598] memory partitioning
struct MPAMIDR_EL1 : Register<SysReg::MPAMIDR_EL1, MPAMIDR_EL1> {
    using HAS_TIDR = Bit<58>;
    using HAS_HCR = Bit<17>;
};
struct MPAM2_EL2 : Register<SysReg::MPAM2_EL2, MPAM2_EL2> {
    using TIDR = Bit<58>;
    using TRAPMPAM0EL1 = Bit<49>;
    using TRAPMPAM1EL1 = Bit<48>;
    using Partitions = Field<47, 0>;  // PMG and PARTID, of data and of instructions: the same places in MPAM1_EL1
};
struct MPAMHCR_EL2 : Register<SysReg::MPAMHCR_EL2, MPAMHCR_EL2> {
    using TRAP_MPAMIDR_EL1 = Bit<31>;
};

struct CurrentEL : Register<SysReg::CurrentEL, CurrentEL> {
    using EL = Field<3, 2>;
};
struct DAIF : Register<SysReg::DAIF, DAIF> {
    using D = Bit<9>;
    using A = Bit<8>;
    using I = Bit<7>;
    using F = Bit<6>;
    static constexpr u64 kAll = D::kMask | A::kMask | I::kMask | F::kMask;
};
// [DDI0487] D24.2.56, as far as code asks by name.
struct HCRX_EL2 : Register<SysReg::HCRX_EL2, HCRX_EL2> {
    using MSCEn = Bit<11>;    // 0: memory copy and memory set instructions are UNDEFINED at EL1 and EL0
    using MCE2 = Bit<10>;     // their exceptions at EL1 are taken to EL2
    using TALLINT = Bit<6>;   // writes that may set PSTATE.ALLINT trap
    using FGTnXS = Bit<4>;
    using FnXS = Bit<3>;
};
// FEAT_FGT's of instructions, as far as code asks by name.
struct HFGITR_EL2 : Register<SysReg::HFGITR_EL2, HFGITR_EL2> {
    using SVC_EL1 = Bit<53>;
    using SVC_EL0 = Bit<52>;
    using ERET = Bit<51>;
};

// Registers that are read and written whole.
#define NEST_PLAIN_REGISTERS(X)                                                                                   \
    X(MDCCINT_EL1) X(OSLSR_EL1) X(MIDR_EL1) X(MPIDR_EL1) X(REVIDR_EL1) X(ACTLR_EL1) X(CPACR_EL1) X(TTBR0_EL1)     \
    X(TTBR1_EL1) X(TCR_EL1) X(SP_EL0) X(DISR_EL1) X(CNTKCTL_EL1) X(CSSELR_EL1) X(TPIDR_EL0) X(TPIDRRO_EL0)        \
    X(TPIDR_EL1) X(CONTEXTIDR_EL1) X(CNTFRQ_EL0) X(CNTPCT_EL0) X(CNTVCT_EL0) X(CNTPCTSS_EL0) X(CNTVCTSS_EL0)      \
    X(VPIDR_EL2) X(VMPIDR_EL2) X(HSTR_EL2) X(HACR_EL2) X(HFGRTR_EL2) X(HFGWTR_EL2)                                \
    X(HDFGRTR_EL2) X(HDFGWTR_EL2) X(HAFGRTR_EL2) X(HFGRTR2_EL2) X(HFGWTR2_EL2) X(HFGITR2_EL2) X(HDFGRTR2_EL2) X(HDFGWTR2_EL2) X(VNCR_EL2) X(VSESR_EL2) X(VDISR_EL2) X(ELR_EL2) X(FAR_EL2)      \
    X(VBAR_EL1) X(VBAR_EL2) X(SP_EL1) X(CNTVOFF_EL2) X(CNTPOFF_EL2) X(CNTHP_CVAL_EL2) X(CNTHV_CVAL_EL2) X(TPIDR_EL2)          \
    X(SCTLR_EL12) X(CPACR_EL12) X(TTBR0_EL12) X(TTBR1_EL12) X(TCR_EL12) X(SPSR_EL12) X(ELR_EL12) X(AFSR0_EL12)    \
    X(AFSR1_EL12) X(ESR_EL12) X(FAR_EL12) X(MAIR_EL12) X(AMAIR_EL12) X(VBAR_EL12) X(CONTEXTIDR_EL12)              \
    X(CNTKCTL_EL12) X(CNTP_CVAL_EL02) X(CNTV_CVAL_EL02) X(TRFCR_EL12) X(PMSCR_EL12) X(ICC_SRE_EL2)                \
    X(ISR_EL1) X(MPAM1_EL12)                                                                                      \
    X(ICC_SRE_EL1) X(ICC_PMR_EL1) X(ICC_SGI1R_EL1) X(ICC_DIR_EL1) X(ICC_EOIR1_EL1) X(ICC_IAR1_EL1)                \
    X(ICH_EISR_EL2) X(ICH_ELRSR_EL2) X(ICH_AP0R0_EL2)                                                             \
    X(ICH_AP0R1_EL2) X(ICH_AP0R2_EL2) X(ICH_AP0R3_EL2) X(ICH_AP1R0_EL2) X(ICH_AP1R1_EL2) X(ICH_AP1R2_EL2)         \
    X(ICH_AP1R3_EL2) X(ICH_LR0_EL2) X(ICH_LR1_EL2) X(ICH_LR2_EL2) X(ICH_LR3_EL2) X(ICH_LR4_EL2) X(ICH_LR5_EL2)    \
    X(ICH_LR6_EL2) X(ICH_LR7_EL2) X(ICH_LR8_EL2) X(ICH_LR9_EL2) X(ICH_LR10_EL2) X(ICH_LR11_EL2) X(ICH_LR12_EL2)   \
    X(ICH_LR13_EL2) X(ICH_LR14_EL2) X(ICH_LR15_EL2) X(FPCR) X(FPSR) X(DBGVCR32_EL2) X(FPEXC32_EL2)        \
    X(IFSR32_EL2) X(APIAKeyLo_EL1) X(APIAKeyHi_EL1) X(APIBKeyLo_EL1) X(APIBKeyHi_EL1) X(APDAKeyLo_EL1)            \
    X(APDAKeyHi_EL1) X(APDBKeyLo_EL1) X(APDBKeyHi_EL1) X(APGAKeyLo_EL1) X(APGAKeyHi_EL1)                          \
    X(ID_AA64MMFR3_EL1) X(CLIDR_EL1)
#define NEST_PLAIN_REGISTER(name) \
    struct name : Register<SysReg::name, name> {};
NEST_PLAIN_REGISTERS(NEST_PLAIN_REGISTER)
// Breakpoint and watchpoint registers come in sixteens.
#define NEST_DEBUG_INDICES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define NEST_DEBUG_REGISTERS(n) \
    NEST_PLAIN_REGISTER(DBGBVR##n##_EL1) NEST_PLAIN_REGISTER(DBGBCR##n##_EL1) \
    NEST_PLAIN_REGISTER(DBGWVR##n##_EL1) NEST_PLAIN_REGISTER(DBGWCR##n##_EL1)
NEST_DEBUG_INDICES(NEST_DEBUG_REGISTERS)
#undef NEST_DEBUG_REGISTERS
#undef NEST_PLAIN_REGISTER

}  // namespace nest::arch

#define NEST_ARCH_REGISTERS
#include <arch/id_registers.hpp>
