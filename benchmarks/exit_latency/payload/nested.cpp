// SPDX-License-Identifier: GPL-2.0-only
// L2 below a payload at virtual EL2 that does as little as can be.
#include "../../../tests/guests/bare/stage2.hpp"
#include "../../../tests/guests/bare/stubs.hpp"
#include "operation.hpp"

extern "C" const char minimal_vectors[];
extern "C" nest::guests::u64 eret_and_hvc(), eret_to_self(), no_eret();

// The measured part between two readings, x0 and x1; x3 = 1 tells the minimal vector that this HVC is the last.
STUB(l2_null, "isb; mrs x0, cntvct_el0; hvc #0; isb; mrs x1, cntvct_el0; mov x3, #1");
STUB(l2_no_null, "isb; mrs x0, cntvct_el0; isb; mrs x1, cntvct_el0; mov x3, #1");
STUB(l2_touch, "isb; mrs x0, cntvct_el0; str xzr, [x3]; isb; mrs x1, cntvct_el0");
STUB(l2_no_touch, "isb; mrs x0, cntvct_el0; isb; mrs x1, cntvct_el0");

namespace nest::bench {
namespace {

constexpr u64 kPages = 512;
// The pages behind the window; L1 has written to each, so that L0 has them mapped.
constexpr u64 backing(u64 index) { return kPageA + index % kPages * 4096; }
constexpr u64 ipa(u64 index) { return kWindow + index % kPages * 4096; }

void setup_world() {
    set_vectors(vectors);
    reset_l2();
    use_stage2();
    for (u64 i = 0; i < kPages; i++)
        memory64(backing(i)) = i;
}
void setup_minimal() {
    setup_world();
    set_vectors(minimal_vectors);
}
void setup_pages() {
    setup_world();
    for (u64 i = 0; i < kPages; i++)
        stage2.window(ipa(i)) = backing(i) | kAll | kPage;
    tlbi_guest();
}
// As setup_pages, with every page in the shadow.
void setup_touched() {
    setup_pages();
    for (u64 i = 0; i < kPages; i++)
        run_l2(l2_touch, {.x3 = ipa(i)});
}

u64 in_l2(void (*stub)(), u64 x3) {
    const Frame f = run_l2(stub, {.x3 = x3});
    if (!is_hvc(f, kDone))
        fail("L2 left by another exception, ESR_EL2 (line: vector)", f.esr, 0, int(f.vector));
    return f.x[1] - f.x[0];
}

}  // namespace

const Op op_l2_hypercall{setup_minimal, [](u64) { return in_l2(l2_null, 0); }, [](u64) { in_l2(l2_no_null, 0); }};
const Op op_l2_eret{setup_world, [](u64) { return eret_and_hvc(); }, [](u64) { no_eret(); }};
const Op op_l2_eret_self{setup_world, [](u64) { return eret_to_self(); }, [](u64) { no_eret(); }};

// The warm-up takes the window's first pages; a page is touched once.
const Op op_l2_fault_first{setup_pages, [](u64 i) { return in_l2(l2_touch, ipa(i)); },
                           [](u64 i) { in_l2(l2_no_touch, ipa(i)); }};
const Op op_l2_fault_tlbi{setup_touched,
                          [](u64 i) {
                              tlbi_ipa(ipa(i));
                              return in_l2(l2_touch, ipa(i));
                          },
                          [](u64 i) {
                              tlbi_ipa(ipa(i));
                              in_l2(l2_no_touch, ipa(i));
                          }};
const Op op_l2_fault_discard{setup_touched,
                             [](u64 i) {
                                 memory64(command::kDiscard) = backing(i);
                                 return in_l2(l2_touch, ipa(i));
                             },
                             [](u64 i) {
                                 memory64(command::kDiscard) = backing(i);
                                 in_l2(l2_no_touch, ipa(i));
                             }};

}  // namespace nest::bench
