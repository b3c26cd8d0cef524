// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/machine.hpp>

#include <base/preemption.hpp>
#include <stage2/geometry.hpp>
#include <timer/hardware.hpp>
#include <vgic/hw/entry.hpp>

namespace nest::kvm {

constinit Machine* the_machine = nullptr;

namespace {

using namespace arch;

// The kernel's system-wide value of an ID register.
template <typename R>
R feature() {
    return R::of(nest_port_feature_register(encoding_of(R::kReg).raw));
}

vhe::SwitchFeatures switch_features(bool leave_mpam) {
    using Isar1 = ID_AA64ISAR1_EL1;
    using Pfr0 = ID_AA64PFR0_EL1;
    const Isar1 isar1 = feature<Isar1>();
    const Pfr0 pfr0 = feature<Pfr0>();
    const auto dfr0 = feature<ID_AA64DFR0_EL1>();
    const u64 fgt = feature<ID_AA64MMFR0_EL1>().get<ID_AA64MMFR0_EL1::FGT>();
    vhe::SwitchFeatures f{};
    f.pauth = isar1.get<Isar1::APA>() || isar1.get<Isar1::API>() ||
              feature<ID_AA64ISAR2_EL1>().get<ID_AA64ISAR2_EL1::APA3>();
    f.fgt = fgt >= 1;
    f.fgt2 = fgt >= 2;
    f.hcrx = feature<ID_AA64MMFR1_EL1>().get<ID_AA64MMFR1_EL1::HCX>() >= 1;
    f.amu = pfr0.get<Pfr0::AMU>() >= 1;
    f.ras = pfr0.get<Pfr0::RAS>() >= 1;
    f.breakpoints = static_cast<unsigned>(dfr0.get<ID_AA64DFR0_EL1::BRPs>()) + 1;
    f.watchpoints = static_cast<unsigned>(dfr0.get<ID_AA64DFR0_EL1::WRPs>()) + 1;
    f.mpam = !leave_mpam &&
             (pfr0.get<Pfr0::MPAM>() || feature<ID_AA64PFR1_EL1>().get<ID_AA64PFR1_EL1::MPAM_frac>());
    f.mpamhcr = f.mpam && cpu().read<MPAMIDR_EL1>().get<MPAMIDR_EL1::HAS_HCR>();
    return f;
}

void note_nested_virtualisation(Machine& m, bool use_nv2) {
    const u64 nv = feature<ID_AA64MMFR2_EL1>().get<ID_AA64MMFR2_EL1::NV>();
    const bool nv2_alone = nv == 0 && has_nv2_alone(cpu());
    m.nv2 = use_nv2 && (nv >= 2 || nv2_alone);
    m.nv = nv >= 1 || m.nv2;
    m.nv1 = m.nv && has_nv1(cpu());
    m.recursion = m.nv2 && nv >= 2;
}

// Does local_irq_disable() leave PSTATE.I alone? Then the kernel masks by priority (irqchip.gicv3_pseudo_nmi=1).
bool masks_by_priority() {
    const IrqsOff off;
    return !cpu().read<DAIF>().get<DAIF::I>();
}

bool physical_offset_acts() {
    Cpu& c = cpu();
    const DAIF before = c.read<DAIF>();
    c.write(DAIF::of(DAIF::kAll));
    const bool acts = timer::offset_acts(c);
    c.write(before);
    return acts;
}

}  // namespace

// Looks at how the kernel runs now (at EL2, with E2H and TGE), not at what the CPU could do.
const char* refusal() {
    Cpu& c = cpu();
    if (c.read<CurrentEL>().get<CurrentEL::EL>() != 2)
        return "the kernel does not run at EL2: boot it there (firmware, or QEMU's virtualization=on)";
    const HCR_EL2 hcr = c.read<HCR_EL2>();
    if (!hcr.get<HCR_EL2::E2H>() || !hcr.get<HCR_EL2::TGE>())
        return "the kernel does not use VHE (HCR_EL2.E2H and TGE): boot it with kvm-arm.mode=none on a CPU with FEAT_VHE";
    if (c.read<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::GIC>() == 0 || !(c.read<ICC_SRE_EL2>().raw & 1))
        return "no GICv3 system registers: Nestvisor needs a GICv3 or newer with its system-register interface enabled";
    const auto mmfr0 = c.read<ID_AA64MMFR0_EL1>();
    const u64 tgran4_2 = mmfr0.get<ID_AA64MMFR0_EL1::TGRAN4_2>(), tgran4 = mmfr0.get<ID_AA64MMFR0_EL1::TGRAN4>();
    if (tgran4_2 == 1 || (tgran4_2 == 0 && tgran4 == 15))
        return "stage 2 has no 4 KiB granule on this CPU";
    return nullptr;
}

Status init_machine(const nest_host_config& config) {
    Owned<Machine> m(make<Machine>());
    if (!m)
        return Errno::kNoMem;
    const auto mmfr0 = feature<ID_AA64MMFR0_EL1>();
    m->config = config;
    m->features = switch_features(config.leave_mpam);
    m->stage2 = stage2::host_features(mmfr0.raw, feature<ID_AA64MMFR1_EL1>().raw, feature<ID_AA64MMFR2_EL1>().raw,
                                      feature<ID_AA64ISAR0_EL1>().raw, feature<CTR_EL0>().raw);
    m->traps = TrapHost::probe();
    m->mitigations = mitigations_of(feature<ID_AA64PFR0_EL1>(), feature<ID_AA64PFR1_EL1>(), feature<ID_AA64MMFR1_EL1>());
    const unsigned pa_bits = stage2::bits_of_parange(m->stage2.parange);
    m->ipa_limit = pa_bits < stage2::kMaxIpaBits ? pa_bits : stage2::kMaxIpaBits;
    m->pmr_masking = masks_by_priority();
    note_nested_virtualisation(*m, config.nv2);
    m->streaming = feature<ID_AA64PFR1_EL1>().get<ID_AA64PFR1_EL1::SME>() && (cpu().read<CPTR_EL2>().get<CPTR_EL2::SMEN>() & 1);
    m->timers.scale = timer::TickScale(static_cast<u32>(cpu().read<CNTFRQ_EL0>().raw));
    const u64 ecv = mmfr0.get<ID_AA64MMFR0_EL1::ECV>();
    m->timers.ecv = ecv >= 1;
    m->timers.cntpoff = ecv >= 2 && physical_offset_acts();
    m->timers.intid[0] = config.virtual_ppi;
    m->timers.intid[1] = config.physical_ppi;
    NEST_TRY(m->vmids.init(m->stage2.vmid16 ? 16 : 8, nest_port_cpu_limit(), m->nv));
    {
        const IrqsOff off;
        m->gic = vgic::probe(cpu());
    }
    m->common.note(m->gic, m->nv2 && !m->recursion, m->nv1);
    the_machine = m.release();
    return kOk;
}

void exit_machine() {
    destroy(the_machine);
    the_machine = nullptr;
}

namespace {

// Errata and speculation defences of the calling CPU, by its own ID registers, as a machine may have several kinds of CPUs.
void note_kind(Cpu& c, PerCpu& here) {
    const u32 midr = static_cast<u32>(c.read<MIDR_EL1>().raw);
    (void)known_errata.fetch_or_acq_rel(errata_of(midr));
    here.context.defence = vhe::exit_defence(midr, c.read<ID_AA64PFR0_EL1>(), c.read<ID_AA64ISAR2_EL1>(),
                                             c.read<ID_AA64MMFR1_EL1>(),
                                             [](u32 function) { return nest_port_firmware_mitigates(function); });
}

// The controls of EL1's profiling and trace are UNKNOWN after reset, and could let the host's buffers record guests: so they
// are cleared. Not where the firmware owns the buffers (P): a write might trap to firmware that does not expect it, and
// nothing is recorded for the host there.
void quiesce_tracing(Cpu& c) {
    using Dfr0 = ID_AA64DFR0_EL1;
    const Dfr0 dfr0 = c.read<Dfr0>();
    const bool spe = dfr0.get<Dfr0::PMSVer>(), trace_filter = dfr0.get<Dfr0::TraceFilt>();
    const bool trace_buffer = dfr0.get<Dfr0::TraceBuffer>();
    if (spe && !c.read<PMBIDR_EL1>().get<PMBIDR_EL1::P>())
        c.write(PMSCR_EL12{});
    // The trace filter has no P bit of its own, so the trace buffer's is asked. Without a trace buffer there is nothing that a
    // guest's trace could be recorded in.
    if (trace_filter && trace_buffer && !c.read<TRBIDR_EL1>().get<TRBIDR_EL1::P>())
        c.write(TRFCR_EL12{});
}

}  // namespace

const char* try_vector_lengths() { return machine().vector_lengths.add(vector_lengths_of(cpu())) ? nullptr : VectorLengths::kName; }

// Timers are as the firmware left them, and list registers UNKNOWN: both are set up here.
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
    const IrqsOff off;
    quiesce_tracing(c);
    timer::quiesce_cpu(c);
    vgic::init_cpu(c, machine().gic);
    return nullptr;
}

}  // namespace nest::kvm
