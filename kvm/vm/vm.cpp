// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vm.hpp>

#include <base/new_fd.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/report.hpp>
#include <timer/hardware.hpp>

namespace nest::kvm {
namespace {

constinit Atomic<u32> next_number{1};

}  // namespace

Vm::Vm(nest_host_vm* host_vm, unsigned ipa_bits)
    : host(host_vm),
      stage2(mmu_lock, machine().vmids, nested_vncr),
      nested_mmu(*this),
      nested_vncr(*this),
      slots(slots_lock, mmu_lock, stage2, ipa_bits),
      timers(machine().timers, timer::host_count(cpu())),
      power(*this),
      gic(*this),
      irqfds(routing, gic),
      number(next_number.fetch_add_relaxed(1)),
      process(nest_port_process_id()) {}

Result<Vm*> Vm::create(nest_host_vm* host, unsigned ipa_bits) {
    Owned<Vm> vm(make<Vm>(host, ipa_bits));
    if (!vm)
        return Errno::kNoMem;
    NEST_TRY(vm->stage2.init(ipa_bits, machine().stage2));
    NEST_TRY(vm->mmio_bus.init());
    vm->ids.init();
    vm->ids.use_nv2(machine().nv2, {.e2h0 = machine().nv1 && machine().config.e2h0, .nv2 = machine().recursion});
    vm->smccc.mitigations = machine().mitigations;
    list_vm(*vm);
    return vm.release();
}

Vm::~Vm() {
    irqfds.release_all();
    // Before the vCPUs: an ITS that ends unmaps its LPIs, and the vGIC looks at the vCPU that a pending one is for.
    gic.its_list().destroy_all();
    for (unsigned i = 0; i < online(); i++)
        destroy(vcpus_[i]);
    nested_mmu.destroy();
    stage2.destroy();
}

void Vm::put() {
    memory_barrier();
    if (references_.fetch_sub_acq_rel(1) != 1)
        return;
    unlist_vm(*this);
    nest_host_vm* const ours = host;
    // No MMU notifier may run while the tables are freed; until here notifiers are harmless.
    nest_port_vm_quiesce(ours);
    destroy(this);
    nest_port_vm_free(ours);
}

Result<int> Vm::create_vcpu(u64 id) {
    if (id >= kMaxVcpus)
        return Errno::kInval;
    Guard guard(lock);
    if (online() == kMaxVcpus)
        return Errno::kInval;
    if (gic.distributor() && gic.distributor()->initialized())
        return Errno::kBusy;
    if (find_id(id))
        return Errno::kExist;
    NewFd fd;
    NEST_TRY(fd.reserve(NEST_FD_VCPU, static_cast<u32>(id)));
    const unsigned index = online();
    Owned<Vcpu> made(NEST_TRY(Vcpu::create(*this, index, static_cast<u32>(id))));
    NEST_TRY(gic.add(*made));
    // Nothing may fail from here on: other threads find the vCPU without the lock (KVM_IRQ_LINE, CPU_ON, statistics), and may
    // use it until the VM ends.
    timers.start_virtual_count(timer::host_count(cpu()));
    get();
    vcpus_[index] = made.get();
    online_vcpus_.store_release(index + 1);
    nested_mmu.vcpu_added();
    return fd.install(made.release());
}

Vcpu* Vm::find_id(u64 id) {
    for (unsigned i = 0; i < online(); i++)
        if (vcpus_[i]->id == id)
            return vcpus_[i];
    return nullptr;
}

bool Vm::try_lock_vcpus() {
    for (unsigned i = 0; i < online(); i++)
        if (!vcpus_[i]->mutex.try_lock_under(lock)) {
            while (i--)
                vcpus_[i]->mutex.unlock();
            return false;
        }
    return true;
}

void Vm::unlock_vcpus() {
    for (unsigned i = online(); i--;)
        vcpus_[i]->mutex.unlock();
}

void Vm::halt_all() {
    halts_.fetch_add_relaxed(1);
    memory_barrier();  // pairs with pass_through_guest(): a vCPU that we see outside the guest sees the halt before it enters
    for_each_vcpu([](Vcpu& v) {
        while (v.in_guest.load_acquire()) {
            v.kick();
            nest_port_relax();
        }
    });
}

void Vm::resume_all() {
    if (halts_.fetch_sub_acq_rel(1) == 1)
        for_each_vcpu([](Vcpu& v) { nest_port_vcpu_wake(v.host); });
}

void Vm::die() {
    dead.store_release(true);
    for_each_vcpu([](Vcpu& v) {
        v.make_request(Request::kLook);
        v.kick();
    });
}

}  // namespace nest::kvm
