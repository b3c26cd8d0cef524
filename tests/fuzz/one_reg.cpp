// SPDX-License-Identifier: GPL-2.0-only
// A VMM gets and sets registers by any id. The model: what a successful set wrote is what a get returns (registers with
// rules of their own excepted), a failed one changes nothing, and what is listed exists.
#include <cstdlib>
#include <cstring>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/one_reg/one_reg.hpp>
#include <kvm/sysreg/reset.hpp>
#include <tests/fake/port.hpp>
#include <vector>

using namespace nest;
using namespace nest::kvm;
using arch::SysReg;

namespace {

void check(bool good) {
    if (!good)
        abort();
}

struct Operation {
    u8 choice;
    u8 size;
    u16 low;
    u32 high;
    u8 value[16];
};

constexpr u64 kGroups[] = {abi::KVM_REG_ARM_CORE, abi::KVM_REG_ARM64_SYSREG, abi::KVM_REG_ARM_DEMUX,
                           abi::KVM_REG_ARM_FW, abi::KVM_REG_ARM64_SVE, 0x0012'0000, abi::KVM_REG_ARM_CORE,
                           abi::KVM_REG_ARM64_SYSREG};

u64 make_id(const Operation& op, const std::vector<u64>& listed) {
    if (op.choice & 0x80)
        return listed[op.low % listed.size()];
    u64 id = abi::KVM_REG_ARM64 | u64{op.size & 0xfu} << abi::KVM_REG_SIZE_SHIFT | kGroups[op.choice & 7] | op.low;
    return op.choice & 8 ? id ^ u64{op.high} << 28 : id;
}

void one_operation(CpuState& state, const Operation& op, const std::vector<u64>& listed) {
    u64 id = make_id(op, listed);
    alignas(16) RegisterBytes before{}, after{}, wanted{};
    std::memcpy(wanted, op.value, sizeof(op.value));
    Result<unsigned> got = read_register(state, {}, id, before);
    check(got.ok() || !(op.choice & 0x80));
    if (!(op.choice & 0x40))
        return;
    Status set = write_register(state, {}, id, wanted);
    check(set.ok() ? got.ok() : true);  // nothing that cannot be read can be written
    if (!got.ok())
        return;
    check(read_register(state, {}, id, after).ok());
    check(got.value() == 4 || got.value() == 8 || got.value() == 16);
    if (!set.ok()) {
        check(!std::memcmp(before, after, sizeof(before)));
        return;
    }
    arch::Encoding e{static_cast<u16>(id)};
    bool sysreg = (id & abi::KVM_REG_ARM_COPROC_MASK) == abi::KVM_REG_ARM64_SYSREG;
    bool corrected = sysreg && IdRegisters::holds(e);  // ignored AArch32 registers, fields that are taken and dropped
    bool narrowed = (id & abi::KVM_REG_ARM_COPROC_MASK) == abi::KVM_REG_ARM_CORE && state.aarch32();
    if (!corrected && !narrowed)
        check(!std::memcmp(wanted, after, got.value()));
    if (corrected) {
        // No field beyond what the host has, SpecSEI and the stage-2 granules aside.
        u64 value, host = test::port().feature_registers[e.raw];
        std::memcpy(&value, after, sizeof(value));
        if (e == arch::encoding_of(SysReg::ID_AA64ISAR0_EL1) || e == arch::encoding_of(SysReg::ID_AA64PFR0_EL1))
            for (unsigned low = 0; low < 64; low += 4)
                check((value >> low & 0xf) <= (host >> low & 0xf));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) {
    test::port().reset();
    auto feature = [](SysReg reg, u64 value) {
        test::port().feature_registers[arch::encoding_of(reg).raw] = value;
    };
    bool aarch32 = size && (data[0] & 1);
    feature(SysReg::ID_AA64PFR0_EL1, 0x1101'0000'2111'0111 | (aarch32 ? 2 : 0));
    feature(SysReg::ID_AA64DFR0_EL1, 0x0000'0010'2030'5609);
    feature(SysReg::ID_AA64ISAR0_EL1, 0x1221'1111'1022'1120);
    feature(SysReg::ID_AA64MMFR0_EL1, 0x2100'1222'1010'1126);
    feature(SysReg::CTR_EL0, 0x9444'c004);
    IdRegisters ids;
    ids.init();
    CpuState state(ids, 0);
    check(state.regs.init());
    check(init_vcpu(state, preferred_target(), ~u64{0}).ok());
    static std::vector<u64> listed;
    if (listed.empty()) {
        u64 head = 0;
        check(get_reg_list(state, {}, reinterpret_cast<u64>(&head)).error() == Errno::k2Big);
        listed.resize(head + 1);
        listed[0] = head;
        check(get_reg_list(state, {}, reinterpret_cast<u64>(listed.data())).ok());
        listed.erase(listed.begin());
    }
    for (size_t at = 0; at + sizeof(Operation) <= size; at += sizeof(Operation)) {
        Operation op;
        std::memcpy(&op, data + at, sizeof(op));
        if (op.choice == 0x3f)
            ids.freeze(op.low & 1);
        one_operation(state, op, listed);
    }
    return 0;
}
