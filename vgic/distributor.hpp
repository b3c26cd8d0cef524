// SPDX-License-Identifier: GPL-2.0-only
// Distributor: the virtual GICv3 of one VM. It owns the SPIs and LPIs (lpi.hpp), knows all CPU interfaces and the frames' addresses.
//
// Locks, outermost first:
//   config mutex    addresses, regions, initialisation, MMIO accesses that halt the VM
//   shared spinlock    every property of every SPI and LPI, and which vCPU holds it
//   CpuInterface::lock   a vCPU's private interrupts, the set of SPIs and LPIs it holds; one vCPU's at a time
// The spinlocks are taken with interrupts off: injection comes from hard interrupts. An SPI or LPI that sits in a list
// register (on_lr) stays with its holder until the holder's sync(); every other change of holder is immediate.
#pragma once
#include <arch/address.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>
#include <base/uninitialized.hpp>
#include <vgic/callbacks.hpp>
#include <vgic/cpu_interface.hpp>
#include <vgic/host_gic.hpp>
#include <vgic/regions.hpp>

namespace nest::vgic {

// vCPUs to kick once the locks are dropped; each once, and never `except`.
class Kicks {
public:
    explicit Kicks(unsigned except = kNobody) : except_(except) {}
    void add(unsigned vcpu) {
        if (vcpu == except_)
            return;
        for (unsigned i = 0; i < count_; i++)
            if (vcpus_[i] == vcpu)
                return;
        if (count_ == kCapacity) {
            everyone_ = true;
            return;
        }
        vcpus_[count_++] = static_cast<u16>(vcpu);
    }
    void deliver(const Distributor& distributor) {
        if (count_)
            deliver_some(distributor);
    }

private:
    void deliver_some(const Distributor& distributor);

    static constexpr unsigned kCapacity = 48;
    u16 vcpus_[kCapacity];
    unsigned count_ = 0;
    unsigned except_;
    bool everyone_ = false;  // there were too many
};

class Distributor {
public:
    // ipa_limit: the first address that the VM cannot have.
    Distributor(Callbacks& callbacks, const HostGic& gic, u64 ipa_limit);
    Distributor(const Distributor&) = delete;
    Distributor& operator=(const Distributor&) = delete;
    ~Distributor();

    // Adds a vCPU: at its creation or, if the vCPU exists already, at the vGIC's. `cpu.index` becomes the number of vCPUs added
    // before. EINVAL: its redistributor would overlap something. E2BIG: more than kMaxVcpus. EBUSY: after init().
    // Sleeps. `cpu` must outlive the Distributor.
    Status register_cpu(CpuInterface& cpu, unsigned vcpu_id, u64 affinity);

    // User space has set the vCPU's MPIDR_EL1, which it may do at any time, as with Linux's KVM. GICR_TYPER, SGIs and user
    // space's names of redistributors follow, and SPIs whose IROUTER names the new affinity. SPIs that found the vCPU by its
    // old affinity stay with that vCPU until their IROUTER is written again. Sleeps.
    void set_affinity(CpuInterface& cpu, u64 mpidr);

    // As after the registration of the vCPUs: no addresses, and defaults everywhere. EEXIST: after init(). Sleeps.
    Status forget_layout();

    // Interrupts in all, a multiple of 32 from 64 to 1024. EINVAL; EBUSY: already set or initialised. Sleeps.
    Status set_interrupts(unsigned count);
    unsigned interrupts() const { return spis_ + kPrivateInterrupts; }
    // As many as init() will make, or has made.
    unsigned interrupts_at_init() const { return spis_ ? interrupts() : kDefaultInterrupts; }
    // Addresses: EEXIST set before, EINVAL misaligned, E2BIG above the limit. Sleeps.
    Status set_base(u64 address);
    u64 base() const { return base_; }
    // A redistributor region; count 0 is the legacy one of all vCPUs. EINVAL, EEXIST, E2BIG, ENOSPC. Sleeps.
    Status add_region(u64 base, unsigned index, unsigned count);
    // The SPIs among them: INTID 32 to 1019 at most.
    unsigned spis() const {
        return (interrupts_at_init() < kFirstSpecial ? interrupts_at_init() : kFirstSpecial) - kPrivateInterrupts;
    }
    const RedistributorRegions& regions() const { return regions_; }

    // The PPI by which L1 hears of its own ICH_MISR_EL2; 0 while there is none. EINVAL: not a PPI. EBUSY: after init().
    // Sleeps.
    Status set_maintenance_ppi(unsigned intid);
    unsigned maintenance_ppi() const { return maintenance_ppi_.load_relaxed(); }
    // At the first run of each vCPU with EL2: fixes the INTID (the default one, if user space has set none) and takes the PPI
    // out of user space's reach. EEXIST: the PPI belongs to another device. Sleeps.
    Status claim_maintenance_ppi(CpuInterface& cpu);

    // Fixes the number of interrupts and allocates them. Idempotent. ENOMEM. Sleeps.
    Status init();
    bool initialized() const { return initialized_.load_acquire(); }
    // Before a vCPU's first entry: ENXIO an address is missing, EINVAL frames overlap, EBUSY not initialised. Sleeps.
    Status check_ready();
    bool ready() const { return ready_.load_acquire(); }

