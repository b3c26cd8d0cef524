// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/id_registers.hpp>
#include <kvm/one_reg/core_registers.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

enum class Core : u8 {
#define CORE(member, bytes, count) member,
#include <kvm/one_reg/core_registers.def>
#undef CORE
};
using abi::KVM_NR_SPSR;
struct CoreRow {
    Core which;
    u16 offset;  // in units of 4 bytes
    u8 bytes;
    u8 count;
};
constexpr CoreRow kRows[] = {
#define CORE(member, bytes, count) {Core::member, NEST_CORE_OFFSET(member), bytes, count},
#include <kvm/one_reg/core_registers.def>
#undef CORE
};

constexpr SysReg kBankedSpsr[] = {SysReg::SPSR_EL1, SysReg::SPSR_abt, SysReg::SPSR_und, SysReg::SPSR_irq, SysReg::SPSR_fiq};

struct Found {
    Core which;
    unsigned index;
    unsigned bytes;
};

u64 offset_of(u64 id) { return id & ~(abi::KVM_REG_ARCH_MASK | abi::KVM_REG_SIZE_MASK | abi::KVM_REG_ARM_CORE); }

Result<Found> find(u64 id) {
    constexpr u64 words = sizeof(abi::CoreRegs) / 4;
    u64 offset = offset_of(id), bytes = abi::reg_size(id);
    if (offset >= words || offset + bytes / 4 >= words)
        return Errno::kNoEnt;
    for (const CoreRow& row : kRows) {
        unsigned stride = row.bytes / 4;
        if (offset < row.offset || offset >= row.offset + stride * row.count)
            continue;
        if ((offset - row.offset) % stride || bytes != row.bytes)
            return Errno::kInval;
        return Found{row.which, static_cast<unsigned>(offset - row.offset) / stride, row.bytes};
    }
    return Errno::kInval;
}

// The place of a core register; nullptr: it is kept as a system register.
template <typename State>
auto place(State& state, const Found& f) -> decltype(&state.fp.v[0][0]) {
    using Byte = std::remove_pointer_t<decltype(&state.fp.v[0][0])>;
    auto bytes_of = [](auto& object) { return reinterpret_cast<Byte*>(&object); };
    switch (f.which) {
    case Core::regs: return bytes_of(state.context.x[f.index]);
    case Core::sp: return bytes_of(state.context.sp_el0);
    case Core::pc: return bytes_of(state.context.pc);
    case Core::vregs: return state.fp.v[f.index];
    case Core::fpsr: return bytes_of(state.fp.fpsr);
    case Core::fpcr: return bytes_of(state.fp.fpcr);
    default: return nullptr;
    }
}

SysReg system_register(const Found& f) {
    return f.which == Core::sp_el1 ? SysReg::SP_EL1 : f.which == Core::elr_el1 ? SysReg::ELR_EL1 : kBankedSpsr[f.index];
}

bool mode_is_possible(const CpuState& state, u64 pstate) {
    switch (pstate & SPSR_EL2::M::kMax) {
    case kModeEL0t:
    case kModeEL1t:
    case kModeEL1h: return true;
    case kModeEL2t:
    case kModeEL2h: return state.has_feature(abi::KVM_ARM_VCPU_HAS_EL2);
    case kModeAArch32User: return !state.ids.aarch64_only();
    default: return false;
    }
}

void set_pstate(CpuState& state, u64 pstate) {
    if (state.vel2.present())
        state.vel2.set_guest_pstate(pstate);
    else
        state.context.pstate = pstate;
}

}  // namespace

Result<unsigned> core_register_size(u64 id) {
    Found found = NEST_TRY(find(id));
    return found.bytes;
}

bool is_v_register(u64 id) {
    const Result<Found> found = find(id);
    return found.ok() && found.value().which == Core::vregs;
}

Status get_core_register(const CpuState& state, u64 id, RegisterBytes& value) {
    Found found = NEST_TRY(find(id));
    if (found.which == Core::vregs && state.sve.present())
        return Errno::kInval;
    if (const u8* from = place(state, found)) {
        __builtin_memcpy(value, from, found.bytes);
        return kOk;
    }
    const u64 reg = found.which == Core::pstate ? state.vel2.guest_pstate() : state.read(system_register(found));
    __builtin_memcpy(value, &reg, sizeof(reg));
    return kOk;
}

Status set_core_register(CpuState& state, u64 id, const RegisterBytes& value) {
    Found found = NEST_TRY(find(id));
    if (found.which == Core::vregs && state.sve.present())
        return Errno::kInval;
    u64 low;
    __builtin_memcpy(&low, value, sizeof(low));
    if (found.which == Core::pstate && !mode_is_possible(state, low))
        return Errno::kInval;
    if (u8* to = place(state, found))
        __builtin_memcpy(to, value, found.bytes);
    else if (found.which == Core::pstate)
        set_pstate(state, low);
    else
        state.write(system_register(found), low);
    if (state.aarch32()) {
        for (unsigned n = 0; n < 15; n++)
            state.context.x[n] = static_cast<u32>(state.context.x[n]);
        state.context.pc = static_cast<u32>(state.context.pc);
    }
    return kOk;
}

unsigned core_register_count() {
    unsigned count = 0;
    for (const CoreRow& row : kRows)
        count += row.count;
    return count;
}

u64 core_register_id(unsigned index) {
    for (const CoreRow& row : kRows) {
        if (index < row.count) {
            u64 size = row.bytes == 4 ? abi::KVM_REG_SIZE_U32 : row.bytes == 8 ? abi::KVM_REG_SIZE_U64 : abi::KVM_REG_SIZE_U128;
            return abi::KVM_REG_ARM64 | size | abi::KVM_REG_ARM_CORE | (row.offset + index * (row.bytes / 4u));
        }
        index -= row.count;
    }
    return 0;
}

}  // namespace nest::kvm
