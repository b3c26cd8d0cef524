// SPDX-License-Identifier: GPL-2.0-only
// The identification registers' fields that code asks for by name. Included by arch/registers.hpp.
#pragma once
#ifndef NEST_ARCH_REGISTERS
#error "include <arch/registers.hpp>"
#endif

namespace nest::arch {

// [DDI0487] D24.2.97 ff.
struct ID_AA64PFR0_EL1 : Register<SysReg::ID_AA64PFR0_EL1, ID_AA64PFR0_EL1> {
    using CSV3 = Field<63, 60>;
    using CSV2 = Field<59, 56>;
    using AMU = Field<47, 44>;
    using MPAM = Field<43, 40>;
    using SVE = Field<35, 32>;
    using RAS = Field<31, 28>;
    using GIC = Field<27, 24>;
    using AdvSIMD = Field<23, 20>;
    using FP = Field<19, 16>;
    using EL3 = Field<15, 12>;
    using EL2 = Field<11, 8>;
    using EL1 = Field<7, 4>;
    using EL0 = Field<3, 0>;
};
struct ID_AA64PFR1_EL1 : Register<SysReg::ID_AA64PFR1_EL1, ID_AA64PFR1_EL1> {
    using SME = Field<27, 24>;
    using MPAM_frac = Field<19, 16>;
    using RAS_frac = Field<15, 12>;
    using MTE = Field<11, 8>;
    using SSBS = Field<7, 4>;
    using BT = Field<3, 0>;
};
struct ID_AA64DFR0_EL1 : Register<SysReg::ID_AA64DFR0_EL1, ID_AA64DFR0_EL1> {
    using TraceBuffer = Field<47, 44>;
    using TraceFilt = Field<43, 40>;
    using DoubleLock = Field<39, 36>;
    using PMSVer = Field<35, 32>;
    using CTX_CMPs = Field<31, 28>;
    using WRPs = Field<23, 20>;
    using BRPs = Field<15, 12>;
    using PMUVer = Field<11, 8>;
    using DebugVer = Field<3, 0>;
};
struct ID_AA64ISAR0_EL1 : Register<SysReg::ID_AA64ISAR0_EL1, ID_AA64ISAR0_EL1> {
    using TLB = Field<59, 56>;
};
struct ID_AA64ISAR1_EL1 : Register<SysReg::ID_AA64ISAR1_EL1, ID_AA64ISAR1_EL1> {
    using LS64 = Field<63, 60>;
    using XS = Field<59, 56>;
    using SPECRES = Field<43, 40>;
    using GPI = Field<31, 28>;
    using GPA = Field<27, 24>;
    using API = Field<11, 8>;
    using APA = Field<7, 4>;
    using DPB = Field<3, 0>;
};
struct ID_AA64ISAR2_EL1 : Register<SysReg::ID_AA64ISAR2_EL1, ID_AA64ISAR2_EL1> {
    using ATS1A = Field<63, 60>;
    using CLRBHB = Field<31, 28>;
    using MOPS = Field<19, 16>;
    using APA3 = Field<15, 12>;
    using GPA3 = Field<11, 8>;
    using WFxT = Field<3, 0>;
};
struct ID_AA64MMFR0_EL1 : Register<SysReg::ID_AA64MMFR0_EL1, ID_AA64MMFR0_EL1> {
    using ECV = Field<63, 60>;
    using FGT = Field<59, 56>;
    using EXS = Field<47, 44>;
    using TGRAN4_2 = Field<43, 40>;
    using TGRAN64_2 = Field<39, 36>;
    using TGRAN16_2 = Field<35, 32>;
    using TGRAN4 = Field<31, 28>;
    using TGRAN64 = Field<27, 24>;
    using TGRAN16 = Field<23, 20>;
    using SNSMEM = Field<15, 12>;
    using ASIDBits = Field<7, 4>;
    using PARANGE = Field<3, 0>;
};
struct ID_AA64MMFR1_EL1 : Register<SysReg::ID_AA64MMFR1_EL1, ID_AA64MMFR1_EL1> {
    using ECBHB = Field<63, 60>;
    using CMOW = Field<59, 56>;
    using nTLBPA = Field<51, 48>;
    using HCX = Field<43, 40>;
    using ETS = Field<39, 36>;
    using TWED = Field<35, 32>;
    using XNX = Field<31, 28>;
    using PAN = Field<23, 20>;
    using LO = Field<19, 16>;
    using HPDS = Field<15, 12>;
    using VH = Field<11, 8>;
    using VMIDBits = Field<7, 4>;
    using HAFDBS = Field<3, 0>;
};
struct ID_AA64MMFR2_EL1 : Register<SysReg::ID_AA64MMFR2_EL1, ID_AA64MMFR2_EL1> {
    using EVT = Field<59, 56>;
    using BBM = Field<55, 52>;
    using TTL = Field<51, 48>;
    using FWB = Field<43, 40>;
    using IDS = Field<39, 36>;
    using ST = Field<31, 28>;
    using NV = Field<27, 24>;
    using CCIDX = Field<23, 20>;
    using VARange = Field<19, 16>;
    using UAO = Field<7, 4>;
    using CnP = Field<3, 0>;
};
struct ID_AA64MMFR4_EL1 : Register<SysReg::ID_AA64MMFR4_EL1, ID_AA64MMFR4_EL1> {
    using E2H0 = Field<27, 24>;
    using NV_frac = Field<23, 20>;
};
struct ID_DFR0_EL1 : Register<SysReg::ID_DFR0_EL1, ID_DFR0_EL1> {
    using PerfMon = Field<27, 24>;
    using CopDbg = Field<3, 0>;
};
struct CTR_EL0 : Register<SysReg::CTR_EL0, CTR_EL0> {
    using DIC = Bit<29>;
    using IDC = Bit<28>;
    using DminLine = Field<19, 16>;
    using L1Ip = Field<15, 14>;
    using IminLine = Field<3, 0>;
};

}  // namespace nest::arch
