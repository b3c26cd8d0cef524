// SPDX-License-Identifier: GPL-2.0-only
// port/entry.h: where the kernel's calls come in.
#include <port/entry.h>

#include <kvm/devices/irqfd.hpp>
#include <kvm/exits/wait.hpp>
#include <kvm/ioctl/device.hpp>
#include <kvm/ioctl/vcpu_ioctl.hpp>
#include <kvm/ioctl/vm_ioctl.hpp>
#include <kvm/run/load.hpp>
#include <kvm/stats/totals.hpp>
#include <kvm/vm/dump.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/report.hpp>
#include <kvm/vm/vm.hpp>
#include <timer/hardware.hpp>

namespace {

using namespace nest;
using namespace nest::kvm;

constexpr unsigned long kIpaSizeMask = abi::KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
constexpr unsigned kDefaultIpaBits = 40;

Vm& vm_of(nest_vm* vm) { return *reinterpret_cast<Vm*>(vm); }
Vcpu& vcpu_of(nest_vcpu* vcpu) { return *reinterpret_cast<Vcpu*>(vcpu); }

// KVM_CREATE_VM's type: the IPA size in bits; 0 means 40. EINVAL for anything else, and for 0 where the machine has fewer than
// 40: a VMM has to ask KVM_CAP_ARM_VM_IPA_SIZE there (Documentation/virt/kvm/api.rst).
Result<unsigned> ipa_bits_of(unsigned long type) {
    if (type & ~kIpaSizeMask)
        return Errno::kInval;
    const unsigned bits = type ? static_cast<unsigned>(type) : kDefaultIpaBits;
    if (bits < stage2::kMinIpaBits || bits > machine().ipa_limit)
        return Errno::kInval;
    return bits;
}

}  // namespace

