// SPDX-License-Identifier: GPL-2.0-only
// What a payload asks its VMM to do to the guest's memory while vCPUs run: the host's memory below it changes.
#pragma once

#include <optional>
#include <stdexcept>

#include "../machine/machine.hpp"

namespace nest::guests {

class MemoryRequests {
public:
    explicit MemoryRequests(Machine& machine) : machine_(machine) {}

    // False: `address` is no request's register. Throws SystemError, or std::out_of_range for a page that is not RAM.
    bool take(u64 address, u64 value);

private:
    void* page(u64 address) const;
    void replace(void* page) const;
    void discard(void* page) const;
    void renew_slot();

    Machine& machine_;
    std::optional<Mapping> slot_;
};

}  // namespace nest::guests
