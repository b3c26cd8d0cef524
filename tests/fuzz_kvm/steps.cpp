// SPDX-License-Identifier: GPL-2.0-only
#include "steps.hpp"

namespace nest::fuzz_kvm {
namespace {

struct Row {
    const char* name;
    u64 weight;
    void (*function)(World&, Random&);
};
constexpr Row kRows[] = {
#define STEP(name, weight) {#name, weight, step::name},
#include "steps.def"
#undef STEP
};

constexpr u64 kWeights = [] {
    u64 sum = 0;
    for (const Row& row : kRows)
        sum += row.weight;
    return sum;
}();

}  // namespace

const char* name_of(Step step) { return kRows[size_t(step)].name; }

Step random_step(Random& r) {
    u64 left = r.below(kWeights);
    for (size_t i = 0;; i++) {
        if (left < kRows[i].weight)
            return static_cast<Step>(i);
        left -= kRows[i].weight;
    }
}

void perform(World& world, Step what, u64 seed) {
    Random r(seed);
    world.say("%s", name_of(what));
    kRows[size_t(what)].function(world, r);
}

}  // namespace nest::fuzz_kvm
