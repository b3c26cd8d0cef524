// SPDX-License-Identifier: GPL-2.0-only
// KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_GET_REG_LIST and KVM_ARM_GET_REG_WRITABLE_MASKS.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/one_reg/core_registers.hpp>
#include <span>

namespace nest::kvm {

class IdRegisters;

// Registers of 64 bits that live elsewhere: timers, firmware, virtual EL2. By the ABI's complete ids.
class RegisterProvider {
public:
    virtual unsigned count() const = 0;
    virtual u64 id(unsigned index) const = 0;  // index below count()
    // kNoEnt: not one of these. May sleep; the vCPU's mutex is held.
    virtual Result<u64> get(u64 id) = 0;
    virtual Status set(u64 id, u64 value) = 0;

protected:
    ~RegisterProvider() = default;
};
using RegisterProviders = std::span<RegisterProvider* const>;

// A register's value between us and kernel memory, least significant byte first. Errors of all: kInval (not an arm64 id,
// or a core register of another size), kNoEnt (no such register).
Result<unsigned> read_register(CpuState& state, RegisterProviders others, u64 id, RegisterBytes& value);  // bytes of the value
Result<unsigned> register_size(u64 id);  // 4 to kRegisterBytes, by the id alone: a register of that id need not exist
Status write_register(CpuState& state, RegisterProviders others, u64 id, const RegisterBytes& value);

// The ioctls, with the structure already in kernel memory; kFault as well. The vCPU is initialised and not running, and its
// mutex is held.
Status get_one_reg(CpuState& state, RegisterProviders others, const abi::OneReg& request);
Status set_one_reg(CpuState& state, RegisterProviders others, const abi::OneReg& request);

// `user` is the address of struct kvm_reg_list. kPerm: KVM_ARM_VCPU_FINALIZE is due. k2Big: not enough room; the structure's `n` is
// then the count needed.
Status get_reg_list(CpuState& state, RegisterProviders others, u64 user);

// kInval: another range than the feature-ID space, or a reserved word set. kFault.
Status get_reg_writable_masks(const IdRegisters& ids, const abi::RegMaskRange& range);

}  // namespace nest::kvm
