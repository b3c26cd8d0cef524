// SPDX-License-Identifier: GPL-2.0-only
#include "shrink.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace nest::fuzz_kvm {
namespace {

using Clock = std::chrono::steady_clock;

bool still_fails(Supervisor& supervisor, const Sequence& sequence, const std::vector<size_t>& kept) {
    const unsigned runs = sequence.threads > 1 || sequence.kill_after ? 6 : 2;
    for (unsigned i = 0; i < runs; i++) {
        KernelLog::rearm();
        if (supervisor.run(sequence, kept))
            return true;
    }
    return false;
}

}  // namespace

std::vector<size_t> all_of(const Sequence& sequence) {
    std::vector<size_t> all(sequence.actions.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return all;
}

// Leaves out ever smaller pieces, as long as that keeps the failure.
std::vector<size_t> shrink(Supervisor& supervisor, const Sequence& sequence, unsigned seconds) {
    const auto end = Clock::now() + std::chrono::seconds(seconds);
    std::vector<size_t> kept = all_of(sequence);
    if (!still_fails(supervisor, sequence, kept))
        return kept;
    for (size_t piece = (kept.size() + 1) / 2; piece > 0 && Clock::now() < end;) {
        bool smaller = false;
        for (size_t from = 0; from < kept.size() && Clock::now() < end;) {
            std::vector<size_t> fewer = kept;
            const size_t to = std::min(from + piece, kept.size());
            fewer.erase(fewer.begin() + static_cast<long>(from), fewer.begin() + static_cast<long>(to));
            if (still_fails(supervisor, sequence, fewer)) {
                kept = std::move(fewer);
                smaller = true;
            } else {
                from = to;
            }
        }
        if (!smaller || piece > kept.size())
            piece = piece == 1 && !smaller ? 0 : std::max<size_t>(piece / 2, 1);
    }
    return kept;
}

}  // namespace nest::fuzz_kvm
