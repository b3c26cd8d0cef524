// SPDX-License-Identifier: GPL-2.0-only
// L2's accesses to the page behind L1's VNCR_EL2.
#include <base/atomic.hpp>
#include <kvm/memory/shadows.hpp>
#include <kvm/vm/nested_vncr.hpp>

#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/fault/fault_in.hpp>
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/nested/try_again.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/cpu_calls.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>
#include <nested/cpu/vncr_access.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::WalkStatus;

// L1's four levels of tables and the page itself may have to be faulted in, and again if the VMM loses them meanwhile.
constexpr unsigned kTries = 12;

struct Access {
    SysReg reg;    // memory; kCount: it is `alias`
    SysReg alias;
    bool is_read;
    unsigned rt;

    u64 offset() const { return static_cast<u64>(info(reg).vncr); }
};

Access decode(const Vcpu& vcpu) {
    const auto iss = SysRegIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask);
    const Encoding e = iss.encoding();
    return {nested::vncr_register(e, vcpu.vel2.hcr().get<HCR_EL2::NV1>()), nested::vncr_alias(e), iss.get<SysRegIss::Read>() != 0,
            static_cast<unsigned>(iss.get<SysRegIss::Rt>())};
}

void access_alias(Vcpu& vcpu, const Access& a) {
    if (a.is_read)
        vcpu.set_gpr(a.rt, vcpu.read(a.alias));
    else
        vcpu.write(a.alias, vcpu.gpr(a.rt));
}

void access_page(Vcpu& vcpu, const Access& a, const vncr::Page& page) {
    AtomicRef word(*reinterpret_cast<u64*>(page.bytes + a.offset()));
    const auto in_order = [&](u64 value) { return page.big_endian ? __builtin_bswap64(value) : value; };
    if (a.is_read)
        vcpu.set_gpr(a.rt, in_order(word.load_relaxed()));
    else
        word.store_relaxed(in_order(vcpu.gpr(a.rt)));
}

// [DDI0487] D8.11: the access counts as one of EL2, so that the exception class is "same EL"; but the exception is taken from a
// lower EL.
void forward(Vcpu& vcpu, const Access& a, u64 va, u8 fsc) {
    const u64 iss = AbortIss::VNCR::kMask | (a.is_read ? 0 : AbortIss::WnR::kMask) | fsc;
    const u64 esr = ESR_EL2{}.with<ESR_EL2::EC>(static_cast<u64>(Ec::kDataAbortSame)).with<ESR_EL2::IL>(1)
                        .with<ESR_EL2::ISS>(iss).raw;
    forward_to_vel2(vcpu, nested::Exception::abort(esr, va + a.offset()));
}

}  // namespace

struct NestedVncr::Found {
    enum Kind : u8 { kPage, kFault, kAbsent, kAgain } kind;
    vncr::Page page{};
    u8 fsc = 0;         // kFault, and kAbsent where nothing can be brought in
    MemoryAccess need{};  // kAbsent
};

// mmu lock held.
NestedVncr::Found NestedVncr::look_up(Vcpu& vcpu, const vncr::PageName& name, bool write) {
    vm_.mmu_lock.assert_held();
    // in_use_ is set before L1's tables are read. The other way round: we read an entry; L1, on vCPU B, changes that entry, and
    // B's TLBI reads in_use() as false and drops nothing; then we enter the old translation. In this order, a TLBI that reads
    // false comes before the walk, and so does the change that L1 made before the TLBI.
    in_use_.store_relaxed(true);
    memory_barrier();
    const nested::Stage1Registers registers = nested::vel2_regime_registers(vcpu.regs, vcpu.vel2.e2h());
    const nested::Stage1Regime regime = nested::stage1_regime(registers, name.va, false, mmu_features(vcpu));
    const Canonical canonical(vm_.stage2.tables(), vm_.mmu_lock);
    auto memory = vm_.nested_mmu.memory();
    const auto stage1 = nested::walk_stage1(registers, regime, memory, nullptr, {.va = name.va, .write = write});
    switch (stage1.status) {
    case WalkStatus::kAgain: return {Found::kAgain};
    case WalkStatus::kFault: return {Found::kFault, {}, stage1.fsc};
    case WalkStatus::kAbsent:
        return {Found::kAbsent, {}, stage1.fsc,
                {.ipa = stage1.absent, .write = stage1.absent_write, .permission = canonical.walk(stage1.absent).valid}};
    case WalkStatus::kTranslated: break;
    }
    const Ipa at = Ipa(stage1.output).align_down(vncr::kPageBytes);
    if (at >= canonical.limit())
        return {Found::kFault, {}, kFscExternal};
    // Writable also for a read: hardware will write to the page without an exit, so the page must be marked dirty beforehand.
    const stage2::Leaf leaf = canonical.walk(at);
    if (!leaf.valid || !leaf.attributes.prot.w)
        return {Found::kAbsent, {}, kFscExternal, {.ipa = at, .write = true, .permission = leaf.valid}};
    if (!Canonical::in_linear_map(leaf))
        return {Found::kFault, {}, kFscExternal};
    vncr::Translation t;
    t.name = name;
    t.global = stage1.global;
    t.writable = stage1.permissions.w;
    t.shift = stage1.shift ? stage1.shift : t.shift;
    t.gfn = at.frame();
    translations_++;
    return {Found::kPage, vcpu.vel2.vncr->enter(t, static_cast<u8*>(nest_port_pa_to_va(leaf.pa.raw)))};
}

