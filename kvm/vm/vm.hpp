// SPDX-License-Identifier: GPL-2.0-only
// A virtual machine: what its vCPUs share.
//
// Lock order: a vcpu.mutex > lock > slots_lock > mmu_lock > the vGIC's locks. Where all vCPUs must be held out of KVM_RUN
// (try_lock_vcpus), `lock` is held and their mutexes are only tried. mmu_lock is a spinlock that MMU notifiers take too.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/devices/io_bus.hpp>
#include <kvm/devices/irq_routing.hpp>
#include <kvm/devices/irqfd.hpp>
#include <kvm/firmware/smccc_config.hpp>
#include <kvm/memory/memslots.hpp>
#include <kvm/stats/stats.hpp>
#include <kvm/vm/halt_poll.hpp>
#include <kvm/vm/nested_mmu.hpp>
#include <kvm/vm/nested_vncr.hpp>
#include <kvm/vm/vcpu.hpp>
#include <kvm/vm/vgic_wiring.hpp>
#include <kvm/vm/vm_power.hpp>
#include <kvm/vm/vm_stage2.hpp>
#include <timer/vm_timers.hpp>

namespace nest::kvm {

inline constexpr unsigned kMaxVcpus = 512;

class Vm {
public:
    // With one reference. EINVAL: an IPA size that the machine does not have; ENOMEM. Sleeps.
    static Result<Vm*> create(nest_host_vm* host, unsigned ipa_bits);

    void get() { references_.fetch_add_relaxed(1); }
    // Drops a reference; the last one destroys the VM. Sleeps.
    void put();

    // KVM_CREATE_VCPU: the descriptor. EINVAL, EEXIST, EBUSY, ENOMEM.
    Result<int> create_vcpu(u64 id);

    // Vcpus [0, online()) exist and stay until the VM ends.
    unsigned online() const { return online_vcpus_.load_acquire(); }
    Vcpu& vcpu(unsigned index) { return *vcpus_[index]; }
    Vcpu* find_id(u64 id);
    template <typename Fn>
    void for_each_vcpu(Fn fn) {
        for (unsigned i = 0; i < online(); i++)
            fn(vcpu(i));
    }
    // Holds every vCPU out of its ioctls; false when one is in one. `lock` held.
    bool try_lock_vcpus();
    void unlock_vcpus();

    // Makes every vCPU leave the guest, and keeps it out until the matching resume_all(). A vCPU's own thread may call this, as
    // it is out of the guest. Sleeps.
    void halt_all();
    void resume_all();
    bool halted() const { return halts_.load_acquire() != 0; }

    // The VMM's address space is gone: no vCPU runs any more. Any context that may spin.
    void die();

    nest_host_vm* const host;
    Mutex lock{NEST_LOCK_VM};

    RwSemaphore slots_lock{NEST_LOCK_SLOTS};
    SpinLock mmu_lock{NEST_LOCK_MMU};
    VmStage2 stage2;
    NestedMmu nested_mmu;
    NestedVncr nested_vncr;
    Memslots slots;

    IdRegisters ids;
    timer::VmTimers timers;
    SmcccConfig smccc;
    VmPower power;
    VgicWiring gic;
    IrqRouting routing{false};  // no MSIs until there is an ITS
    Irqfds irqfds;
    IoBus mmio_bus;
    VmStats stats{};
    Vm* next_listed = nullptr;  // Machine::vms

    Atomic<bool> dead;
    bool has_run = false;       // `lock`: some vCPU has run, and what depends on that is fixed
    bool nisv_to_user = false;  // KVM_CAP_ARM_NISV_TO_USER
    HaltPollLimit halt_poll;
    const u32 number;           // names the VM in traces and in the module's own statistics
    const u32 process;          // the id of the process that made the VM, which names it in KVM_GET_STATS_FD's files

private:
    Vm(nest_host_vm* host_vm, unsigned ipa_bits);
    ~Vm();
    template <typename T, typename... Args>
    friend T* nest::make(Args&&...);
    template <typename T>
    friend void nest::destroy(T*);

    Vcpu* vcpus_[kMaxVcpus] = {};
    Atomic<u32> online_vcpus_;
    Atomic<u32> references_{1};
    Atomic<u32> halts_;
};

}  // namespace nest::kvm
