// SPDX-License-Identifier: GPL-2.0-only
// Stage2: one address space of a guest, ready for use: table, VMID, and the registers that select them.
//
// Locking: what changes the table wants the VM's mmu spinlock held, and the contracts of stage2/table.hpp hold. Without the
// lock: walk(), vttbr(), top_up(), and what reads values that are constant after init().
#pragma once
#include <base/tier0.hpp>
#include <stage2/kernel_policy.hpp>
#include <stage2/table.hpp>

namespace nest::stage2 {

template <typename InputAddress = arch::Ipa, typename P = KernelPolicy<InputAddress>>
class Stage2 {
public:
    using Address = InputAddress;
    using Policy = P;
    using Tables = Table<Policy>;
    using Debt = typename Tables::Debt;
    static constexpr unsigned kReapThreshold = 64;  // retired tables

    Stage2(arch::Cpu& cpu, VmidAllocator& vmids) : vmids_(vmids), policy_(cpu, host_, target_), table_(policy_) {}
    ~Stage2() { destroy(); }

    // ipa_bits 32 to 48. -EINVAL: not a size that this machine can do; -ENOMEM. Sleeps.
    Status init(unsigned ipa_bits, const HostFeatures& host) {
        host_ = host;
        runners_ = Buffer<u16>(vmids_.cpu_limit());
        if (!runners_)
            return Errno::kNoMem;
        NEST_TRY(table_.init(geometry_for(ipa_bits, host.parange), {host.fwb, host.xnx}));
        target_.vmid = &vmid_;
        target_.vmid_mask = host.vmid16 ? 0xffff : 0xff;
        target_.table = arch::VTTBR_EL2::of(table_.root().raw).template with<arch::VTTBR_EL2::CnP>(host.cnp);
        target_.vtcr = vtcr_for(table_.geometry(), host);
        live_ = true;
        return kOk;
    }
    // No vCPU runs on this stage 2 any more. Its VMID may still be loaded in VTTBR_EL2 of a CPU that is in the host, where no
    // walk uses VTTBR_EL2; what TLBs and walk caches hold is dropped before the tables are freed. Also without init().
    void destroy() {
        if (!live_)
            return;
        live_ = false;
        policy_.invalidate(Invalidation::all());
        table_.destroy();
    }

    // What map() may take from the cache. Sleeps; without the lock. -ENOMEM.
    Status top_up(TableCache& cache) const { return cache.top_up(table_.geometry().max_new_tables()); }

    Status map(TableCache& cache, Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes) {
        Using u(policy_, cache);
        return table_.map(ipa, pa, block_shift, attributes);
    }
    Status map_new(TableCache& cache, Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes) {
        Using u(policy_, cache);
        return table_.map_new(ipa, pa, block_shift, attributes);
    }
    typename Tables::Progress split(TableCache& cache, Address start, Address end, unsigned budget = kDefaultBudget) {
        Using u(policy_, cache);
        return table_.split(start, end, budget);
    }
    Status relax(Address ipa, const Prot& add) { return table_.relax(ipa, add); }
    Status set_writable(Address ipa, unsigned max_shift) { return table_.set_writable(ipa, max_shift); }
    Status make_young(Address ipa) { return table_.make_young(ipa); }
    Debt unmap(Address start, Address end, unsigned budget = kDefaultBudget) {
        return table_.unmap(start, end, budget);
    }
    Debt write_protect(Address start, Address end, unsigned budget = kDefaultBudget) {
        return table_.write_protect(start, end, budget);
    }
    void complete(Debt&& debt) { std::move(debt).complete(policy_); }
    typename Tables::Aged age(Address start, Address end, bool clear, unsigned budget = kDefaultBudget) {
        return table_.age(start, end, clear, budget);
    }
    Leaf walk(Address ipa) const { return table_.walk(ipa); }
    Leaf walk_locked(Address ipa) const { return table_.walk_locked(ipa); }
    template <typename Fn>
    Address for_each_leaf(Address start, Address end, Fn&& fn, unsigned budget = kDefaultBudget) {
        return table_.for_each_leaf(start, end, fn, budget);
    }
    // Drops all that TLBs know of this VMID, for example after HCR_EL2 bits that they cache have changed.
    void invalidate_all() { policy_.invalidate(Invalidation::all()); }
    // Invalidations of this space so far that all CPUs had to take part in. Any context.
    u64 broadcasts() const { return policy_.broadcasts(); }
    // Executes the guest's own invalidation of its stage 1 under this VMID, on all CPUs. See Invalidator.
    void invalidate_stage1(arch::Tlbi op, u64 operand) { policy_.invalidate_stage1(op, operand); }

    // How to free tables that left the tree: take them under the lock; without the lock, wait until every CPU has left tier 0
    // once (an IPI), as a vCPU in tier 0 may be in walk() there; then free. Worth the IPI when reap_due().
    bool reap_due() const { return table_.retired() >= kReapThreshold; }
    TableChain take_retired() { return table_.take_retired(); }
    void free_retired(TableChain&& chain) { table_.free_retired(std::move(chain)); }

    // VTTBR_EL2 for CPU `cpu`; takes a VMID if there is none of this generation. Preemption off. To be asked again after
    // another Stage2 was loaded on the CPU, and after a put (VmidAllocator::clear()).
    arch::VTTBR_EL2 vttbr(unsigned cpu) {
        constexpr VmidUse use = std::is_same_v<Address, arch::L2Ipa> ? VmidUse::kShadow : VmidUse::kVm;
        return target_.table.with<arch::VTTBR_EL2::VMID>(vmids_.load_on_cpu(vmid_, cpu, use));
    }
    arch::VTCR_EL2 vtcr() const { return target_.vtcr; }
    // `runner` (a vCPU, not 0) uses this stage 2 on this CPU from now on. True: another vCPU was the last, and the caller has
    // to drop_stage1_here(). Otherwise: vCPU A leaves entries of its stage 1 in this CPU's TLBs, then vCPU B runs here with the
    // same VMID and ASID but other tables, as two vCPUs without TTBRn_EL1.CnP may ([DDI0487] D8.16.4), and hits A's entries.
    // Preemption off.
    NEST_TIER0 bool change_runner(unsigned cpu, u16 runner) {
        u16& last = runners_[cpu];
        if (last == runner)
            return false;
        return std::exchange(last, runner) != 0;
    }
    bool fwb() const { return host_.fwb; }  // HCR_EL2.FWB while it is loaded
    Address limit() const { return table_.limit(); }
    // The largest useful block: without FWB each new block is written back line by line, under the lock.
    unsigned max_block_shift() const { return host_.fwb && table_.geometry().start_level <= 1 ? 30 : 21; }
    const Geometry& geometry() const { return table_.geometry(); }
    Policy& policy() { return policy_; }

private:
    // Scope in which the policy takes tables from a cache.
    struct Using {
        Policy& policy;
        Using(Policy& p, TableCache& cache) : policy(p) { policy.use(&cache); }
        ~Using() { policy.use(nullptr); }
    };

    VmidAllocator& vmids_;
    Buffer<u16> runners_;  // per CPU: who ran last; 0: nobody has
    HostFeatures host_;
    Vmid vmid_;
    TlbTarget target_;
    Policy policy_;
    Tables table_;
    bool live_ = false;
};

}  // namespace nest::stage2
