// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/id_registers.hpp>
#include <kvm/one_reg/one_reg.hpp>
#include <kvm/one_reg/sve_registers.hpp>
#include <kvm/sysreg/system_registers.hpp>

namespace nest::kvm {
namespace {

using namespace abi;

u64 group(u64 id) { return id & KVM_REG_ARM_COPROC_MASK; }

Status check_arch(u64 id) {
    return (id & ~KVM_REG_SIZE_MASK) >> 32 == KVM_REG_ARM64 >> 32 ? kOk : Status(Errno::kInval);
}

bool is_sysreg(u64 id) { return (id & ~u64{0xffff}) == (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG); }

Result<u32> demux_index(u64 id) {
    constexpr u64 fixed = ~(KVM_REG_ARM_DEMUX_VAL_MASK);
    if ((id & fixed) != (KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX | KVM_REG_ARM_DEMUX_ID_CCSIDR))
        return Errno::kNoEnt;
    return static_cast<u32>(id & KVM_REG_ARM_DEMUX_VAL_MASK);
}

template <typename T>
unsigned store(RegisterBytes& to, T value) {
    __builtin_memcpy(to, &value, sizeof(value));
    return sizeof(value);
}

// Appends ids to a user array, or only counts them.
class IdList {
public:
    explicit IdList(u64 user) : user_(user) {}
    void add(u64 id) {
        if (user_ && !failed_ && nest_port_copy_to_user(user_ + count_ * sizeof(id), &id, sizeof(id)))
            failed_ = true;
        count_++;
    }
    u64 count() const { return count_; }
    bool failed() const { return failed_; }

private:
    const u64 user_;
    u64 count_ = 0;
    bool failed_ = false;
};

void list(const CpuState& state, RegisterProviders others, IdList& ids) {
    for (unsigned i = 0; i < core_register_count(); i++)
        if (const u64 id = core_register_id(i); !state.sve.present() || !is_v_register(id))
            ids.add(id);
    for (unsigned i = 0; i < sve_register_count(state); i++)
        ids.add(sve_register_id(i));
    for (RegisterProvider* provider : others)
        for (unsigned i = 0; i < provider->count(); i++)
            ids.add(provider->id(i));
    arch::Encoding e{};
    for (u32 from = 0; next_system_register(state, from, e); from = u32{e.raw} + 1)
        ids.add(sysreg_id(e));
    for (u32 i = 0; i < kCsselrCount; i++)
        ids.add(demux_ccsidr_id(i));
}

}  // namespace

Result<unsigned> register_size(u64 id) {
    NEST_TRY(check_arch(id));
    if (group(id) == KVM_REG_ARM_CORE)
        return core_register_size(id);
    if (group(id) == KVM_REG_ARM64_SVE)
        return sve_register_size(id);
    u64 size = reg_size(id);
    if (size != 4 && size != 8)
        return Errno::kNoEnt;
    return static_cast<unsigned>(size);
}

Result<unsigned> read_register(CpuState& state, RegisterProviders others, u64 id, RegisterBytes& value) {
    unsigned size = NEST_TRY(register_size(id));
    if (group(id) == KVM_REG_ARM_CORE) {
        NEST_TRY(get_core_register(state, id, value));
        return size;
    }
    if (group(id) == KVM_REG_ARM64_SVE) {
        NEST_TRY(get_sve_register(state, id, value));
        return size;
    }
    if (group(id) == KVM_REG_ARM_DEMUX)
        return store(value, NEST_TRY(get_ccsidr(state, NEST_TRY(demux_index(id)))));
    if (is_sysreg(id)) {
        Result<u64> result = get_system_register(state, {static_cast<u16>(id)});
        if (result.ok())
            return store(value, result.value());
    }
    for (RegisterProvider* provider : others) {
        Result<u64> its = provider->get(id);
        if (its.ok())
            return store(value, its.value());
        if (its.error() != Errno::kNoEnt)
            return its.error();
    }
    return Errno::kNoEnt;
}

Status write_register(CpuState& state, RegisterProviders others, u64 id, const RegisterBytes& value) {
    NEST_TRY(register_size(id));
    if (group(id) == KVM_REG_ARM_CORE)
        return set_core_register(state, id, value);
    if (group(id) == KVM_REG_ARM64_SVE)
        return set_sve_register(state, id, value);
    u64 wide;
    __builtin_memcpy(&wide, value, sizeof(wide));
    if (group(id) == KVM_REG_ARM_DEMUX)
        return set_ccsidr(state, NEST_TRY(demux_index(id)), static_cast<u32>(wide));
    if (is_sysreg(id)) {
        Status result = set_system_register(state, {static_cast<u16>(id)}, wide);
        if (result.ok() || result.error() != Errno::kNoEnt)
            return result;
    }
    for (RegisterProvider* provider : others) {
        Status its = provider->set(id, wide);
        if (its.ok() || its.error() != Errno::kNoEnt)
            return its;
    }
    return Errno::kNoEnt;
}

Status get_one_reg(CpuState& state, RegisterProviders others, const OneReg& request) {
    alignas(16) RegisterBytes value{};
    unsigned size = NEST_TRY(read_register(state, others, request.id, value));
    return nest_port_copy_to_user(request.addr, value, size) ? Status(Errno::kFault) : kOk;
}

Status set_one_reg(CpuState& state, RegisterProviders others, const OneReg& request) {
    alignas(16) RegisterBytes value{};
    unsigned size = NEST_TRY(register_size(request.id));
    if (nest_port_copy_from_user(value, request.addr, size))
        return Errno::kFault;
    return write_register(state, others, request.id, value);
}

Status get_reg_list(CpuState& state, RegisterProviders others, u64 user) {
    RegList head;
    if (nest_port_copy_from_user(&head, user, sizeof(head)))
        return Errno::kFault;
    if (!state.is_final())
        return Errno::kPerm;
    u64 room = head.n;
    IdList counted(0);
    list(state, others, counted);
    head.n = counted.count();
    if (nest_port_copy_to_user(user, &head, sizeof(head)))
        return Errno::kFault;
    if (room < head.n)
        return Errno::k2Big;
    IdList written(user + sizeof(head));
    list(state, others, written);
    return written.failed() ? Status(Errno::kFault) : kOk;
}

Status get_reg_writable_masks(const IdRegisters& ids, const RegMaskRange& range) {
    if (range.range)
        return Errno::kInval;
    for (u32 word : range.reserved)
        if (word)
            return Errno::kInval;
    constexpr unsigned op1s[] = {0, 1, 3};
    for (unsigned op1 : op1s) {
        u64 masks[64];
        for (unsigned i = 0; i < 64; i++)
            masks[i] = ids.writable_mask(arch::encode(3, op1, 0, i >> 3, i & 7));
        u64 offset = feature_id_index(arch::encode(3, op1, 0, 0, 0)) * sizeof(u64);
        if (nest_port_copy_to_user(range.addr + offset, masks, sizeof(masks)))
            return Errno::kFault;
    }
    return kOk;
}

}  // namespace nest::kvm
