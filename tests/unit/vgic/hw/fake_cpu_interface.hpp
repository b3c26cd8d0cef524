// SPDX-License-Identifier: GPL-2.0-only
// FakeCpuInterface: the virtual CPU interface of [IHI0069] chapter 6 as a guest sees it, acting on the ICH_* registers of a
// FakeCpu between flush() and sync(). Interrupt acknowledge, priority drop, deactivation, EOIcount, maintenance.
#pragma once
#include <arch/cpu.hpp>
#include <vgic/hw/entry.hpp>

namespace nest::test {

class FakeCpuInterface {
public:
    static constexpr unsigned kSpurious = 1023;

    FakeCpuInterface(FakeCpu& cpu, unsigned list_registers) : cpu_(cpu), count_(list_registers) { settle(); }

    u64& lr(unsigned i) {
        return cpu_.registers[static_cast<arch::SysReg>(static_cast<unsigned>(arch::SysReg::ICH_LR0_EL2) + i)];
    }
    arch::ListRegister view(unsigned i) { return arch::ListRegister::of(lr(i)); }
    // The list register that holds the interrupt in any state, or -1.
    int find(unsigned intid) {
        for (unsigned i = 0; i < count_; i++)
            if (view(i).get<arch::ListRegister::State>() && view(i).get<arch::ListRegister::vINTID>() == intid)
                return static_cast<int>(i);
        return -1;
    }
    u64 state(unsigned intid) { return find(intid) < 0 ? 0 : view(find(intid)).get<arch::ListRegister::State>(); }

    // ICC_IAR1_EL1: groups are not told apart beyond their enables.
    unsigned acknowledge() {
        const int best = best_pending();
        if (best < 0)
            return kSpurious;
        const auto now = view(best);
        const u64 priority = now.get<arch::ListRegister::Priority>();
        cpu_.registers[arch::SysReg::ICH_AP1R0_EL2] |= u64{1} << (priority >> 3);
        lr(best) = now.with<arch::ListRegister::State>(arch::kLrActive).raw;
        settle();
        return static_cast<unsigned>(now.get<arch::ListRegister::vINTID>());
    }
    // ICC_EOIR1_EL1, and what follows from EOImode.
    void eoi(unsigned intid) {
        u64& active = cpu_.registers[arch::SysReg::ICH_AP1R0_EL2];
        if (!active)
            return;
        active &= active - 1;
        if (!split())
            deactivate(intid, true);
        settle();
    }
    // ICC_DIR_EL1; false: it traps.
    bool dir(unsigned intid) {
        const u64 hcr = cpu_.registers[arch::SysReg::ICH_HCR_EL2];
        if (hcr & (arch::ICH_HCR_EL2::TDIR::kMask | arch::ICH_HCR_EL2::TC::kMask))
            return false;
        if (split())
            deactivate(intid, false);
        settle();
        return true;
    }
    bool maintenance() {
        const auto hcr = arch::ICH_HCR_EL2::of(cpu_.registers[arch::SysReg::ICH_HCR_EL2]);
        unsigned valid = 0, pending = 0;
        bool eoi = false;
        for (unsigned i = 0; i < count_; i++) {
            valid += view(i).get<arch::ListRegister::State>() != 0;
            pending += view(i).get<arch::ListRegister::State>() == arch::kLrPending;
            eoi |= wants_eoi(view(i));
        }
        return eoi || (hcr.get<arch::ICH_HCR_EL2::UIE>() && valid <= 1) ||
               (hcr.get<arch::ICH_HCR_EL2::NPIE>() && !pending) ||
               (hcr.get<arch::ICH_HCR_EL2::LRENPIE>() && hcr.get<arch::ICH_HCR_EL2::EOIcount>());
    }
    void set_vmcr(u64 priority_mask, bool group1, bool split_eoi) {
        cpu_.registers[arch::SysReg::ICH_VMCR_EL2] = arch::ICH_VMCR_EL2{}
                                                         .with<arch::ICH_VMCR_EL2::VPMR>(priority_mask)
                                                         .with<arch::ICH_VMCR_EL2::VENG1>(group1)
                                                         .with<arch::ICH_VMCR_EL2::VEOIM>(split_eoi)
                                                         .raw;
    }
    // pINTIDs that hardware deactivated by itself.
    std::vector<unsigned> physically_deactivated;

private:
    bool split() { return vmcr().get<arch::ICH_VMCR_EL2::VEOIM>(); }
    arch::ICH_VMCR_EL2 vmcr() { return arch::ICH_VMCR_EL2::of(cpu_.registers[arch::SysReg::ICH_VMCR_EL2]); }
    static bool wants_eoi(arch::ListRegister l) {
        return !l.get<arch::ListRegister::State>() && l.get<arch::ListRegister::EOI>() &&
               !l.get<arch::ListRegister::HW>();
    }
    int best_pending() {
        int best = -1;
        u64 limit = vmcr().get<arch::ICH_VMCR_EL2::VPMR>();
        if (const u64 active = cpu_.registers[arch::SysReg::ICH_AP1R0_EL2]) {
            const u64 running = static_cast<u64>(__builtin_ctzll(active)) << 3;
            limit = running < limit ? running : limit;
        }
        for (unsigned i = 0; i < count_; i++) {
            const auto l = view(i);
            const bool on = l.get<arch::ListRegister::Group>() ? vmcr().get<arch::ICH_VMCR_EL2::VENG1>()
                                                               : vmcr().get<arch::ICH_VMCR_EL2::VENG0>();
            if (l.get<arch::ListRegister::State>() != arch::kLrPending || !on)
                continue;
            if (l.get<arch::ListRegister::Priority>() < limit) {
                limit = l.get<arch::ListRegister::Priority>();
                best = static_cast<int>(i);
            }
        }
        return best;
    }
    void deactivate(unsigned intid, bool count) {
        const int at = find(intid);
        if (at < 0 || !(view(at).get<arch::ListRegister::State>() & arch::kLrActive)) {
            auto hcr = arch::ICH_HCR_EL2::of(cpu_.registers[arch::SysReg::ICH_HCR_EL2]);
            if (count)
                hcr = hcr.with<arch::ICH_HCR_EL2::EOIcount>(hcr.get<arch::ICH_HCR_EL2::EOIcount>() + 1);
            cpu_.registers[arch::SysReg::ICH_HCR_EL2] = hcr.raw;
            return;
        }
        const auto now = view(at);
        lr(at) = now.with<arch::ListRegister::State>(now.get<arch::ListRegister::State>() & arch::kLrPending).raw;
        if (now.get<arch::ListRegister::HW>())
            physically_deactivated.push_back(static_cast<unsigned>(now.get<arch::ListRegister::pINTID>()));
    }
    // ICH_ELRSR_EL2 follows the list registers.
    void settle() {
        u64 empty = 0;
        for (unsigned i = 0; i < count_; i++)
            if (!view(i).get<arch::ListRegister::State>() && !wants_eoi(view(i)))
                empty |= u64{1} << i;
        cpu_.registers[arch::SysReg::ICH_ELRSR_EL2] = empty;
    }

    FakeCpu& cpu_;
    unsigned count_;
};

}  // namespace nest::test
