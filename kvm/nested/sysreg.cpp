// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/sysreg.hpp>

#include <kvm/nested/l1_stage2.hpp>
#include <kvm/trace/trace.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <nested/cpu/el2_sysreg.hpp>
#include <nested/cpu/vel2_tlbi.hpp>
#include <vgic/nested/nested.hpp>

namespace nest::kvm {
namespace {

using arch::SysReg;
using nested::Outcome;

class Hooks final : public nested::El2Hooks {
public:
    Hooks(Vcpu& vcpu, Tier tier) : vcpu_(vcpu), tier_(tier) {}

    Outcome timer(SysReg reg, bool is_read, u64& value) override {
        const auto access = timer::timer_access(reg, true, vcpu_.vel2.e2h());
        if (!access)
            return Outcome::kUndefined;
        const PreemptionOff here;
        if (is_read)
            value = vcpu_.timers.read_register(cpu(), *access);
        else
            vcpu_.timers.write_register(cpu(), *access, value);
        return Outcome::kDone;
    }

    Outcome gic(SysReg reg, u64& value) override {
        const vgic::HostGic& host = machine().gic;
        switch (reg) {
        case SysReg::ICH_VTR_EL2: value = vgic::nested_vtr(host); break;
        case SysReg::ICH_MISR_EL2: value = vgic::nested_misr(vcpu_.regs, host.list_registers()); break;
        case SysReg::ICH_EISR_EL2: value = vgic::nested_eisr(vcpu_.regs, host.list_registers()); break;
        case SysReg::ICH_ELRSR_EL2: value = vgic::nested_elrsr(vcpu_.regs, host.list_registers()); break;
        default: return Outcome::kUndefined;
        }
        return vcpu_.has_gic() ? Outcome::kDone : Outcome::kUndefined;
    }

    Outcome tlbi(const nested::TlbiOp& op, u64 operand) override {
        const Outcome outcome = invalidate(op, operand);
        if (outcome == Outcome::kDone)  // else tier 1 does it once more
            trace_tlbi(vcpu_, op, operand);
        return outcome;
    }

    void form_changed() override { vcpu_.make_request(Request::kTraps); }  // ends the stay; the run loop calls follow_e2h()

    Outcome at(const nested::AtOp& op) override { return vcpu_.vm.nested_mmu.at(vcpu_, op, tier_); }

private:
    Outcome invalidate(const nested::TlbiOp& op, u64 operand) {
        if (op.regime == nested::Regime::kEl10)
            return vcpu_.vm.nested_mmu.tlbi_l2(vcpu_, op, operand, tier_);
        NestedVncr& vncr = vcpu_.vm.nested_vncr;
        if (tier_ == Tier::k0) {
            if (vncr.in_use() && !vncr.drop_in_tier0(vcpu_, op)) [[unlikely]]
                return Outcome::kTier1;
            nested::execute_vel2_tlbi(cpu(), op, operand);
        } else {
            vncr.drop(op);
            invalidate_vel2_from_host(op, operand);
        }
        return Outcome::kDone;
    }
    // In tier 1 HCR_EL2.TGE is set, and execute_vel2_tlbi() would hit the host's own regime: Invalidator clears TGE.
    void invalidate_vel2_from_host(const nested::TlbiOp& op, u64 operand) {
        const nested::ShadowTlbi t = nested::shadow_tlbi(op, nested::vel2_tlbi_operand(op, operand), 0, false, mmu_features(vcpu_));
        Guard guard(vcpu_.vm.mmu_lock);
        vcpu_.vm.stage2.tables().invalidate_stage1(t.op, t.operand);
    }

    Vcpu& vcpu_;
    Tier tier_;
};

}  // namespace

nested::Outcome emulate_vel2_sysreg(Vcpu& vcpu, Tier tier) {
    Hooks hooks(vcpu, tier);
    const auto iss = arch::SysRegIss::of(vcpu.context.esr & arch::ESR_EL2::ISS::kMask);
    return nested::emulate_el2_access(cpu(), vcpu.vel2, iss, hooks);
}

}  // namespace nest::kvm