extern "C" {

const char* nest_core_refusal(void) { return refusal(); }
int nest_core_init(const nest_host_config* config) { return static_cast<int>(to_abi(init_machine(*config))); }
void nest_core_exit(void) { exit_machine(); }
const char* nest_cpu_online(void) { return init_this_cpu(); }
const char* nest_cpu_vectors(void) { return try_vector_lengths(); }
void nest_cpu_offline(void) { this_cpu().disabled = true; }
void nest_cpu_call(unsigned, void*) {}  // CpuCall::kNothing: the interrupt itself is all that is asked of a CPU

long nest_dev_ioctl(unsigned cmd, unsigned long arg) { return system_ioctl(cmd, arg); }

int nest_vm_create(nest_host_vm* host, unsigned long type, nest_vm** out) {
    const auto bits = ipa_bits_of(type);
    if (!bits)
        return static_cast<int>(to_abi(Status(bits.error())));
    const auto vm = Vm::create(host, bits.value());
    if (!vm)
        return static_cast<int>(to_abi(Status(vm.error())));
    *out = reinterpret_cast<nest_vm*>(vm.value());
    return 0;
}
void nest_vm_release(nest_vm* vm) {
    vm_of(vm).irqfds.release_all();  // the VM may live on by its vCPUs' descriptors; its eventfds are given back now
    vm_of(vm).put();
}
long nest_vm_ioctl(nest_vm* vm, unsigned cmd, unsigned long arg) { return vm_ioctl(vm_of(vm), cmd, arg); }
long nest_vcpu_ioctl(nest_vcpu* vcpu, unsigned cmd, unsigned long arg) { return vcpu_ioctl(vcpu_of(vcpu), cmd, arg); }
void nest_vcpu_release(nest_vcpu* vcpu) { vcpu_of(vcpu).vm.put(); }

void* nest_vcpu_mmap_page(nest_vcpu* vcpu, unsigned long index) {
    if (index == 0)
        return vcpu_of(vcpu).run;
    if (index >= abi::KVM_DIRTY_LOG_PAGE_OFFSET)
        return vcpu_of(vcpu).dirty_ring.page(index - abi::KVM_DIRTY_LOG_PAGE_OFFSET);
    return index == abi::KVM_COALESCED_MMIO_PAGE_OFFSET ? vcpu_of(vcpu).vm.mmio_bus.ring().page() : nullptr;
}

int nest_vcpu_mmap_in_ring(nest_vcpu* vcpu, unsigned long index) {
    return index >= abi::KVM_DIRTY_LOG_PAGE_OFFSET && nest_vcpu_mmap_page(vcpu, index);
}

long nest_device_ioctl(void* device, unsigned cmd, unsigned long arg) { return device_ioctl(device, cmd, arg); }
void nest_device_release(void* device) { device_release(device); }

long nest_stats_read(int kind, void* object, uint64_t user, size_t bytes, uint64_t offset) {
    if (kind == NEST_FD_VM_STATS) {
        Vm& vm = *static_cast<Vm*>(object);
        complete(vm);
        return to_abi(read_stats(vm.stats, vm.process, user, bytes, offset));
    }
    Vcpu& vcpu = *static_cast<Vcpu*>(object);
    complete(vcpu.stats);
    return to_abi(read_stats(vcpu.stats, vcpu.vm.process, vcpu.id, user, bytes, offset));
}
void nest_stats_release(int kind, void* object) {
    (kind == NEST_FD_VM_STATS ? *static_cast<Vm*>(object) : static_cast<Vcpu*>(object)->vm).put();
}

void nest_stats_show(void* to) { show_all(to); }
void nest_dump_translations(void* to) { dump_translations(to); }
const char* nest_stat_name(unsigned row) {
    const Counter* counter = single_counter(row);
    return counter ? counter->name : nullptr;
}
uint64_t nest_stat_of_vm(nest_vm* vm, unsigned row) { return value_of(vm_of(vm), *single_counter(row)); }
uint64_t nest_stat_of_all(unsigned row) { return value_of_all(*single_counter(row)); }
bool nest_totals_row(unsigned row, const char** name, uint64_t* value) {
    TotalsRow found;
    if (!totals_row(row, found))
        return false;
    *name = found.name;
    *value = found.value;
    return true;
}

void nest_mmu_invalidate_start(nest_vm* vm, uint64_t start, uint64_t end) {
    Vm& v = vm_of(vm);
    count(v.stats.mmu_notifier_invalidations);
    v.stage2.notifier_start(v.slots, arch::Hva(start), arch::Hva(end));
}
void nest_mmu_invalidate_end(nest_vm* vm, uint64_t start, uint64_t end) {
    Vm& v = vm_of(vm);
    v.stage2.notifier_end(v.slots, arch::Hva(start), arch::Hva(end));
}
bool nest_mmu_age(nest_vm* vm, uint64_t start, uint64_t end, bool clear) {
    // The kernel may name a single address. A page of the host is as young as the youngest of its 4 KiB frames, so all of them
    // are looked at.
    const u64 page = u64{1} << nest_port_page_shift();
    return vm_of(vm).stage2.notifier_age(vm_of(vm).slots, arch::Hva(start).align_down(page),
                                         arch::Hva(end).align_up(page), clear);
}
void nest_mmu_release(nest_vm* vm) {
    Vm& v = vm_of(vm);
    v.die();
    const arch::Hva all(~uint64_t{0} & ~(arch::kPageSize - 1));
    v.stage2.notifier_start(v.slots, arch::Hva(0), all);
    v.stage2.notifier_end(v.slots, arch::Hva(0), all);
}

void nest_vcpu_load(nest_vcpu* vcpu) { load(vcpu_of(vcpu)); }
void nest_vcpu_put(nest_vcpu* vcpu) { put(vcpu_of(vcpu)); }
bool nest_vcpu_runnable(nest_vcpu* vcpu) { return wait_is_over(vcpu_of(vcpu)); }
bool nest_interrupted_guest(uint64_t* pc, bool* user) {
    const Vcpu* vcpu = this_cpu().loaded;
    if (!vcpu)
        return false;
    *pc = vcpu->context.pc;
    *user = vcpu->at_el0();
    return true;
}

void nest_timer_irq(unsigned which) {
    const auto slot = static_cast<timer::Slot>(which);
    if (Vcpu* vcpu = this_cpu().loaded) {
        vcpu->timers.on_host_irq(cpu(), slot);
        return;
    }
    (void)timer::mask_unowned(cpu(), slot);
    nest_port_timer_irq_set_active(which, false);
}
// Nothing to do: the interrupt has made the guest exit, and the vGIC's sync takes the list registers back.
void nest_maintenance_irq(void) {}
void nest_hrtimer_fired(void* owner, unsigned) {
    Vcpu& vcpu = *static_cast<Vcpu*>(owner);
    if (vcpu.timers.on_soft_timer(cpu())) {
        vcpu.alarm.store_release(true);
        vcpu.kick();
    }
}
void nest_irqfd_wakeup(void* owner) { irqfd_wakeup(owner); }
void nest_irqfd_shutdown(void* owner) { irqfd_shutdown(owner); }

}  // extern "C"
