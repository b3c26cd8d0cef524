// SPDX-License-Identifier: GPL-2.0-only
#include "stats.hpp"

#include <linux/kvm.h>
#include <unistd.h>

namespace nest::bench {
namespace {

void read_at(const guests::File& file, void* to, size_t bytes, unsigned offset) {
    if (pread(file.number(), to, bytes, offset) != static_cast<ssize_t>(bytes))
        throw guests::SystemError("reading a vCPU's statistics");
}

}  // namespace

Stats::Stats(const guests::Vcpu& vcpu) : file_(vcpu.file().call(KVM_GET_STATS_FD, "KVM_GET_STATS_FD"), "statistics") {
    kvm_stats_header header{};
    read_at(file_, &header, sizeof header, 0);
    data_ = header.data_offset;
    std::vector<char> text(sizeof(kvm_stats_desc) + header.name_size);
    for (unsigned i = 0; i < header.num_desc; i++) {
        read_at(file_, text.data(), text.size(), header.desc_offset + i * text.size());
        const auto& row = *reinterpret_cast<const kvm_stats_desc*>(text.data());
        rows_.push_back({text.data() + sizeof row, row.size, row.offset});
    }
}

void Stats::add_to(Counts& counts, double factor) const {
    for (const Row& row : rows_) {
        std::vector<guests::u64> words(row.words);
        read_at(file_, words.data(), words.size() * sizeof words[0], data_ + row.offset);
        for (unsigned i = 0; i < row.words; i++)
            counts[row.words == 1 ? row.name : row.name + "[" + std::to_string(i) + "]"] += factor * double(words[i]);
    }
}

}  // namespace nest::bench