Next NestedVncr::access(Vcpu& vcpu) {
    const Access a = decode(vcpu);
    if (a.alias != SysReg::kCount) {
        access_alias(vcpu, a);
        skip_instruction(vcpu);
        return Next::kResume;
    }
    const vncr::PageName name = nested::vncr_page_name(vcpu.vel2);
    vncr::Page page = vcpu.vel2.vncr->find(name);
    if (!page || (!a.is_read && !page.writable)) {
        Found found{Found::kAgain};
        if (const TierGuard guard(vm_.mmu_lock, Tier::k0); guard)
            found = look_up(vcpu, name, !a.is_read);
        if (found.kind == Found::kFault) {
            forward(vcpu, a, name.va, found.fsc);
            return Next::kResume;
        }
        if (found.kind != Found::kPage)
            return Next::kTier1;
        page = found.page;
    }
    // `page` is valid: interrupts are off since find() or look_up(), and who drops the translation waits until this CPU has
    // taken an interrupt (Dropping).
    access_page(vcpu, a, page);
    skip_instruction(vcpu);
    if (page.direct())
        nested::load_l2_vncr(cpu(), vcpu.vel2, false);
    return Next::kResume;
}

Next NestedVncr::fault_in_page(Vcpu& vcpu) {
    release_fpsimd(vcpu);  // what follows may fault the VMM's pages in
    const Access a = decode(vcpu);
    if (a.alias != SysReg::kCount)
        return Next::kResume;
    const vncr::PageName name = nested::vncr_page_name(vcpu.vel2);
    return try_again(kTries, Next::kResume, [&]() -> std::optional<Next> {
        Found found;
        {
            Guard guard(vm_.mmu_lock);
            found = look_up(vcpu, name, !a.is_read);
        }
        if (found.kind == Found::kAbsent) {
            const FaultInResult result = fault_in(vcpu, found.need);
            if (result == FaultInResult::kError)
                return Next::kError;
            if (result != FaultInResult::kMapped)
                found.kind = Found::kFault;
        }
        if (found.kind == Found::kFault)
            forward(vcpu, a, name.va, found.fsc);
        return found.kind == Found::kFault || found.kind == Found::kPage ? std::optional(Next::kResume) : std::nullopt;
    });
}

// ---- dropping

// mmu lock held.
template <typename Fn>
unsigned NestedVncr::drop_of(Vcpu& vcpu, Fn matches) {
    vm_.mmu_lock.assert_held();
    return vcpu.vel2.vncr->drop(matches);
}

template <typename Fn>
void NestedVncr::Dropping::each(Fn matches) {
    vncr_.vm_.mmu_lock.assert_held();
    if (!vncr_.in_use())
        return;
    unsigned dropped = 0;
    vncr_.vm_.for_each_vcpu([&](Vcpu& vcpu) {
        if (const unsigned n = vncr_.drop_of(vcpu, matches)) {
            vcpu.make_request(Request::kTraps);
            dropped += n;
        }
    });
    vncr_.dropped_ += dropped;
    if (dropped && !began_) {
        began_ = true;
        vncr_.draining_.fetch_add_relaxed(1);
    }
}

void NestedVncr::Dropping::frames(u64 start, u64 end) {
    each([=](const vncr::Translation& t) { return t.gfn >= start && t.gfn < end; });
}

// Waits until no vCPU uses a page that was dropped: an IPI to every CPU. A vCPU in the guest, with the page loaded, exits for
// the IPI; one in tier 0, with the page's address in a variable, takes the IPI after that; and both find the request before
// they enter again. This waits also if it has dropped nothing itself but another Dropping is not through: CPU A has dropped
// the translation and not waited yet, CPU B drops the same one, finds nothing, and would free the page that a vCPU still uses.
NestedVncr::Dropping::~Dropping() {
    if (!vncr_.draining_.load_acquire())
        return;
    call_all_cpus(CpuCall::kNothing);
    if (began_)
        vncr_.draining_.fetch_sub_acq_rel(1);
}

bool NestedVncr::uses(u64 start, u64 end) {
    vm_.mmu_lock.assert_held();
    bool used = false;
    if (in_use())
        vm_.for_each_vcpu([&](Vcpu& vcpu) {
            used |= vcpu.vel2.vncr->any([=](const vncr::Translation& t) { return t.gfn >= start && t.gfn < end; });
        });
    return used;
}

// mmu lock held.
bool NestedVncr::is_used_by_another(const Vcpu& vcpu, const nested::TlbiOp& op) {
    vm_.mmu_lock.assert_held();
    bool used = draining_.load_acquire() != 0;
    vm_.for_each_vcpu([&](Vcpu& other) {
        used |= &other != &vcpu &&
                other.vel2.vncr->any([&](const vncr::Translation& t) { return nested::names_translation(op, t); });
    });
    return used;
}

bool NestedVncr::drop_in_tier0(Vcpu& vcpu, const nested::TlbiOp& op) {
    const TierGuard guard(vm_.mmu_lock, Tier::k0);
    if (!guard || is_used_by_another(vcpu, op))
        return false;
    // This vCPU is at virtual EL2, where VNCR_EL2 has the register file's page; the next switch to L2 looks L2's page up.
    dropped_ += drop_of(vcpu, [&](const vncr::Translation& t) { return nested::names_translation(op, t); });
    return true;
}

void NestedVncr::drop(const nested::TlbiOp& op) {
    Dropping dropping(*this);
    Guard guard(vm_.mmu_lock);
    dropping.each([&](const vncr::Translation& t) { return nested::names_translation(op, t); });
}

void NestedVncr::forget(Vcpu& vcpu) {
    Guard guard(vm_.mmu_lock);
    (void)drop_of(vcpu, [](const vncr::Translation&) { return true; });
}

void NestedVncr::report(VmStats& stats) {
    Guard guard(vm_.mmu_lock);
    set_stat(stats.vncr_translations, translations_);
    set_stat(stats.vncr_dropped, dropped_);
}

}  // namespace nest::kvm
