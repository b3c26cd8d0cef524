// SPDX-License-Identifier: GPL-2.0-only
// The VMM's side of a KVM_EXIT_MMIO: the address where nothing is, and the report page.
#pragma once

#include "machine.hpp"

namespace nest::guests {

u64 value_written(const kvm_run& run);
// A read gets kNothingValue, wherever it was.
void answer_read(kvm_run& run);

// What the payload has written to the report page, but for the verdict.
class Report {
public:
    explicit Report(const Machine& machine) : machine_(machine) {}

    // False: no register of the page.
    bool take(u64 address, u64 value);
    // The payload's text, and as a sentence all that fail() writes.
    std::string text() const;
    std::string failure() const;

private:
    u64 at(u64 offset) const { return registers_[offset / 8]; }

    const Machine& machine_;
    u64 registers_[5] = {};
};

// As 0x….
std::string hex(u64 value);

}  // namespace nest::guests
