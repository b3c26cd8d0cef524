// SPDX-License-Identifier: GPL-2.0-only
// Exception syndromes: [DDI0487] D24.2.42 ESR_ELx.
#pragma once
#include <arch/layout.hpp>
#include <arch/sysreg.hpp>

namespace nest::arch {

// [DDI0487] D1.3.1.5: offset within a block of the vector table.
enum class Vector : u16 { kSync = 0x000, kIrq = 0x080, kFiq = 0x100, kSerror = 0x180 };

enum class Ec : u8 {
    kUnknown = 0x00,
    kWfx = 0x01,
    kCp15Rt = 0x03,
    kCp15Rrt = 0x04,
    kCp14Rt = 0x05,
    kCp14Ldc = 0x06,
    kFpAccess = 0x07,
    kCp10Id = 0x08,
    kPauth = 0x09,
    kLs64 = 0x0a,
    kCp14Rrt = 0x0c,
    kBti = 0x0d,
    kIllegal = 0x0e,
    kSvc32 = 0x11,
    kHvc32 = 0x12,
    kSmc32 = 0x13,
    kSvc64 = 0x15,
    kHvc64 = 0x16,
    kSmc64 = 0x17,
    kSysReg = 0x18,
    kSve = 0x19,
    kEret = 0x1a,
    kFpac = 0x1c,
    kSme = 0x1d,
    kInstrAbortLower = 0x20,
    kInstrAbortSame = 0x21,
    kPcAlignment = 0x22,
    kDataAbortLower = 0x24,
    kDataAbortSame = 0x25,
    kSpAlignment = 0x26,
    kMops = 0x27,
    kFp32 = 0x28,
    kFp64 = 0x2c,
    kSerror = 0x2f,
    kBreakpointLower = 0x30,
    kSoftStepLower = 0x32,
    kWatchpointLower = 0x34,
    kBkpt32 = 0x38,
    kVectorCatch32 = 0x3a,
    kBrk64 = 0x3c,
};

// ISS of MSR, MRS and system instructions (EC 0x18)
struct SysRegIss : Layout<SysRegIss> {
    using Op0 = Field<21, 20>;
    using Op2 = Field<19, 17>;
    using Op1 = Field<16, 14>;
    using CRn = Field<13, 10>;
    using Rt = Field<9, 5>;
    using CRm = Field<4, 1>;
    using Read = Bit<0>;
    constexpr Encoding encoding() const {
        return encode(get<Op0>(), get<Op1>(), get<CRn>(), get<CRm>(), get<Op2>());
    }
};

// ISS of instruction and data aborts (EC 0x20, 0x21, 0x24, 0x25)
struct AbortIss : Layout<AbortIss> {
    using ISV = Bit<24>;
    using SAS = Field<23, 22>;
    using SSE = Bit<21>;
    using SRT = Field<20, 16>;
    using SF = Bit<15>;
    using AR = Bit<14>;
    using VNCR = Bit<13>;
    using SET = Field<12, 11>;
    using FnV = Bit<10>;
    using EA = Bit<9>;
    using CM = Bit<8>;
    using S1PTW = Bit<7>;
    using WnR = Bit<6>;
    using FSC = Field<5, 0>;
};
// Fault status codes, without their level (bits 1:0)
inline constexpr u64 kFscAddressSize = 0x00;
inline constexpr u64 kFscTranslation = 0x04;
inline constexpr u64 kFscAccessFlag = 0x08;
inline constexpr u64 kFscPermission = 0x0c;
inline constexpr u64 kFscExternal = 0x10;
inline constexpr u64 kFscExternalOnWalk = 0x14;
inline constexpr u64 kFscTlbConflict = 0x30;

// ISS of an SError (EC 0x2f), and DISR_EL1 with it in its low bits
struct SerrorIss : Layout<SerrorIss> {
    using IDS = Bit<24>;
    using AET = Field<12, 10>;
    using DFSC = Field<5, 0>;
    static constexpr u64 kAsynchronous = 0x11;  // DFSC: AET is valid
    // AET; 0 is uncontainable
    static constexpr u64 kUnrecoverable = 1, kRestartable = 2, kRecoverable = 3, kCorrected = 6;
};

// ISS of WFI, WFE, WFIT, WFET (EC 0x01)
struct WfxIss : Layout<WfxIss> {
    using CV = Bit<24>;
    using COND = Field<23, 20>;
    using RN = Field<9, 5>;
    using RV = Bit<2>;
    using TI = Field<1, 0>;  // 0 WFI, 1 WFE, 2 WFIT, 3 WFET
};

// ISS of a Memory Copy or Memory Set exception (EC 0x27)
struct MopsIss : Layout<MopsIss> {
    using MemInst = Bit<24>;        // 1: SET*, 0: CPY*
    using FromEpilogue = Bit<18>;   // else from the main instruction
    using WrongOption = Bit<17>;    // the registers are in the format of the other algorithm
    using OptionA = Bit<16>;        // the algorithm of this CPU
    using Destreg = Field<14, 10>;
    using Srcreg = Field<9, 5>;
    using Sizereg = Field<4, 0>;
};

// ISS of a conditional AArch32 instruction's trap (EC 0x03 to 0x08, 0x0c)
struct ConditionIss : Layout<ConditionIss> {
    using CV = Bit<24>;
    using COND = Field<23, 20>;
};

}  // namespace nest::arch
