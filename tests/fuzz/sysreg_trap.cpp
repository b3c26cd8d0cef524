// SPDX-License-Identifier: GPL-2.0-only
// A guest executes any system-register and coprocessor access in any state. The model knows what an access may touch:
// the destination registers, PC and PSTATE; or, with an exception, ELR, SPSR, ESR and PC of a vector.
#include <arch/syndrome.hpp>
#include <cstdlib>
#include <cstring>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/sysreg/cp_traps.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>
#include <tests/fake/port.hpp>

using namespace nest;
using namespace nest::kvm;
using arch::SysReg;

namespace {

void check(bool good) {
    if (!good)
        abort();
}

class Input {
public:
    Input(const u8* data, size_t size) : data_(data), size_(size) {}
    bool more() const { return size_ > 0; }
    u64 take(unsigned bytes) {
        u64 v = 0;
        unsigned n = bytes < size_ ? bytes : static_cast<unsigned>(size_);
        std::memcpy(&v, data_, n);
        data_ += n;
        size_ -= n;
        return v;
    }

private:
    const u8* data_;
    size_t size_;
};

class Hooks final : public SysregHooks {
public:
    explicit Hooks(Emulation a) : answer_(a) {}
    Emulation timer(SysReg, bool is_read, u64& value) override { return answer(is_read, value); }
    Emulation send_sgi(SysReg, u64) override { return answer_; }
    Emulation gic(SysReg, bool is_read, u64& value) override { return answer(is_read, value); }
    Emulation set_way() override { return answer_; }
    Emulation caches_switched(bool) override { return answer_; }
    Emulation debug_write() override { return answer_; }

private:
    Emulation answer(bool is_read, u64& value) {
        if (is_read && answer_ == Emulation::kDone)
            value = 0x1122'3344'5566'7788;
        return answer_;
    }
    const Emulation answer_;
};

void one_access(CpuState& state, Input& in) {
    constexpr Emulation answers[] = {Emulation::kDone, Emulation::kUndefined, Emulation::kTier1, Emulation::kDone};
    constexpr u64 modes[] = {0, 4, 5, 5};  // AArch32 has no MSR and MRS of this kind
    u64 choice = in.take(1);
    Hooks hooks(answers[choice & 3]);
    bool cp = choice & 4;
    state.context.pstate = (in.take(4) & ~u64{0x1f}) | (cp ? 0x10 : modes[choice >> 3 & 3]);
    u64 iss = in.take(4) & 0x1ff'ffff, ec = cp ? in.take(1) & 0xf : 0x18;
    state.context.esr = ec << 26 | iss | (choice >> 5 & 1) << 25;
    state.context.pc = in.take(4) & ~u64{1};
    for (unsigned i = 0; i < 31; i++)
        state.context.x[i] = i * 0x0101'0101'0101 ^ iss;
    vhe::GuestContext before = state.context;
    auto debug = state.debug.guest;
    u64 sctlr = state.read(SysReg::SCTLR_EL1), vbar = state.read(SysReg::VBAR_EL1);

    Emulation result = cp ? emulate_cp(state, hooks) : emulate_sysreg(state, arch::SysRegIss::of(iss), hooks);

    // At most Rt and Rt2 changed, and only by a read that was done.
    unsigned rt = iss >> 5 & 31, rt2 = iss >> 10 & 31;
    bool wide = cp && (ec == 4 || ec == 0xc);
    bool may_change = result == Emulation::kDone && (iss & 1);
    for (unsigned i = 0; i < 31; i++)
        check(state.context.x[i] == before.x[i] || (may_change && (i == rt || (wide && i == rt2))));
    check(state.context.pc == before.pc);
    check(((state.context.pstate ^ before.pstate) & ~(u64{0xf} << 28)) == 0);
    check(cp || state.context.pstate == before.pstate);
    if (result != Emulation::kDone) {
        check(!std::memcmp(&debug, &state.debug.guest, sizeof(debug)));
        check(state.read(SysReg::SCTLR_EL1) == sctlr && state.read(SysReg::VBAR_EL1) == vbar);
    }
    if (result == Emulation::kTier1) {
        check((choice & 3) == 2);
        return;
    }
    finish_trap(state, result);
    if (result == Emulation::kDone) {
        u64 step = state.context.pc - before.pc;
        check(step == 4 || (cp && (step == 2 || static_cast<u32>(step) == 4 || static_cast<u32>(step) == 2)));
    } else {
        check(state.read(SysReg::ELR_EL1) == before.pc && (state.context.pstate & 0x3df) == 0x3c5);
        check(((state.context.pc - state.read(SysReg::VBAR_EL1)) & ~u64{0x600}) == 0);
        u64 esr = state.read(SysReg::ESR_EL1);
        check(esr == u64{1} << 25 || (result == Emulation::kIdTrap && esr == (u64{0x18} << 26 | 1 << 25 | iss)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) {
    test::port().reset();
    Input in(data, size);
    auto feature = [](SysReg reg, u64 value) {
        test::port().feature_registers[arch::encoding_of(reg).raw] = value;
    };
    u64 machine = in.take(1);
    feature(SysReg::ID_AA64PFR0_EL1, machine & 1 ? 0x1101'0000'2111'0112 : 0x0110'1111);
    feature(SysReg::ID_AA64MMFR1_EL1, machine & 2 ? 0x1'0000 : 0);
    feature(SysReg::ID_AA64MMFR2_EL1, machine & 4 ? u64{1} << 36 : 0);
    feature(SysReg::CTR_EL0, 0x8444'c004);
    IdRegisters ids;
    ids.init();
    CpuState state(ids, 3);
    check(state.regs.init());
    check(init_vcpu(state, preferred_target(), ~u64{0}).ok());
    for (unsigned i = 0; i < 64 && in.more(); i++)
        one_access(state, in);
    return 0;
}
