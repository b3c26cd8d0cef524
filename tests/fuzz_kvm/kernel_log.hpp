// SPDX-License-Identifier: GPL-2.0-only
// What L0's kernel says meanwhile.
#pragma once

#include <optional>
#include <string>

namespace nest::fuzz_kvm {

class KernelLog {
public:
    KernelLog();        // from now on
    ~KernelLog();
    KernelLog(const KernelLog&) = delete;

    // The first line since the last call that no kernel says in health.
    std::optional<std::string> alarm();
    // Warnings that are said once are said again.
    static void rearm();

private:
    int file_;
};

}  // namespace nest::fuzz_kvm
