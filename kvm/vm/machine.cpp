// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/machine.hpp>

#include <stage2/geometry.hpp>
#include <timer/hardware.hpp>
#include <vgic/hw/entry.hpp>

namespace nest::kvm {

constinit Machine* the_machine = nullptr;

namespace {

using namespace arch;

constexpr unsigned field(u64 reg, unsigned low) { return static_cast<unsigned>(reg >> low & 15); }
template <typename R>
u64 feature() {
    return nest_port_feature_register(encoding_of(R::kReg).raw);
}

vhe::SwitchFeatures switch_features(bool leave_mpam) {
    const u64 isar1 = feature<ID_AA64ISAR1_EL1>(), isar2 = feature<ID_AA64ISAR2_EL1>();
    const u64 dfr0 = feature<ID_AA64DFR0_EL1>(), mmfr0 = feature<ID_AA64MMFR0_EL1>();
    vhe::SwitchFeatures f{};
    f.pauth = field(isar1, 4) || field(isar1, 8) || field(isar2, 12);  // APA, API, APA3
    f.fgt = field(mmfr0, 56) >= 1;
    f.fgt2 = field(mmfr0, 56) >= 2;
    f.hcrx = field(feature<ID_AA64MMFR1_EL1>(), 40) >= 1;
    f.amu = field(feature<ID_AA64PFR0_EL1>(), 44) >= 1;
    f.ras = field(feature<ID_AA64PFR0_EL1>(), 28) >= 1;
    f.breakpoints = field(dfr0, 12) + 1;
    f.watchpoints = field(dfr0, 20) + 1;
    f.mpam = !leave_mpam && (field(feature<ID_AA64PFR0_EL1>(), 40) || field(feature<ID_AA64PFR1_EL1>(), 16));
    f.mpamhcr = f.mpam && cpu().read<MPAMIDR_EL1>().get<MPAMIDR_EL1::HAS_HCR>();
    return f;
}

void note_nested_virtualisation(Machine& m, bool use_nv2) {
    const unsigned nv = field(feature<ID_AA64MMFR2_EL1>(), 24);
    const bool nv2_alone = nv == 0 && has_nv2_alone(cpu());
    m.nv2 = use_nv2 && (nv >= 2 || nv2_alone);
    m.nv = nv >= 1 || m.nv2;
    m.recursion = m.nv2 && nv >= 2;
}

// Does local_irq_disable() leave PSTATE.I alone? Then the kernel masks by priority (irqchip.gicv3_pseudo_nmi=1).
bool masks_by_priority() {
    const unsigned long flags = nest_port_irq_save();
    const bool pstate_masked = cpu().read<DAIF>().raw & 1 << 7;
    nest_port_irq_restore(flags);
    return !pstate_masked;
}

bool physical_offset_acts() {
    Cpu& c = cpu();
    const DAIF before = c.read<DAIF>();
    c.write(DAIF::of(0xf << 6));
    const bool acts = timer::offset_acts(c);
    c.write(before);
    return acts;
}

}  // namespace

// The reset of VHE's own controls is the kernel's affair: what counts is how it runs now.
const char* refusal() {
    Cpu& c = cpu();
    if ((c.read<CurrentEL>().raw >> 2 & 3) != 2)
        return "the kernel does not run at EL2: boot it there (firmware, or QEMU's virtualization=on)";
    const HCR_EL2 hcr = c.read<HCR_EL2>();
    if (!hcr.get<HCR_EL2::E2H>() || !hcr.get<HCR_EL2::TGE>())
        return "the kernel does not use VHE (HCR_EL2.E2H and TGE): boot it with kvm-arm.mode=none on a CPU with FEAT_VHE";
    if (field(c.read<ID_AA64PFR0_EL1>().raw, 24) == 0 || !(c.read<ICC_SRE_EL2>().raw & 1))
        return "no GICv3 system registers: Nestvisor needs a GICv3 or newer with its system-register interface enabled";
    const u64 mmfr0 = c.read<ID_AA64MMFR0_EL1>().raw;
    const unsigned tgran4_2 = field(mmfr0, 40), tgran4 = field(mmfr0, 28);
    if (tgran4_2 == 1 || (tgran4_2 == 0 && tgran4 == 15))
        return "stage 2 has no 4 KiB granule on this CPU";
    return nullptr;
}

Status init_machine(const nest_host_config& config) {
    Owned<Machine> m(make<Machine>());
    if (!m)
        return Errno::kNoMem;
    const u64 mmfr0 = feature<ID_AA64MMFR0_EL1>();
    m->config = config;
    m->features = switch_features(config.leave_mpam);
    m->stage2 = stage2::host_features(mmfr0, feature<ID_AA64MMFR1_EL1>(), feature<ID_AA64MMFR2_EL1>(),
                                      feature<ID_AA64ISAR0_EL1>(), feature<CTR_EL0>());
    m->traps = TrapHost::probe();
    m->mitigations = mitigations_of(feature<ID_AA64PFR0_EL1>(), feature<ID_AA64PFR1_EL1>(), feature<ID_AA64MMFR1_EL1>());
    const unsigned pa_bits = stage2::bits_of_parange(m->stage2.parange);
    m->ipa_limit = pa_bits < stage2::kMaxIpaBits ? pa_bits : stage2::kMaxIpaBits;
    m->pmr_masking = masks_by_priority();
    note_nested_virtualisation(*m, config.nv2);
    m->timers.scale = timer::TickScale(static_cast<u32>(cpu().read<CNTFRQ_EL0>().raw));
    m->timers.ecv = field(mmfr0, 60) >= 1;
    m->timers.cntpoff = field(mmfr0, 60) >= 2 && physical_offset_acts();
    m->timers.intid[0] = config.virtual_ppi;
    m->timers.intid[1] = config.physical_ppi;
    NEST_TRY(m->vmids.init(m->stage2.vmid16 ? 16 : 8, nest_port_cpu_limit(), m->nv));
    {
        const unsigned long flags = nest_port_irq_save();
        m->gic = vgic::probe(cpu());
        nest_port_irq_restore(flags);
    }
    m->common.note(m->gic, m->nv2 && !m->recursion);
    the_machine = m.release();
    return kOk;
}

void exit_machine() {
    destroy(the_machine);
    the_machine = nullptr;
}

namespace {

// What this kind of CPU needs. ID registers of this very CPU: kinds may be mixed.
void note_kind(Cpu& c, PerCpu& here) {
    const u32 midr = static_cast<u32>(c.read<MIDR_EL1>().raw);
    (void)known_errata.fetch_or_acq_rel(errata_of(midr));
    here.context.defence = vhe::exit_defence(midr, c.read<ID_AA64PFR0_EL1>(), c.read<ID_AA64ISAR2_EL1>().raw,
                                             c.read<ID_AA64MMFR1_EL1>().raw,
                                             [](u32 function) { return nest_port_firmware_mitigates(function); });
}

// Profiling and trace of EL1 come up with unknown controls, which would let the host's buffers see guests. Where the
// firmware keeps them for itself it may not survive a write to them, and then nothing is recorded here.
void quiesce_tracing(Cpu& c) {
    const u64 dfr0 = c.read<ID_AA64DFR0_EL1>().raw;
    const bool spe = field(dfr0, 32), trace_filter = field(dfr0, 40), trace_buffer = field(dfr0, 44);
    if (spe && !c.read<PMBIDR_EL1>().get<PMBIDR_EL1::P>())
        c.write(PMSCR_EL12{});
    // The filter has no such bit of its own; without a buffer in memory there is nothing that a guest's trace could go to.
    if (trace_filter && trace_buffer && !c.read<TRBIDR_EL1>().get<TRBIDR_EL1::P>())
        c.write(TRFCR_EL12{});
}

}  // namespace

// Beside the above: list registers come up with unknown content, timers as the firmware left them.
const char* init_this_cpu() {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    here = {};
    here.id = nest_port_cpu_id();
    if (const char* lacks = machine().common.lacking(c)) {
        here.disabled = true;
        return lacks;
    }
    if (c.read<CTR_EL0>().raw != machine().traps.ctr)
        machine().mixed_ctr.store_relaxed(true);
    note_kind(c, here);
    const unsigned long flags = nest_port_irq_save();
    quiesce_tracing(c);
    timer::quiesce_cpu(c);
    vgic::init_cpu(c, machine().gic);
    nest_port_irq_restore(flags);
    return nullptr;
}

}  // namespace nest::kvm
