// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vgic_wiring.hpp>

#include <kvm/memory/guest_memory.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/inject.hpp>
#include <vgic/mmio/mmio.hpp>

namespace nest::kvm {

Status VgicWiring::create() {
    if (distributor_)
        return reopen();
    bool ran = false;
    vm_.for_each_vcpu([&](Vcpu& v) { ran |= v.has_run.load_acquire(); });
    if (ran)
        return Errno::kBusy;
    Owned<vgic::Distributor> made(
        make<vgic::Distributor>(*this, machine().gic, vm_.stage2.tables().limit().raw));
    if (!made)
        return Errno::kNoMem;
    for (unsigned i = 0; i < vm_.online(); i++)
        if (Status s = register_with(*made, vm_.vcpu(i)); !s.ok()) {
            // Nobody can have seen the new distributor: no vCPU is in an ioctl, and KVM_IRQ_LINE starts from published_.
            for (unsigned j = 0; j < vm_.online(); j++)
                vm_.vcpu(j).gic.distributor = nullptr;
            return s;
        }
    open_.store_relaxed(true);
    distributor_ = std::move(made);
    published_.store_release(distributor_.get());
    return kOk;
}

// The old distributor is used again, not replaced: thread B may be in KVM_IRQ_LINE, without the lock, and have read its
// address. Nobody has the device open and it is not initialised, so that without its layout it is as good as new.
Status VgicWiring::reopen() {
    if (taken())
        return Errno::kExist;
    NEST_TRY(distributor_->forget_layout());
    open_.store_relaxed(true);
    return kOk;
}

bool VgicWiring::taken() const {
    const vgic::Distributor* const its = distributor();
    return its && (open_.load_acquire() || its->initialized());
}

Status VgicWiring::register_with(vgic::Distributor& distributor, Vcpu& vcpu) {
    return distributor.register_cpu(vcpu.gic, vcpu.id, vcpu.regs.get(arch::SysReg::MPIDR_EL1));
}

Status VgicWiring::add(Vcpu& vcpu) { return distributor_ ? register_with(*distributor_, vcpu) : kOk; }

Status VgicWiring::make_default_routes() { return vm_.routing.set_default(distributor_->spis()); }

void VgicWiring::kick(unsigned vcpu_index) { vm_.vcpu(vcpu_index).kick(); }

void VgicWiring::eoi(unsigned intid) { vm_.irqfds.notify_ack(intid); }

bool VgicWiring::irq_line_level(unsigned vcpu_index, unsigned intid) {
    Vcpu& vcpu = vm_.vcpu(vcpu_index);
    // The vCPU is loaded on another CPU, whose timer registers cannot be read here: the answer is the level that the vGIC
    // knows, until that vCPU's own sync.
    if (vcpu.timers.loaded() && this_cpu().loaded != &vcpu)
        return vcpu.gic.private_irqs.line >> (intid % 32) & 1;
    for (timer::Slot slot : timer::kSlots)
        if (vcpu.timers.guest_intid(vcpu.timers.direct(slot)) == intid)
            return vcpu.timers.asserted(cpu(), vcpu.timers.direct(slot));
    return false;
}

void VgicWiring::set_physical_active(unsigned vcpu_index, unsigned host_intid, bool active) {
    timer::VcpuTimers& timers = vm_.vcpu(vcpu_index).timers;
    for (timer::Slot slot : timer::kSlots)
        if (timers.host_intid(slot) == host_intid)
            nest_port_timer_irq_set_active(timer::index_of(slot), active);
}

void VgicWiring::halt_all() { vm_.halt_all(); }
void VgicWiring::resume_all() { vm_.resume_all(); }

Status VgicWiring::read_guest(u64 ipa, void* to, size_t bytes) { return kvm::read_guest(vm_.slots, arch::Ipa(ipa), to, bytes); }
// By a vCPU's thread, which emulates an access, or by an ioctl of the VM's.
Status VgicWiring::write_guest(u64 ipa, const void* from, size_t bytes) {
    return kvm::write_guest(vm_.slots, arch::Ipa(ipa), from, bytes, ring_here());
}

bool VgicWiring::can_log_writes() {
    const DirtyRing* const ring = ring_here();
    return !ring || !*ring || !ring->is_nearly_full();
}

// The ring of the vCPU whose thread this is; null: an ioctl of the VM's.
DirtyRing* VgicWiring::ring_here() {
    const PreemptionOff here;
    Vcpu* const vcpu = this_cpu().loaded;
    return vcpu && &vcpu->vm == &vm_ ? &vcpu->dirty_ring : nullptr;
}

bool VgicWiring::ready() {
    const vgic::Distributor* const there = distributor();
    return there && there->initialized();
}

void VgicWiring::inject_spi(u32 intid, bool level) { (void)vgic::inject_spi(*distributor(), intid, level); }

// Of an irqfd: nobody is told of a message that is lost, as on a machine.
void VgicWiring::inject_msi(const abi::Msi& msi) { (void)send_msi(msi); }

Result<vgic::Its*> VgicWiring::create_its() {
    if (!distributor_)
        return Errno::kNoDev;
    vgic::Its* const its = NEST_TRY(its_list_.create(*distributor_));
    vm_.routing.allow_msis();
    return its;
}

Result<vgic::Its::Delivery> VgicWiring::send_msi(const abi::Msi& msi) {
    if (its_list_.empty())
        return Errno::kNoDev;
    u32 offset;
    vgic::Its* const its = its_list_.find(u64{msi.address_hi} << 32 | msi.address_lo, offset);
    if (!its || !(msi.flags & abi::KVM_MSI_VALID_DEVID))
        return Errno::kInval;
    return its->send(msi.devid, msi.data);
}

bool VcpuDevices::may_have(arch::Ipa ipa) const {
    u32 offset;
    return vcpu_.has_gic() && (vcpu_.gic.distributor->may_have_frame(ipa.raw) || vcpu_.vm.gic.its_list().find(ipa.raw, offset));
}

bool VcpuDevices::mmio_read(arch::Ipa ipa, unsigned bytes, u64& value) {
    if (!vcpu_.has_gic())
        return false;
    if (vcpu_.gic.distributor->may_have_frame(ipa.raw) && vgic::mmio_read(vcpu_.gic, ipa, bytes, value))
        return true;
    u32 offset;
    vgic::Its* const its = vcpu_.vm.gic.its_list().find(ipa.raw, offset);
    if (its)
        value = its->mmio_read(offset, bytes);
    return its != nullptr;
}

MmioDevices::Written VcpuDevices::mmio_write(arch::Ipa ipa, unsigned bytes, u64 value) {
    if (!vcpu_.has_gic())
        return Written::kNobody;
    if (vcpu_.gic.distributor->may_have_frame(ipa.raw) && vgic::mmio_write(vcpu_.gic, ipa, bytes, value))
        return Written::kDone;
    u32 offset;
    vgic::Its* const its = vcpu_.vm.gic.its_list().find(ipa.raw, offset);
    if (!its)
        return Written::kNobody;
    return its->mmio_write(offset, bytes, value) == vgic::Its::Written::kAgain ? Written::kAgain : Written::kDone;
}

}  // namespace nest::kvm
