// SPDX-License-Identifier: GPL-2.0-only
// Exits that the hypervisor answers, and faults of stage 2.
#include "../../../tests/guests/bare/smp.hpp"
#include "operation.hpp"

namespace nest::bench {
namespace {

constexpr u64 kSmcccVersion = 0x8000'0000;
constexpr u64 kIidr = kDistributor + 8;

void nothing() {}

template <typename Work>
inline u64 timed(Work work) {
    const u64 before = now();
    work();
    return now() - before;
}

inline u32 load(u64 address) { return memory32(address); }

void check_version() {
    if (const u64 version = smccc(kSmcccVersion); version < 0x1'0000 || version > 0xffff'ffff)
        fail("SMCCC_VERSION", version, 0x1'0000, __LINE__);
}

// The two conduits apart, so that the level is not asked for within the sample.
#define CALL_VERSION(conduit)                                                              \
    timed([] {                                                                             \
        register u64 x0 asm("x0") = kSmcccVersion;                                         \
        asm volatile(conduit " #0" : "+r"(x0)::"memory", "x1", "x2", "x3", "x4", "x5", "x6", "x7"); \
    })
u64 sample_hypercall(u64) { return at_el2() ? CALL_VERSION("smc") : CALL_VERSION("hvc"); }

void check_user() { EQUAL("the VMM's answer", load(kNothing), kNothingValue); }

// One page of the second slot for each index.
u64 touch(u64 index) {
    const u64 page = kFresh + index * 4096;
    return timed([page] { memory64(page) = 1; });
}

}  // namespace

const Op op_clock{nothing, [](u64) { return timed(nothing); }, nullptr};
const Op op_hypercall{check_version, sample_hypercall, nullptr};
const Op op_mmio_vgic{nothing, [](u64) { return timed([] { load(kIidr); }); }, nullptr};
const Op op_mmio_user{check_user, [](u64) { return timed([] { load(kNothing); }); }, nullptr};
const Op op_stage2_fresh{nothing, touch, nullptr};
const Op op_stage2_populated{nothing, touch, nullptr};

}  // namespace nest::bench
