// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/distributor.hpp>
#include <utility>

namespace nest::vgic {
namespace {

constexpr u64 kUnset = ~u64{0};
constexpr u64 kAffinityMask = 0xff'00ff'ffff;

// GICR_PENDBASER after reset: inner Read-allocate Write-back, outer the same as inner, Inner Shareable.
constexpr u64 kPendbaserReset = u64{3} << 7 | u64{1} << 10;

}  // namespace

void Kicks::deliver_some(const Distributor& distributor) {
    if (everyone_) {
        for (unsigned i = 0; i < distributor.cpu_count(); i++)
            distributor.callbacks().kick(i);
        return;
    }
    for (unsigned i = 0; i < count_; i++)
        distributor.callbacks().kick(vcpus_[i]);
}

Distributor::Distributor(Callbacks& callbacks, const HostGic& gic, u64 ipa_limit)
    : callbacks_(callbacks), gic_(gic), ipa_limit_(ipa_limit) {}

Distributor::~Distributor() {
    for (LpiBank* bank : lpi_banks_)
        destroy(bank);
}

Status Distributor::register_cpu(CpuInterface& cpu, unsigned vcpu_id, u64 affinity) {
    Guard guard(config_);
    const unsigned index = cpu_count();
    if (initialized())
        return Errno::kBusy;
    if (index == kMaxVcpus)
        return Errno::k2Big;
    cpu.distributor = this;
    cpu.index = index;
    cpu.id = vcpu_id;
    cpu.affinity.store_relaxed(affinity & kAffinityMask);
    cpu.private_irqs.enabled = 0xffff;  // SGIs come up enabled, as KVM's do
    cpu.private_irqs.edge = 0xffff;     // SGIs are edges; PPIs are levels here, and both are read-only
    cpu.priority_bits = static_cast<u8>(gic_.priority_bits());
    cpu.id_bits = static_cast<u8>(gic_.id_bits());
    cpu.pendbaser.store_relaxed(kPendbaserReset);
    NEST_TRY(assign_redistributor(cpu));
    cpus_[index] = &cpu;
    cpu_count_.store_release(index + 1);
    return kOk;
}

void Distributor::set_affinity(CpuInterface& cpu, u64 mpidr) {
    const u64 affinity = mpidr & kAffinityMask;
    if (affinity == cpu.affinity.load_relaxed())
        return;
    Guard guard(config_);
    cpu.affinity.store_relaxed(affinity);
    if (!initialized())
        return;
    // SPIs whose IROUTER named this affinity while no vCPU had it.
    Kicks kicks;
    {
        IrqGuard spis(shared_lock_);
        for (unsigned b = 0; b < spi_banks(); b++)
            for (unsigned n = 0; n < 32; n++)
                if (banks_[b].route[n] == affinity && banks_[b].routed >> n & 1) {
                    banks_[b].target[n] = static_cast<u16>(cpu.index);
                    update_shared(b, n, kicks);
                }
    }
    kicks.deliver(*this);
}

Status Distributor::forget_layout() {
    Guard guard(config_);
    if (initialized())
        return Errno::kExist;
    for (unsigned i = 0; i < cpu_count(); i++)
        cpus_[i]->redist_base = kUnset;
    placed_count_.store_release(0);
    regions_.remove_all();
    base_ = kUnset;
    spis_ = 0;
    revision = kRevision;
    maintenance_ppi_.store_relaxed(0);
    return kOk;
}

Status Distributor::set_interrupts(unsigned count) {
    if (count < kPrivateInterrupts + 32 || count > kMaxInterrupts || count % 32)
        return Errno::kInval;
    Guard guard(config_);
    if (spis_)
        return Errno::kBusy;
    spis_ = count - kPrivateInterrupts;
    return kOk;
}

Status Distributor::set_base(u64 address) {
    Guard guard(config_);
    if (base_ != kUnset)
        return Errno::kExist;
    NEST_TRY(check_range(address, kFrameSize, ipa_limit_));
    base_ = address;
    return kOk;
}

// Do none of the frames that are placed so far collide, with the vCPUs that exist so far?
bool Distributor::bases_sound() const {
    config_.assert_held();
    if (!regions_.sound(cpu_count(), ipa_limit_))
        return false;
    return base_ == kUnset || !regions_.overlap(base_, kFrameSize, cpu_count());
}

// The config mutex held.
Status Distributor::assign_redistributor(CpuInterface& cpu) {
    config_.assert_held();
    const unsigned r = regions_.first_free();
    if (cpu.redist_base != kUnset || r == regions_.size())
        return kOk;  // placed already, or user space has given no address yet
    if (!bases_sound())
        return Errno::kInval;
    RedistributorRegion& region = regions_[r];
    const unsigned ordinal = placed_count_.load_relaxed();
    if (!region.used)
        region.first = ordinal;
    cpu.region = r;
    cpu.region_slot = region.used;
    cpu.redist_base = region.base + region.used * kRedistributorSize;
    placed_[ordinal] = &cpu;
    region.used++;
    placed_count_.store_release(ordinal + 1);
    return kOk;
}

Status Distributor::add_region(u64 base, unsigned index, unsigned count) {
    Guard guard(config_);
    NEST_TRY(regions_.add(base, index, count, cpu_count(), base_, ipa_limit_));
    for (unsigned i = 0; i < cpu_count(); i++) {
        const Status status = assign_redistributor(*cpus_[i]);
        if (status.ok())
            continue;
        // The only error is a collision, which the first vCPU without a redistributor meets: nothing was placed.
        regions_.remove_last();
        return status;
    }
    return kOk;
}

Status Distributor::init() {
    Guard guard(config_);
    if (initialized())
        return kOk;
    const unsigned spis = interrupts_at_init() - kPrivateInterrupts;
    Buffer<SpiBank> banks(spis / 32);
    if (!banks)
        return Errno::kNoMem;
    for (SpiBank& bank : banks) {
        bank = SpiBank{};
        for (unsigned i = 0; i < 32; i++) {
            bank.holder[i] = kNobody;
            bank.target[i] = cpu_count() ? 0 : kNobody;
        }
    }
    NEST_TRY(init_lpis());
    banks_ = std::move(banks);
    spis_ = spis;
    for (unsigned i = 0; i < cpu_count(); i++)
        cpus_[i]->hw.vmcr = 0;
    initialized_.store_release(true);
    return kOk;
}

// Before the guest can have an LPI, so that a message that comes in a hard interrupt needs no memory.
Status Distributor::init_lpis() {
    for (unsigned i = 0; i < cpu_count(); i++)
        if (cpus_[i]->held_lpis = Buffer<u32>(kLpiBanks); !cpus_[i]->held_lpis)
            return Errno::kNoMem;
    lpi_banks_ = Buffer<LpiBank*>(kLpiBanks);
    return lpi_banks_ ? kOk : Status(Errno::kNoMem);
}

void Distributor::add_lpi_bank(unsigned bank, Owned<LpiBank>& made) {
    shared_lock_.assert_held();
    LpiBank*& slot = lpi_banks_[bank - kMaxSpiBanks];
    if (!slot)
        slot = made.release();
}

Status Distributor::check_ready() {
    if (ready())
        return kOk;
    Guard guard(config_);
    for (unsigned i = 0; i < cpu_count(); i++)
        if (cpus_[i]->redist_base == kUnset)
            return Errno::kNxIo;
    if (base_ == kUnset)
        return Errno::kNxIo;
    if (!bases_sound())
        return Errno::kInval;
    if (!initialized())
        return Errno::kBusy;
    note_frames();
    ready_.store_release(true);
    return kOk;
}

void Distributor::note_frames() {
    config_.assert_held();
    u64 first = base_, end = base_ + kFrameSize;
    for (unsigned i = 0; i < cpu_count(); i++) {
        const u64 base = cpus_[i]->redist_base;
        first = base < first ? base : first;
        end = base + kRedistributorSize > end ? base + kRedistributorSize : end;
    }
    frames_start_ = first;
    frames_bytes_ = end - first;
}

CpuInterface* Distributor::find_affinity(u64 affinity) const {
    // KVM's default MPIDR: sixteen vCPUs in Aff0.
    const u64 guess = (affinity & 15) | (affinity >> 8 & 0xff) << 4 | (affinity >> 16 & 0xff) << 12;
    const unsigned n = cpu_count();
    if (guess < n && cpus_[guess]->affinity.load_relaxed() == affinity)
        return cpus_[guess];
    for (unsigned i = 0; i < n; i++)
        if (cpus_[i]->affinity.load_relaxed() == affinity)
            return cpus_[i];
    return nullptr;
}

CpuInterface* Distributor::find_redistributor(u64 address, u64& offset) const {
    for (unsigned r = 0; r < regions_.size(); r++) {
        const RedistributorRegion& region = regions_[r];
        const u64 distance = address - region.base;
        if (distance >= u64{region.used} * kRedistributorSize)
            continue;
        offset = distance % kRedistributorSize;
        return placed_[region.first + distance / kRedistributorSize];
    }
    return nullptr;
}

bool Distributor::is_last_redistributor(const CpuInterface& cpu) const {
    if (cpu.redist_base == kUnset)
        return false;
    const RedistributorRegion& region = regions_[cpu.region];
    if (cpu.region_slot + 1 < region.used)
        return false;
    if (!region.full() || !region.count)
        return true;
    // A guest walks from frame to frame until GICR_TYPER.Last, so that contiguous regions are one to it.
    for (unsigned r = 0; r < regions_.size(); r++)
        if (regions_[r].used && regions_[r].base == region.base + region.size(0))
            return false;
    return true;
}

void Distributor::set_enabled(bool on) {
    if (enabled() == on)
        return;
    enabled_.store_release(on);
    // Before the looks at `work`. Without: we read no work; CPU B adds some and kicks vCPU C, which still reads "disabled" and
    // sleeps; and nobody kicks C any more.
    memory_barrier();
    // On: the vCPUs take what has waited. Off: they give back what their list registers hold.
    for (unsigned i = 0; i < cpu_count(); i++)
        if (cpus_[i]->work.load_relaxed())
            callbacks_.kick(i);
}

}  // namespace nest::vgic
