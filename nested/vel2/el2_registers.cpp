// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/el2_registers.hpp>

namespace nest::nested {
namespace {

using namespace arch;

constexpr bool kShown = true, kHidden = false;
constexpr El2Register kRegisters[] = {
#define EL2_REGISTER(name, kind, feature, reset, shown) {SysReg::name, El2Kind::kind, Feature::feature, shown, reset},
#include <nested/vel2/el2_registers.def>
#undef EL2_REGISTER
};
constexpr size_t kCount = sizeof(kRegisters) / sizeof(kRegisters[0]);

consteval bool is_sound() {
    for (size_t i = 0; i < kCount; i++) {
        const El2Register& r = kRegisters[i];
        if (i && kRegisters[i - 1].reg >= r.reg)  // SysReg is in the order of the encoding
            return false;
        // SP_EL1, the one EL1 register here, is in the VNCR page at virtual EL2.
        const Home home = info(r.reg).home;
        if ((r.kind == El2Kind::kMemory || r.kind == El2Kind::kZcr) && home != Home::Vncr && home != Home::Mem && r.reg != SysReg::SP_EL1)
            return false;
        if (r.kind == El2Kind::kBanked && home != Home::Alias && r.reg != SysReg::CNTHCTL_EL2)
            return false;
    }
    return true;
}
static_assert(is_sound(), "el2_registers.def: out of order, a twin, or a kind that sysregs.def contradicts");

// Rows by name, for a search without steps: virtual EL2's accesses come here from each exit. All names are op0 3, op1 4 to 6.
constexpr u8 kNoRow = 0xff;
static_assert(kCount < kNoRow);
struct Rows {
    u8 of_name[3][2048];  // op1 less 4; CRn, CRm, op2
};
constexpr unsigned kNames = 2047;
consteval Rows rows_by_name() {
    Rows rows{};
    for (auto& of_name : rows.of_name)
        for (u8& row : of_name)
            row = kNoRow;
    for (size_t i = 0; i < kCount; i++) {
        const Encoding e = encoding_of(kRegisters[i].reg);
        rows.of_name[e.op1() - 4][e.raw & kNames] = static_cast<u8>(i);
    }
    return rows;
}
constexpr Rows kRows = rows_by_name();

const El2Register* one_reg(const VirtualEl2& v, Encoding e) {
    const El2Register* row = v.present() ? find_el2_register(e) : nullptr;
    return row && row->shown && v.config().features.has(row->feature) ? row : nullptr;
}

void set_identity(VirtualEl2& v, SysReg of_vel2, SysReg of_guest, u64 value) {
    if (v.present() && v.file.get(of_guest) == v.file.get(of_vel2))
        v.file.set(of_guest, value);
    v.file.set(of_vel2, value);
}

}  // namespace

const El2Register* find_el2_register(Encoding e) {
    if (e.op0() != 3 || e.op1() < 4 || e.op1() > 6)
        return nullptr;
    const u8 row = kRows.of_name[e.op1() - 4][e.raw & kNames];
    return row == kNoRow ? nullptr : &kRegisters[row];
}

void reset_el2(VirtualEl2& v) {
    for (const El2Register& row : kRegisters)
        if (row.kind == El2Kind::kBanked || row.kind == El2Kind::kMemory || row.kind == El2Kind::kZcr)
            v.file.set(row.reg, row.reset);
    v.file.set(SysReg::HCR_EL2, v.config().masks.get<HCR_EL2>(v.file).raw);  // E2H, where L1 cannot choose
    v.file.set(SysReg::VPIDR_EL2, v.file.get(SysReg::MIDR_EL1));
    v.file.set(SysReg::VMPIDR_EL2, v.file.get(SysReg::MPIDR_EL1));
    using P = SPSR_EL2;
    v.set_guest_pstate(P::mask<P::D, P::A, P::I, P::F>() | kModeEL2h);
    v.await_choice();
    v.settle_form();
}

void set_midr(VirtualEl2& v, u64 midr) { set_identity(v, SysReg::MIDR_EL1, SysReg::VPIDR_EL2, midr); }
void set_mpidr(VirtualEl2& v, u64 mpidr) { set_identity(v, SysReg::MPIDR_EL1, SysReg::VMPIDR_EL2, mpidr); }

bool has_one_reg(const VirtualEl2& v, Encoding e) { return one_reg(v, e) != nullptr; }

u64 get_one_reg(const VirtualEl2& v, Encoding e) {
    const SysReg reg = find_sysreg(e);
    return reg == SysReg::HCR_EL2 ? v.hcr().raw : v.apply_masks(reg, v.file.get(reg));
}

// A VMM may set HCR_EL2 after registers whose layout E2H decides: those keep every bit, and are masked when they are read.
void set_one_reg(VirtualEl2& v, Encoding e, u64 value) {
    const SysReg reg = find_sysreg(e);
    const bool by_e2h = reg == SysReg::CPTR_EL2 || reg == SysReg::CNTHCTL_EL2;
    v.file.set(reg, by_e2h && v.config().chooses_e2h() ? value : v.config().masks.apply(reg, value));
    if (reg == SysReg::HCR_EL2) {
        v.choice_made();
        v.settle_form();
    }
}

}  // namespace nest::nested
