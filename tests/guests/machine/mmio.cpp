// SPDX-License-Identifier: GPL-2.0-only
#include "mmio.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace nest::guests {

u64 value_written(const kvm_run& run) {
    u64 value = 0;
    std::memcpy(&value, run.mmio.data, std::min<size_t>(run.mmio.len, sizeof value));
    return value;
}

void answer_read(kvm_run& run) {
    std::memset(run.mmio.data, 0, sizeof run.mmio.data);
    std::memcpy(run.mmio.data, &kNothingValue, sizeof kNothingValue);
}

bool Report::take(u64 address, u64 value) {
    const u64 offset = address - kReport;
    if (offset % 8 || offset / 8 >= std::size(registers_))
        return false;
    registers_[offset / 8] = value;
    return true;
}

std::string Report::text() const { return machine_.text(at(report::kText)); }

std::string Report::failure() const {
    return text() + ": got " + hex(at(report::kGot)) + ", expected " + hex(at(report::kExpected)) + " (line " +
           std::to_string(at(report::kLine)) + ")";
}

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

}  // namespace nest::guests
