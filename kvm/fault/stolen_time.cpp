// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault/stolen_time.hpp>

#include <kvm/memory/guest_memory.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

class SlotMemory final : public StolenTimeMemory {
public:
    explicit SlotMemory(Vcpu& vcpu) : vcpu_(vcpu) {}
    bool read(arch::Ipa from, void* to, size_t bytes) override { return read_guest(vcpu_.vm.slots, from, to, bytes).ok(); }
    bool write(arch::Ipa to, const void* from, size_t bytes) override {
        return write_guest(vcpu_.vm.slots, to, from, bytes, &vcpu_.dirty_ring).ok();
    }

private:
    Vcpu& vcpu_;
};

}  // namespace

u64 start_stolen_time(Vcpu& vcpu) {
    release_fpsimd(vcpu);
    SlotMemory memory(vcpu);
    return vcpu.pvtime.start(memory, nest_port_run_delay_ns());
}

void record_stolen_time(Vcpu& vcpu) {
    release_fpsimd(vcpu);
    SlotMemory memory(vcpu);
    vcpu.pvtime.update(memory, nest_port_run_delay_ns());
}

}  // namespace nest::kvm
