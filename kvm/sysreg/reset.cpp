// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/sysreg/reset.hpp>
#include <nested/vel2/el2_registers.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

constexpr u64 bit(u32 feature) { return u64{1} << feature; }
constexpr u64 kPointerAuth = bit(abi::KVM_ARM_VCPU_PTRAUTH_ADDRESS) | bit(abi::KVM_ARM_VCPU_PTRAUTH_GENERIC);

// CLIDR_EL1 made up from CTR_EL0, as the real one differs between CPUs. It shows data and instruction caches only where
// CTR_EL0 says that they have to be cleaned or invalidated to the points of unification or coherency. [DDI0487] D24.2.27.
u64 made_up_clidr(CTR_EL0 ctr) {
    constexpr u64 instruction = 1, data = 2, unified = 4;
    constexpr unsigned louu = 27, loc = 24, louis = 21;
    bool dic = ctr.get<CTR_EL0::DIC>(), idc = ctr.get<CTR_EL0::IDC>();
    u64 clidr = dic ? 0 : instruction;
    if (!idc)
        return clidr | data | u64{1} << louu | u64{1} << loc | u64{1} << louis;
    unsigned level = dic ? 1 : 2;  // below the instruction cache, if there is one
    return clidr | unified << 3 * (level - 1) | u64{level} << loc;
}

}  // namespace

u64 supported_vcpu_features(bool nested, bool e2h0, bool sve) {
    auto host = [](SysReg reg) { return nest_port_feature_register(encoding_of(reg).raw); };
    auto isar1 = ID_AA64ISAR1_EL1::of(host(SysReg::ID_AA64ISAR1_EL1));
    auto isar2 = ID_AA64ISAR2_EL1::of(host(SysReg::ID_AA64ISAR2_EL1));
    bool address = isar1.get<ID_AA64ISAR1_EL1::APA>() || isar1.get<ID_AA64ISAR1_EL1::API>() ||
                   isar2.get<ID_AA64ISAR2_EL1::APA3>();
    bool generic = isar1.get<ID_AA64ISAR1_EL1::GPA>() || isar1.get<ID_AA64ISAR1_EL1::GPI>() ||
                   isar2.get<ID_AA64ISAR2_EL1::GPA3>();
    return bit(abi::KVM_ARM_VCPU_POWER_OFF) | bit(abi::KVM_ARM_VCPU_PSCI_0_2) | (address && generic ? kPointerAuth : 0) |
           (nested ? bit(abi::KVM_ARM_VCPU_HAS_EL2) : 0) | (nested && e2h0 ? bit(abi::KVM_ARM_VCPU_HAS_EL2_E2H0) : 0) |
           (sve ? bit(abi::KVM_ARM_VCPU_SVE) : 0);
}

Result<bool> init_vcpu(CpuState& state, const abi::VcpuInit& init, u64 supported) {
    if (init.target != abi::KVM_ARM_TARGET_GENERIC_V8)
        return Errno::kInval;
    u64 features = init.features[0];
    if (features & ~abi::kVcpuFeatureMask)
        return Errno::kNoEnt;
    for (unsigned i = 1; i < 7; i++)
        if (init.features[i])
            return Errno::kNoEnt;
    if (features & ~supported)
        return Errno::kInval;
    if ((features & kPointerAuth) != 0 && (features & kPointerAuth) != kPointerAuth)
        return Errno::kInval;
    if ((features & bit(abi::KVM_ARM_VCPU_HAS_EL2_E2H0)) && !(features & bit(abi::KVM_ARM_VCPU_HAS_EL2)))
        return Errno::kInval;
    bool power_off = features & bit(abi::KVM_ARM_VCPU_POWER_OFF);
    features &= ~bit(abi::KVM_ARM_VCPU_POWER_OFF);  // no feature of the VM: holds for this call only
    NEST_TRY(state.ids.configure(features));
    state.features = features;
    reset_vcpu(state);
    state.initialized = true;
    return power_off;
}

void reset_vcpu(CpuState& state) {
    bool stepping = state.debug.step_state_replaced;
    state.context = {};
    state.context.pstate = SPSR_EL2::mask<SPSR_EL2::D, SPSR_EL2::A, SPSR_EL2::I, SPSR_EL2::F>() | kModeEL1h;
    state.fp = {};
    state.sve.reset();
    state.serror = {};
    state.debug.guest = {};
    state.debug.note_armed();
    state.debug.os_lock = false;
    state.debug.step_state_replaced = false;
    state.debug.step_pending = false;
#define STATE(name, value, shown) state.write(SysReg::name, value);
#include <kvm/sysreg/system_registers.def>
#undef STATE
    for (SysReg reg : {SysReg::SPSR_EL1, SysReg::ELR_EL1, SysReg::SP_EL1, SysReg::SPSR_abt, SysReg::SPSR_und,
                       SysReg::SPSR_irq, SysReg::SPSR_fiq})
        state.write(reg, 0);
    if (!state.initialized) {
        state.regs.set(SysReg::MPIDR_EL1, mpidr_of(state.id));
        state.regs.set(SysReg::CLIDR_EL1, made_up_clidr(state.ids.get<CTR_EL0>()));
    }
    if (state.has_feature(abi::KVM_ARM_VCPU_HAS_EL2)) {
        state.vel2.enable(state.ids.nested_config());
        publish_id_registers(state);  // VPIDR_EL2 comes up as MIDR_EL1
        nested::reset_el2(state.vel2);
    }
    if (stepping)  // a reset by CPU_ON inside KVM_RUN, while the VMM steps the guest
        enter_guest_debug(state);
}

void reset_vcpu(CpuState& state, const PowerOn& on) {
    reset_vcpu(state);
    const SysReg sctlr = state.here(SysReg::SCTLR_EL1);
    if (on.big_endian)
        state.write(sctlr, state.read(sctlr) | SCTLR_EL1::EE::kMask);
    state.context.pc = on.pc;
    state.context.x[0] = on.context_id;
}

void publish_id_registers(CpuState& state) {
    nested::set_midr(state.vel2, state.ids.read(encoding_of(SysReg::MIDR_EL1)));
}

}  // namespace nest::kvm
