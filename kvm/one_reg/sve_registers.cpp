// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/one_reg/sve_registers.hpp>

namespace nest::kvm {
namespace {

using namespace abi;
using vhe::kPRegisters;
using vhe::kZRegisters;

constexpr u64 kGroup = KVM_REG_ARM64 | KVM_REG_ARM64_SVE;
constexpr unsigned kSlices = 32;  // of a register of 2048 bits, of which we have the first alone
constexpr unsigned kZBytes = 256, kPBytes = 32, kLengthsBytes = 64;

// What an id names, apart from its size. FFR is P16.
enum class Kind : u8 { kZ, kP, kLengths };
struct Found {
    Kind kind;
    unsigned number;
    unsigned slice;
    unsigned bytes;
};

Result<Found> find(u64 id) {
    const u64 low = id & 0xffff;
    const auto number = static_cast<unsigned>(low >> 5 & 31), slice = static_cast<unsigned>(low & 31);
    Found found{Kind::kLengths, 0, 0, kLengthsBytes};
    if (low < KVM_REG_ARM64_SVE_PREG_BASE)
        found = {Kind::kZ, number, slice, kZBytes};
    else if (low < KVM_REG_ARM64_SVE_FFR_BASE + kSlices)
        found = {Kind::kP, number, slice, kPBytes};
    else if (low != KVM_REG_ARM64_SVE_VLS)
        return Errno::kInval;
    return reg_size(id) == found.bytes ? Result<Found>(found) : Result<Found>(Errno::kInval);
}

Status set_lengths(CpuState& state, const RegisterBytes& value) {
    u32 wanted;
    __builtin_memcpy(&wanted, value, sizeof(wanted));
    if (!state.sve.finalised())
        for (unsigned i = sizeof(wanted); i < kLengthsBytes; i++)
            if (value[i])
                return Errno::kInval;
    return state.sve.choose(wanted);
}

Result<Found> accessible(const CpuState& state, u64 id) {
    if (!state.sve.present())
        return Errno::kNoEnt;
    const Found found = NEST_TRY(find(id));
    if (found.slice)
        return Errno::kNoEnt;
    if (found.kind != Kind::kLengths && !state.sve.finalised())
        return Errno::kPerm;
    return found;
}

}  // namespace

Result<unsigned> sve_register_size(u64 id) {
    const Found found = NEST_TRY(find(id));
    return found.bytes;
}

Status get_sve_register(const CpuState& state, u64 id, RegisterBytes& value) {
    const Found found = NEST_TRY(accessible(state, id));
    __builtin_memset(value, 0, found.bytes);
    const SveState& sve = state.sve;
    switch (found.kind) {
    case Kind::kLengths: {
        const u64 lengths = sve.lengths();
        __builtin_memcpy(value, &lengths, sizeof(lengths));
        break;
    }
    case Kind::kZ:
        __builtin_memcpy(value, sve.z(found.number), sve.max_vq() * vhe::kSveQuadword);
        __builtin_memcpy(value, state.fp.v[found.number], vhe::kSveQuadword);
        break;
    case Kind::kP:
        __builtin_memcpy(value, sve.p(found.number), sve.max_vq() * vhe::kSveQuadword / 8);
        break;
    }
    return kOk;
}

Status set_sve_register(CpuState& state, u64 id, const RegisterBytes& value) {
    const Found found = NEST_TRY(accessible(state, id));
    SveState& sve = state.sve;
    if (found.kind == Kind::kLengths)
        return set_lengths(state, value);
    sve.note_use();
    if (found.kind == Kind::kZ) {
        __builtin_memcpy(sve.z(found.number), value, sve.max_vq() * vhe::kSveQuadword);
        __builtin_memcpy(state.fp.v[found.number], value, vhe::kSveQuadword);
    } else {
        __builtin_memcpy(sve.p(found.number), value, sve.max_vq() * vhe::kSveQuadword / 8);
    }
    return kOk;
}

unsigned sve_register_count(const CpuState& state) { return state.sve.present() ? 1 + kZRegisters + kPRegisters + 1 : 0; }

u64 sve_register_id(unsigned index) {
    if (!index)
        return kGroup | KVM_REG_SIZE_U512 | KVM_REG_ARM64_SVE_VLS;
    index--;
    if (index < kZRegisters)
        return kGroup | KVM_REG_SIZE_U2048 | KVM_REG_ARM64_SVE_ZREG_BASE | index * kSlices;
    return kGroup | KVM_REG_SIZE_U256 | (KVM_REG_ARM64_SVE_PREG_BASE + (index - kZRegisters) * kSlices);
}

}  // namespace nest::kvm
