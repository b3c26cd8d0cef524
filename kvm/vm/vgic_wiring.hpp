// SPDX-License-Identifier: GPL-2.0-only
// The vGIC of a VM and the wires around it: kicks to vCPUs, irqfds in, resampling out, MMIO from faults.
#pragma once
#include <base/atomic.hpp>
#include <base/memory.hpp>
#include <kvm/devices/irqfd.hpp>
#include <kvm/devices/mmio.hpp>
#include <kvm/memory/dirty_ring.hpp>
#include <kvm/vm/its_list.hpp>
#include <vgic/distributor.hpp>

namespace nest::kvm {

class Vm;
class Vcpu;

class VgicWiring final : public vgic::Callbacks, public IrqSink {
public:
    explicit VgicWiring(Vm& vm) : vm_(vm) {}

    // EEXIST: taken(); EBUSY: a vCPU has run; ENOMEM and what registering the existing vCPUs reports. The VM's lock held. A
    // vGIC that was closed before its initialisation can be created again: a VMM that fails half-way through setting up one
    // kind of interrupt controller closes it and tries the next kind.
    Status create();
    // Is there a vGIC that is open or initialised? Any context.
    bool taken() const;
    // The vGIC's last descriptor was closed. Any context; takes no lock, as the VM's lock may be held for long.
    void closed() { open_.store_release(false); }
    // A vCPU that is created after the vGIC. EINVAL, E2BIG, EBUSY once initialised. The VM's lock.
    Status add(Vcpu& vcpu);
    // nullptr until create() has succeeded; then the same distributor until the VM ends. Any context.
    vgic::Distributor* distributor() const { return published_.load_acquire(); }
    // Makes an ITS, and lets MSI routes be set from now on. ENODEV: there is no vGIC yet; ENOMEM, ENOSPC. The VM's lock.
    Result<vgic::Its*> create_its();
    ItsList& its_list() { return its_list_; }
    // A message that names a device goes to the ITS at its address. ENODEV: the VM has no ITS; EINVAL: no device is named, or no
    // ITS has that address. Any context.
    Result<vgic::Its::Delivery> send_msi(const abi::Msi& msi);
    // The vGIC is about to be initialised: irqfds get their default routes. ENOMEM. The VM's lock.
    Status make_default_routes();

    // vgic::Callbacks
    void kick(unsigned vcpu_index) override;
    void eoi(unsigned intid) override;
    bool irq_line_level(unsigned vcpu_index, unsigned intid) override;
    void set_physical_active(unsigned vcpu_index, unsigned host_intid, bool active) override;
    void halt_all() override;
    void resume_all() override;
    Status read_guest(u64 ipa, void* to, size_t bytes) override;
    Status write_guest(u64 ipa, const void* from, size_t bytes) override;
    bool can_log_writes() override;

    // IrqSink
    bool ready() override;
    void inject_spi(u32 intid, bool level) override;
    void inject_msi(const abi::Msi& msi) override;

private:
    Status reopen();
    DirtyRing* ring_here();
    static Status register_with(vgic::Distributor& distributor, Vcpu& vcpu);

    Vm& vm_;
    Owned<vgic::Distributor> distributor_;  // the VM's lock
    ItsList its_list_;
    Atomic<vgic::Distributor*> published_;  // the same, for those without the lock
    Atomic<bool> open_;                     // there is a descriptor of it
};

// The devices in the kernel that one vCPU's loads and stores reach.
class VcpuDevices final : public MmioDevices {
public:
    explicit VcpuDevices(Vcpu& vcpu) : vcpu_(vcpu) {}
    // False: an access would find no device.
    bool may_have(arch::Ipa ipa) const;
    bool mmio_read(arch::Ipa ipa, unsigned bytes, u64& value) override;
    Written mmio_write(arch::Ipa ipa, unsigned bytes, u64 value) override;

private:
    Vcpu& vcpu_;
};

}  // namespace nest::kvm
