// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// Runs the guest until the VMM has to act: kOk with kvm_run filled in, kIntr (a signal, or immediate_exit), kNoExec (not
// initialised), kIo (the VM is dead), and what the first run and the exits report. The vCPU's mutex is held.
Status run(Vcpu& vcpu);

}  // namespace nest::kvm
