// SPDX-License-Identifier: GPL-2.0-only
#include "instructions.hpp"

#include <arch/sysreg.hpp>

#include "el2.hpp"
#include "layout.hpp"

namespace nest::fuzz_kvm {
namespace {

u32 reg(Random& r) { return static_cast<u32>(r.below(32)); }
u32 low_reg(Random& r) { return static_cast<u32>(r.below(16)); }

// rd = value, by MOVZ and three MOVK.
void load_value(std::vector<u32>& code, u32 rd, u64 value) {
    code.push_back(0xd280'0000 | static_cast<u32>(value & 0xffff) << 5 | rd);
    for (u32 part = 1; part < 4; part++)
        if (const u32 half = static_cast<u32>(value >> 16 * part & 0xffff))
            code.push_back(0xf280'0000 | part << 21 | half << 5 | rd);
}

u32 system(bool is_read, u32 encoding, u32 rt) {     // `encoding`: op0 to op2 in 16 bits
    return 0xd500'0000 | u32{is_read} << 21 | encoding << 5 | rt;
}

// A write would end what the guest does for good: vectors elsewhere, or a stage 1 that maps nothing.
bool is_vital(u32 encoding) {
    using arch::SysReg;
    constexpr SysReg kVital[] = {SysReg::VBAR_EL1, SysReg::VBAR_EL2, SysReg::VBAR_EL12, SysReg::SCTLR_EL1, SysReg::SCTLR_EL2,
                                 SysReg::SCTLR_EL12, SysReg::CPACR_EL1, SysReg::CPTR_EL2};
    for (const SysReg reg : kVital)
        if (arch::encoding_of(reg).raw == encoding)
            return true;
    return false;
}

// MSR and MRS: what the code has names for, neighbours of it, anything.
void system_register(Random& r, std::vector<u32>& code) {
    u32 encoding = arch::kSysRegs[r.below(arch::kSysRegCount)].encoding.raw;
    switch (r.below(4)) {
    case 0: encoding ^= 1u << r.below(14); break;
    case 1: encoding = 0x8000 | static_cast<u32>(r.below(0x8000)); break;
    }
    const u32 rt = reg(r);
    if (rt < 31 && r.percent(60))
        load_value(code, rt, r.percent(40) ? guest_address(r) : r.number());
    const bool is_read = is_vital(encoding) ? r.percent(98) : r.percent(50);
    code.push_back(system(is_read, encoding, rt));
}

// What virtual EL2 is: with E2H or without, whose traps, whether L2 is a hypervisor.
void hypervisor_control(Random& r, std::vector<u32>& code) {
    load_value(code, 12, plausible_hcr(r));
    code.push_back(system(false, arch::encoding_of(arch::SysReg::HCR_EL2).raw, 12));
}

// SYS and SYSL: TLBI (CRn 8, 9), AT, DC and IC (CRn 7), all others.
void system_instruction(Random& r, std::vector<u32>& code) {
    const u32 rt = reg(r);
    if (rt < 31)
        load_value(code, rt, r.percent(50) ? guest_address(r) : guest_address(r) >> 12 | r.next() << 44);
    u32 encoding = 0x4000 | static_cast<u32>(r.below(0x4000));
    const u32 crn = static_cast<u32>(r.of({7, 8, 9, 8, 7}));
    if (r.percent(85))
        encoding = (encoding & ~(15u << 7)) | crn << 7;
    if (r.percent(60))
        encoding = (encoding & ~(7u << 11)) | static_cast<u32>(r.of({0, 4, 3})) << 11;
    code.push_back(system(r.percent(5), encoding, rt));
}

// DAIF, SPSel, PAN and their like; hints; barriers: all of op0 = 0.
void pstate_and_hints(Random& r, std::vector<u32>& code) {
    switch (r.below(4)) {
    case 0: code.push_back(0xd503'201f | static_cast<u32>(r.below(128)) << 5); break;        // HINT
    case 1: code.push_back(0xd503'305f | static_cast<u32>(r.below(16)) << 8 | static_cast<u32>(r.below(8)) << 5); break;
    case 2: code.push_back(0xd503'1000 | static_cast<u32>(r.below(4)) << 5 | low_reg(r)); break;  // WFET, WFIT
    default: code.push_back(0xd500'401f | static_cast<u32>(r.below(8)) << 16 | static_cast<u32>(r.below(16)) << 8 |
                            static_cast<u32>(r.below(8)) << 5);                              // MSR (immediate)
    }
}

void call(Random& r, std::vector<u32>& code) {
    constexpr u32 kFunctions[] = {
        0x8400'0000, 0x8400'0001, 0xc400'0001, 0x8400'0002, 0x8400'0003, 0xc400'0003, 0x8400'0004, 0xc400'0004, 0x8400'0006,
        0x8400'0008, 0x8400'0009, 0x8400'000a, 0xc400'000e, 0xc400'0012, 0x8000'0000, 0x8000'0001, 0x8000'7fff, 0xc500'0020,
        0xc500'0021, 0x8600'ff01, 0x8600'0000, 0x8600'0001, 0x8400'0050, 0xc400'0053,
    };
    if (r.percent(80)) {
        load_value(code, 0, r.percent(80) ? r.of(kFunctions) : r.number());
        load_value(code, 1, r.percent(50) ? r.below(4) : r.number());
        load_value(code, 2, guest_address(r));
    }
    const u32 immediate = static_cast<u32>(r.percent(80) ? 0 : r.below(0x10000)) << 5;
    code.push_back((r.percent(75) ? 0xd400'0002 : 0xd400'0003) | immediate);     // HVC, SMC
}

void exception(Random& r, std::vector<u32>& code) {
    const u32 immediate = static_cast<u32>(r.below(0x10000)) << 5;
    code.push_back(r.of({0xd400'0001u | immediate, 0xd420'0000u | immediate, 0xd440'0000u | immediate,
                         0xd4a0'0001u | immediate, 0x0000'0000u | immediate >> 5}));        // SVC, BRK, HLT, DCPS1, UDF
}

// ERET to somewhere in the code, at any level that an SPSR can say.
void exception_return(Random& r, std::vector<u32>& code) {
    load_value(code, 9, r.percent(85) ? kRam + kCode + r.below(kCodeSize) / 4 * 4 : guest_address(r));
    load_value(code, 10, r.percent(70) ? r.of({u64{0x3c5}, u64{0x3c9}, u64{0x3c4}, u64{0x3c0}, u64{0x005}, u64{0x009}})
                                       : r.number());
    const u32 el2_name = u32{r.percent(50)} << 18;      // op1: without E2H virtual EL2 returns by these
    code.push_back(0xd518'4029 | el2_name);     // msr elr_el1, x9
    code.push_back(0xd518'400a | el2_name);     // msr spsr_el1, x10
    code.push_back(r.percent(90) ? 0xd69f'03e0 : r.of({0xd69f'0bffu, 0xd69f'0fffu}));       // ERET, ERETAA, ERETAB
}

// Loads and stores of all kinds: single, pair, exclusive, acquire, atomic, of SIMD registers, with write-back.
void memory_access(Random& r, std::vector<u32>& code) {
    const u32 base = low_reg(r), rt = reg(r), size = static_cast<u32>(r.below(4)) << 30;
    load_value(code, base, guest_address(r) & (r.percent(70) ? ~u64{7} : ~u64{0}));
    const u32 fields = base << 5 | rt;
    switch (r.below(10)) {
    case 0: code.push_back(0x3940'0000 | size | fields); break;                             // LDR, unsigned offset
    case 1: code.push_back(0x3900'0000 | size | fields); break;                             // STR
    case 2: code.push_back(0x3880'0000 | (size & 0x8000'0000) | fields); break;             // LDRS
    case 3: code.push_back(0x3800'0400 | size | static_cast<u32>(r.below(4)) << 22 | static_cast<u32>(r.below(512)) << 12 |
                           static_cast<u32>(r.below(4)) << 10 | fields); break;             // unscaled, pre- and post-index
    case 4: code.push_back(0x2900'0000 | (size & 0x8000'0000) | static_cast<u32>(r.below(2)) << 22 | reg(r) << 10 | fields);
            break;                                                                          // LDP, STP
    case 5: code.push_back(0x0800'7c00 | size | static_cast<u32>(r.below(8)) << 21 | reg(r) << 16 | static_cast<u32>(r.below(2)) << 15 |
                           fields); break;                                                  // exclusive, ordered, CAS
    case 6: code.push_back(0x3820'0000 | size | static_cast<u32>(r.below(4)) << 22 | reg(r) << 16 |
                           static_cast<u32>(r.below(16)) << 12 | fields); break;            // atomics
    case 7: code.push_back(0x3d00'0000 | size | static_cast<u32>(r.below(4)) << 22 | fields); break;    // SIMD
    case 8: code.push_back(0x4c40'0000 | static_cast<u32>(r.below(16)) << 12 | fields); break;          // LD1 to LD4
    default: code.push_back(0xf980'0000 | fields);                                          // PRFM
    }
}

void branch(Random& r, std::vector<u32>& code) {
    const u32 near = static_cast<u32>(r.below(32));
    switch (r.below(4)) {
    case 0: code.push_back(0x1400'0000 | near); break;
    case 1: code.push_back(0xb400'0000 | near << 5 | reg(r)); break;
    case 2: code.push_back(0x1400'0000 | ((0 - near) & 0x3ff'ffff)); break;
    default:
        load_value(code, 11, r.percent(80) ? kRam + kCode + r.below(kCodeSize) / 4 * 4 : guest_address(r));
        code.push_back(0xd61f'0000 | 11 << 5);
    }
}

// Pointer authentication, SIMD, SVE, SME: what traps by feature.
void by_feature(Random& r, std::vector<u32>& code) {
    const u32 any = static_cast<u32>(r.next());
    code.push_back(r.of({0xdac1'0000u | (any & 0x3fff), 0x9ac0'3000u | (any & 0x1f'03ff), 0x0e20'1c00u | (any & 0x401f'03ff),
                         0x1e20'0000u | (any & 0xdf'ffff), 0x0400'0000u | (any & 0xe1ff'ffff), 0xc000'0000u | (any & 0x3fff'ffff)}));
}

void value(Random& r, std::vector<u32>& code) { load_value(code, reg(r) % 31, r.percent(60) ? guest_address(r) : r.number()); }

}  // namespace

void add_instruction(Random& r, std::vector<u32>& code) {
    const u64 kind = r.below(100);
    if (kind < 30)
        system_register(r, code);
    else if (kind < 44)
        system_instruction(r, code);
    else if (kind < 50)
        pstate_and_hints(r, code);
    else if (kind < 56)
        call(r, code);
    else if (kind < 57)
        hypervisor_control(r, code);
    else if (kind < 60)
        exception(r, code);
    else if (kind < 64)
        exception_return(r, code);
    else if (kind < 84)
        memory_access(r, code);
    else if (kind < 87)
        branch(r, code);
    else if (kind < 92)
        by_feature(r, code);
    else if (kind < 96)
        value(r, code);
    else
        code.push_back(static_cast<u32>(r.next()));
}

}  // namespace nest::fuzz_kvm
