// SPDX-License-Identifier: GPL-2.0-only
// A sequence in a process of its own, watched from outside.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel_log.hpp"
#include "sequence.hpp"

namespace nest::fuzz_kvm {

inline constexpr unsigned kWatchdogSeconds = 60;     // of a sequence that takes one, on a machine that is emulated

class Supervisor {
public:
    Supervisor();

    // Why the sequence failed: what it says itself, a hang, the kernel's log, a VM that its process left behind.
    std::optional<std::string> run(const Sequence& sequence, const std::vector<size_t>& kept, bool verbose = false);

private:
    Report& report_;
    KernelLog log_;
    int references_;    // of the module, with no VM; -1: it is no module
};

}  // namespace nest::fuzz_kvm
