// SPDX-License-Identifier: GPL-2.0-only
// Any exit with any contents of L1's registers: routing is total, agrees with a model of the rules that does not use
// the table's search, and neither it nor the decoders care what L1 left in the VNCR page's reserved bits. L1 chooses E2H.
#include <cstdlib>
#include <cstring>
#include <nested/cpu/trap_routing.hpp>
#include <nested/vel2/system_instruction.hpp>
#include <tests/fake/port.hpp>

using namespace nest;
using namespace nest::nested;
using arch::Encoding;
using arch::SysReg;

namespace {

constexpr SysReg kL1[] = {SysReg::HCR_EL2,     SysReg::HCRX_EL2,    SysReg::MDCR_EL2,   SysReg::CPTR_EL2,
                          SysReg::CNTHCTL_EL2, SysReg::ICH_HCR_EL2, SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2,
                          SysReg::HFGITR_EL2,  SysReg::HDFGRTR_EL2, SysReg::HDFGWTR_EL2};

struct Input {
    u64 l1[sizeof(kL1) / sizeof(kL1[0])];
    u64 features;
    u64 operand;
    u64 esr;
    u8 world, mode;
};

using H = arch::HCR_EL2;
using M = arch::MDCR_EL2;
using G = arch::ICH_HCR_EL2;
using T = arch::CNTHCTL_EL2;
using arch::CPTR_EL2;

struct Row {
    u16 first, last;
    const char* control;
    const char* fgt;
    unsigned bit;
    Feature feature;
};
const Row kRows[] = {
#define ROUTE(name, op0, op1, crn, crm, op2, last_crm, last_op2, control, fgt, bit, feature) \
    {arch::encode(op0, op1, crn, crm, op2).raw,                                              \
     arch::encode(op0, op1, crn, last_crm, last_op2).raw,                                    \
     #control,                                                                               \
     #fgt,                                                                                   \
     bit,                                                                                    \
     Feature::feature},
#include <nested/cpu/trap_routing.def>
#undef ROUTE
};

// L1's register without the bits that do not exist, in the layout that trap_controls.def means.
u64 of_l1(const VirtualEl2& v, SysReg r) {
    const u64 raw = v.file.get(r);
    if (v.e2h() || (r != SysReg::CPTR_EL2 && r != SysReg::CNTHCTL_EL2))
        return v.config().masks.apply(r, raw);
    auto bit = [raw](unsigned from, unsigned to) { return (raw >> from & 1) << to; };
    if (r == SysReg::CPTR_EL2)
        return bit(31, 31) | bit(30, 30) | bit(20, 28) | (bit(10, 0) ? 0 : 0x30'0000);  // TCPAC, TAM, TTA, TFP
    return (v.config().masks.apply(r, raw) & ~u64{0xf03}) | bit(0, 10) | bit(1, 11);    // EL1PCTEN, EL1PCEN
}

bool model_control(const VirtualEl2& v, const char* control, bool read, bool host) {
    constexpr bool kSet = false, kClear = true;
#define CONTROL(name, reg, read_bits, write_bits, sense, in_host)                                \
    if (!std::strcmp(control, #name)) {                                                          \
        const u64 mask = read ? (read_bits) : (write_bits);                                      \
        const u64 value = of_l1(v, SysReg::reg) & mask;                                          \
        const bool traps = (sense) == kClear ? value != mask : (sense) == kSet && value != 0;    \
        return traps && (in_host || !host);                                                      \
    }
#include <nested/cpu/trap_controls.def>
#undef CONTROL
    return false;
}

// [DDI0487] D8.11.6, of the registers that a VM with EL2 has: memory by their own names, some with HCR_EL2.NV1 only.
bool is_memory_by_own_name(Encoding e, bool nv1) {
    switch (arch::find_sysreg(e)) {
    case SysReg::MDSCR_EL1:
    case SysReg::ACTLR_EL1: return true;
    case SysReg::SCTLR_EL1:
    case SysReg::CPACR_EL1:
    case SysReg::TTBR0_EL1:
    case SysReg::TTBR1_EL1:
    case SysReg::TCR_EL1:
    case SysReg::SPSR_EL1:
    case SysReg::ELR_EL1:
    case SysReg::AFSR0_EL1:
    case SysReg::AFSR1_EL1:
    case SysReg::ESR_EL1:
    case SysReg::FAR_EL1:
    case SysReg::MAIR_EL1:
    case SysReg::AMAIR_EL1:
    case SysReg::VBAR_EL1:
    case SysReg::CONTEXTIDR_EL1:
    case SysReg::CNTV_CTL_EL0:
    case SysReg::CNTV_CVAL_EL0:
    case SysReg::CNTP_CTL_EL0:
    case SysReg::CNTP_CVAL_EL0: return nv1;
    default: return false;
    }
}

// EL12 and EL02 names differ from the registers' own in op1 alone. With NV1 they are none of L2's, and L1 sees the trap.
bool is_redirected(Encoding e, bool nv1) {
    const SysReg named = arch::find_sysreg(e);
    if (e.op0() != 3 || named == SysReg::kCount)
        return false;
    if (e.op1() == 4)
        return arch::info(named).vncr >= 0 || named == SysReg::ELR_EL2 || named == SysReg::SPSR_EL2 ||
               named == SysReg::ESR_EL2 || named == SysReg::FAR_EL2;
    const bool timer = e.crn() == 14 && e.crm() != 1;
    const SysReg meant = arch::find_sysreg(arch::encode(3, timer ? 3 : 0, e.crn(), e.crm(), e.op2()));
    return !nv1 && e.op1() == 5 && meant != SysReg::kCount && meant != SysReg::ACTLR_EL1 &&
           is_memory_by_own_name(arch::encoding_of(meant), true);
}

Route model(const VirtualEl2& v, Encoding e, bool read) {
    const bool host = v.in_vel2();
    auto l1 = [&](SysReg r) { return of_l1(v, r); };
    const bool nv = l1(SysReg::HCR_EL2) & H::NV::kMask, nv1 = l1(SysReg::HCR_EL2) & H::NV1::kMask;
    bool fine = !host;
    if (e.op0() == 1 && e.crn() == 9) {
        if (!v.config().features.has(Feature::kXs))
            return Route::kUndefined;
        if (l1(SysReg::HCRX_EL2) & 0x10)
            fine = false;
        if (e.op1() == 0)
            e = arch::encode(1, 0, 8, e.crm(), e.op2());
    }
    if (e.op0() == 2 && e.op1() == 0 && e.crn() == 0 && e.op2() >= 4) {
        const unsigned bits[] = {1, 0, 3, 2};
        const u64 fgt = l1(read ? SysReg::HDFGRTR_EL2 : SysReg::HDFGWTR_EL2) >> bits[e.op2() - 4] & 1;
        return model_control(v, "kTda", read, host) || (fine && fgt) ? Route::kForward : Route::kOurs;
    }
    for (const Row& row : kRows) {
        if (e.raw < row.first || e.raw > row.last)
            continue;
        if (!v.config().features.has(row.feature))
            return Route::kUndefined;
        u64 fgt = 0;
        if (!std::strcmp(row.fgt, "Itr"))
            fgt = l1(SysReg::HFGITR_EL2);
        else if (!std::strcmp(row.fgt, "Reg"))
            fgt = l1(read ? SysReg::HFGRTR_EL2 : SysReg::HFGWTR_EL2);
        else if (!std::strcmp(row.fgt, "Debug"))
            fgt = l1(read ? SysReg::HDFGRTR_EL2 : SysReg::HDFGWTR_EL2);
        const bool sgi = !std::strcmp(row.control, "kSgi") && model_control(v, "kTc", read, host);
        const bool traps = (fine && (fgt >> row.bit & 1)) || model_control(v, row.control, read, host) || sgi;
        const bool memory = !host && nv && is_memory_by_own_name(e, nv1);
        return traps ? Route::kForward : memory ? Route::kVncr : Route::kOurs;
    }
    // [DDI0487] D8.11, by the names of the registers: EL2's in the page, those of EL1 and EL0 by their other names.
    if (!host && nv && is_redirected(e, nv1)) {
        const bool timer = e.op1() == 5 && e.crn() == 14;
        const u64 trap = timer ? u64{1} << (e.crm() == 2 ? 15 : 16) : 0;  // EL1NVPCT, EL1NVVCT
        return l1(SysReg::CNTHCTL_EL2) & trap ? Route::kForward : Route::kVncr;
    }
    const bool el2 = (e.op0() == 3 && (e.op1() == 4 || e.op1() == 5)) || (e.op0() == 1 && e.op1() == 4);
    return !host && el2 && nv ? Route::kForward : Route::kOurs;
}

void check(bool ok) {
    if (!ok)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input in{};
    std::memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
    Features f;
    f.bits = in.features | 1;
    const Config config(f, true);
    vhe::GuestContext context{};
    static vncr::RegisterFile file;
    if (!file.page() && !file.init())
        return 0;
    VirtualEl2 v(context, file);
    v.enable(config);
    for (size_t i = 0; i < sizeof(kL1) / sizeof(kL1[0]); i++)
        file.set(kL1[i], in.l1[i]);
    const bool guest = in.world & 1;
    v.settle_form();
    check(v.e2h() == (f.has(Feature::kE2h0) ? f.has(Feature::kVhe) && (in.l1[0] & H::E2H::kMask) : true));
    v.set_world(guest ? World::kL2 : World::kVel2);
    context.pstate = in.mode & 1 ? arch::kModeEL0t : arch::kModeEL1h;

    const Route any = route(v, in.esr);
    check(any <= Route::kVncr);
    check(guest || any != Route::kVncr);

    // A system register exit, in either world: of anything, or of a register that has a name.
    u64 sysreg = (in.esr & arch::ESR_EL2::ISS::kMask) | u64{0x18} << 26;
    if (in.world & 2) {
        const Encoding e = arch::kSysRegs[(in.esr >> 32) % arch::kSysRegCount].encoding;
        sysreg = (sysreg & ~u64{0x3f'fc1e}) | u64{e.op0()} << 20 | u64{e.op2()} << 17 | u64{e.op1()} << 14 | u64{e.crn()} << 10 |
                 u64{e.crm()} << 1;
    }
    const auto iss = arch::SysRegIss::of(sysreg & arch::ESR_EL2::ISS::kMask);
    const bool read = iss.get<arch::SysRegIss::Read>();
    const Route want = guest || v.at_el0() ? model(v, iss.encoding(), read) : Route::kOurs;
    check(route(v, sysreg) == want);

    // Bits that the VM does not have do not matter.
    for (SysReg r : kL1)
        file.set(r, v.apply_masks(r, file.get(r)));
    check(route(v, sysreg) == want);

    // Decoders: total, within the architecture's bounds, and never narrower than the operand.
    TlbiOp op;
    if (decode_tlbi(iss.encoding(), in.operand, f, in.mode & 2, in.mode & 4, op)) {
        check(!op.range || op.size != 0);
        check(op.size == 0 || op.start + op.size - 1 >= op.start);
        check(op.level <= 3 &&
              (op.granule_bits == 0 || op.granule_bits == 12 || op.granule_bits == 14 || op.granule_bits == 16));
        check(op.granule_bits == 0 || (op.start & ((u64{1} << op.granule_bits) - 1)) == 0);
        check(op.scope == TlbiScope::kIpa || op.size == 0 || op.range);
        check(op.regime == Regime::kEl10 || (op.scope != TlbiScope::kIpa && op.scope != TlbiScope::kVmid &&
                                             op.scope != TlbiScope::kAllVmids));
    }
    AtOp at;
    if (decode_at(iss.encoding(), in.operand, f, in.mode & 2, in.mode & 4, at))
        check(at.va == in.operand && (!at.stage2 || at.regime == Regime::kEl10));
    return 0;
}
