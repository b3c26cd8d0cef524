// SPDX-License-Identifier: GPL-2.0-only
// What KVM counts about a vCPU, by the names that it gives (KVM_GET_STATS_FD).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "../../../tests/guests/machine/machine.hpp"

namespace nest::bench {

// Elements of an array are "name[i]".
using Counts = std::map<std::string, double>;

class Stats {
public:
    explicit Stats(const guests::Vcpu& vcpu);

    // Adds each value as it is now, `factor` times.
    void add_to(Counts& counts, double factor) const;

private:
    struct Row {
        std::string name;
        unsigned words, offset;
    };
    guests::File file_;
    std::vector<Row> rows_;
    unsigned data_ = 0;
};

}  // namespace nest::bench
