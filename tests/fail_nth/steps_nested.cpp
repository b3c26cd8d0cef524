// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN of a guest hypervisor: cases of tests/guests, whose payload judges itself. A KVM_RUN that fails is repeated, and
// the case must come to its end as if nothing had been.
#include "../guests/machine/kvm_abi.hpp"
#include "../guests/machine/mmio.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

using guests::Case;
using guests::Verdict;

struct Hypervisor {
    explicit Hypervisor(Case number) : machine(kvm, u64(number)) {}

    File kvm = guests::open_kvm();
    Machine machine;
    guests::Report report{machine};

    // To the case's verdict. A fault ends it early; the next call goes on from there.
    long run() {
        for (;;) {
            const long result = injector().ioctl(machine.vcpus()[0].file().number(), KVM_RUN);
            if (result < 0)
                return result;
            kvm_run& run = machine.vcpus()[0].state();
            if (run.exit_reason != KVM_EXIT_MMIO)
                throw Failure("exit " + std::to_string(run.exit_reason) + " to the VMM");
            if (!run.mmio.is_write)
                guests::answer_read(run);
            else if (run.mmio.phys_addr == guests::kReport + guests::report::kVerdict)
                return verdict(Verdict(guests::value_written(run)));
            else
                report.take(run.mmio.phys_addr, guests::value_written(run));
        }
    }
    long verdict(Verdict verdict) {
        if (verdict == Verdict::fail)
            throw Failure(report.failure());
        return 0;
    }
};

template <Case number>
Trial nested() {
    const auto hypervisor = std::make_shared<Hypervisor>(number);
    return {[hypervisor] { return hypervisor->run(); }};
}

}  // namespace

Steps nested_steps() {
    const std::vector<int> errors = {ENOMEM};
    return {
        // vncr page, exception entry and return
        {"nested-el2-registers", nested<Case::el2_registers>, errors},
        {"nested-eret", nested<Case::eret_to_el1>, errors},
        // shadow tables, their rmap, L1's tables in memory that is not there yet
        {"nested-stage2", nested<Case::s2_maps>, errors},
        {"nested-stage2-block", nested<Case::s2_block>, errors},
        {"nested-stage2-fault", nested<Case::s2_s1_walk_fault>, errors},
        {"nested-two-vmids", nested<Case::vmid_switch>, errors},
        {"nested-tlbi", nested<Case::tlbi_vmalls12>, errors},
        {"nested-at", nested<Case::at_s12_mapped>, errors},
        // L1's own VNCR_EL2
        {"nested-vncr", nested<Case::vncr_redirect>, errors},
        {"nested-vncr-many", nested<Case::vncr_many>, errors},
        // list registers, timers
        {"nested-list-registers", nested<Case::lr_injects>, errors},
        {"nested-timer", nested<Case::l2_vtimer>, errors},
    };
}

}  // namespace nest::fail_nth