    // ---- for the other files of vgic/ ----
    Callbacks& callbacks() const { return callbacks_; }
    const HostGic& gic() const { return gic_; }
    Mutex& config() { return config_; }
    RawSpinLock& shared_lock() { return shared_lock_; }

    unsigned cpu_count() const { return cpu_count_.load_acquire(); }
    CpuInterface& cpu(unsigned index) const { return *cpus_[index]; }
    CpuInterface* find(unsigned index) const { return index < cpu_count() ? cpus_[index] : nullptr; }
    // affinity as in MPIDR_EL1; null: no such vCPU.
    CpuInterface* find_affinity(u64 affinity) const;
    // Whose redistributor frame pair holds the address, and the offset in it; null: none.
    CpuInterface* find_redistributor(u64 address, u64& offset) const;
    // False: the address is in no frame, which is known by two comparisons. For a vCPU that has passed check_ready().
    bool may_have_frame(u64 address) const { return address - frames_start_ < frames_bytes_; }
    bool is_last_redistributor(const CpuInterface& cpu) const;

    bool enabled() const { return enabled_.load_relaxed(); }
    void set_enabled(bool on);
    bool valid_spi(unsigned intid) const {
        return intid >= kPrivateInterrupts && intid < kFirstSpecial && intid < interrupts() && initialized();
    }
    SpiBank& spi_bank(unsigned bank) const { return banks_[bank]; }
    unsigned spi_banks() const { return spis_ / 32; }
    // Of an LPI; null: no LPI of the bank was ever mapped. `bank` as bank_index() counts. The shared lock held.
    LpiBank* lpi_bank(unsigned bank) const {
        shared_lock_.assert_held();
        return lpi_banks_ ? lpi_banks_[bank - kMaxSpiBanks] : nullptr;
    }
    // Gives the bank, if it has none yet, this one, and takes it over. The shared lock held.
    void add_lpi_bank(unsigned bank, Owned<LpiBank>& made);
    // One that exists.
    SharedBank& shared_bank(unsigned bank) const {
        return is_lpi_bank(bank) ? static_cast<SharedBank&>(*lpi_banks_[bank - kMaxSpiBanks]) : banks_[bank];
    }
    // An ITS was made: from now on the guest may enable LPIs, as GICD_TYPER and GICR_TYPER say. Any context.
    void offer_lpis() { offers_lpis_.store_relaxed(true); }
    bool offers_lpis() const { return offers_lpis_.load_relaxed(); }

    // Shared lock held, interrupts off, no CpuInterface's lock: brings the holder in line with the interrupt's state and
    // notes whom to kick.
    void update_shared(unsigned bank, unsigned bit, Kicks& kicks);
    // The interrupt is nobody's from here on: it is in no list register, and not relevant(). `from` holds it, and
    // from.refresh() is due. The shared lock and from's lock held.
    void let_go(CpuInterface& from, unsigned bank, unsigned bit) {
        shared_lock_.assert_held();
        shared_bank(bank).holder[bit] = kNobody;
        from.release(bank, u32{1} << bit);
        if (!is_lpi_bank(bank))
            held_spis_.fetch_add_relaxed(-1u);
    }
    // SPIs held by any vCPU: while there are some, DIR of one vCPU may mean a list register of another.
    unsigned held_spis() const { return held_spis_.load_relaxed(); }
    // The vCPU's EOImode changed, as sync() saw it.
    void note_split_eoi(CpuInterface& cpu, bool split);

    static constexpr u8 kRevision = 3;
    u8 revision = kRevision;  // GICD_IIDR.Revision; config mutex
    Atomic<u64> propbaser;    // written under the config mutex

private:
    bool bases_sound() const;
    void note_frames();
    Status assign_redistributor(CpuInterface& cpu);
    Status init_lpis();
    u16 wanted_holder(unsigned bank, unsigned n) const;
    void told_of_new_spi(unsigned holder, Kicks& kicks);

    Callbacks& callbacks_;
    HostGic gic_;
    u64 ipa_limit_;
    Mutex config_{NEST_LOCK_VGIC_CONFIG};
    RawSpinLock shared_lock_{NEST_LOCK_VGIC_SHARED};
    unsigned spis_ = 0;
    u64 base_ = ~u64{0};
    Atomic<bool> enabled_, initialized_, ready_;
    u64 frames_start_ = 0, frames_bytes_ = ~u64{0};  // no frame lies outside; final with ready_
    Atomic<unsigned> held_spis_, split_eoi_cpus_, maintenance_ppi_;
    Buffer<SpiBank> banks_;
    Buffer<LpiBank*> lpi_banks_;  // by INTID; each stays once it is there
    Atomic<bool> offers_lpis_;
    RedistributorRegions regions_;
    Atomic<unsigned> cpu_count_;
    CpuInterface* cpus_[kMaxVcpus] = {};
    CpuInterface* placed_[kMaxVcpus] = {};  // in the order in which they got redistributors
    Atomic<unsigned> placed_count_;
};

}  // namespace nest::vgic
