// SPDX-License-Identifier: GPL-2.0-only
// What sysregs.def says, as C++: the enumeration, encodings, names, homes and VNCR offsets.
#pragma once
#include <arch/layout.hpp>
#include <base/partition_point.hpp>
#include <base/types.hpp>

namespace nest::arch {

enum class SysReg : u16 {
#define SYSREG(name, op0, op1, crn, crm, op2, vncr, home) name,
#include <arch/sysregs.def>
#undef SYSREG
    kCount
};
inline constexpr size_t kSysRegCount = static_cast<size_t>(SysReg::kCount);

enum class Home : u8 { El1, Shared, Vncr, Alias, Mem, Id, Gic, Timer, Debug, Trap, Host };

// op0:op1:CRn:CRm:op2 in the 16 bits that MRS/MSR, KVM's ONE_REG index and the table's order share.
struct Encoding {
    u16 raw;
    constexpr bool operator==(const Encoding&) const = default;
    constexpr unsigned op0() const { return raw >> 14 & 3; }
    constexpr unsigned op1() const { return raw >> 11 & 7; }
    constexpr unsigned crn() const { return raw >> 7 & 15; }
    constexpr unsigned crm() const { return raw >> 3 & 15; }
    constexpr unsigned op2() const { return raw & 7; }
};
constexpr Encoding encode(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
    return {static_cast<u16>(op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2)};
}

struct SysRegInfo {
    Encoding encoding;
    s16 vncr;  // byte offset in the VNCR page, or -1
    Home home;
    const char* name;
};

inline constexpr SysRegInfo kSysRegs[kSysRegCount] = {
#define SYSREG(name, op0, op1, crn, crm, op2, vncr, home) {encode(op0, op1, crn, crm, op2), vncr, Home::home, #name},
#include <arch/sysregs.def>
#undef SYSREG
};

constexpr const SysRegInfo& info(SysReg r) { return kSysRegs[static_cast<size_t>(r)]; }
constexpr Encoding encoding_of(SysReg r) { return info(r).encoding; }
constexpr const char* name_of(SysReg r) { return info(r).name; }

// DBGBVRn_EL1, DBGBCRn_EL1, DBGWVRn_EL1, DBGWCRn_EL1: op2 4 to 7.
constexpr bool is_breakpoint_register(Encoding e) {
    return e.op0() == 2 && e.op1() == 0 && e.crn() == 0 && e.op2() >= 4;
}

// kCount: sysregs.def has no register with this encoding. A binary search; any context.
constexpr SysReg find_sysreg(Encoding e) {
    const size_t at = partition_point(kSysRegCount, [e](size_t i) { return kSysRegs[i].encoding.raw < e.raw; });
    return at < kSysRegCount && kSysRegs[at].encoding == e ? static_cast<SysReg>(at) : SysReg::kCount;
}

namespace detail {
consteval bool table_is_sorted() {
    for (size_t i = 1; i < kSysRegCount; i++)
        if (kSysRegs[i - 1].encoding.raw >= kSysRegs[i].encoding.raw)
            return false;
    return true;
}
consteval bool vncr_offsets_are_sound() {
    bool used[512] = {};
    for (const SysRegInfo& r : kSysRegs) {
        if (r.vncr < 0)
            continue;
        if (r.vncr % 8 != 0 || r.vncr >= 4096 || used[r.vncr / 8])
            return false;
        used[r.vncr / 8] = true;
    }
    return true;
}
}  // namespace detail
static_assert(detail::table_is_sorted(), "sysregs.def must be in the order of op0, op1, CRn, CRm, op2, without twins");
static_assert(detail::vncr_offsets_are_sound(), "a VNCR offset is misaligned, outside the page, or used twice");

}  // namespace nest::arch
