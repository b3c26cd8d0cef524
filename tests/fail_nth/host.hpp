// SPDX-License-Identifier: GPL-2.0-only
// What the host tells of a step: memory that has not come back, and words in its log.
#pragma once

#include <string>

#include "../guests/machine/machine.hpp"

namespace nest::fail_nth {

// A memory cgroup: the host charges to it all that its processes make it allocate, page tables and the module's objects
// included, until that is freed.
class MemoryGroup {
public:
    explicit MemoryGroup(const std::string& name);
    MemoryGroup(const MemoryGroup&) = delete;
    ~MemoryGroup();

    // The calling process, from here on.
    void enter() const;
    // After its processes have ended: what is still charged once everything has gone that can go.
    unsigned long bytes_left() const;

private:
    std::string folder_;
};

// The host's log, from here on.
class KernelLog {
public:
    KernelLog();

    // The first line that says that something is wrong; empty if there is none.
    std::string alarm() const;

private:
    guests::File file_;
};

}  // namespace nest::fail_nth
