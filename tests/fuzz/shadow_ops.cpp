// SPDX-License-Identifier: GPL-2.0-only
// The random life of tests/unit/nested/mmu/shadow_ops.hpp, with a fuzzer's bytes: L1's tables, TLBIs, L2's accesses and
// the VMM against a second walker and the break-before-make checker.
#include <tests/unit/nested/mmu/shadow_ops.hpp>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const uint8_t* const end = data + size;
    nest::u64 state = 1;
    // When the bytes are used up, a sequence that they seed: short inputs go deep as well.
    auto next = [&] {
        const unsigned b = data == end ? static_cast<unsigned>(state >> 33 & 255) : *data++;
        state = (state ^ b) * 0x5851'f42d'4c95'7f2d + 0x1405'7b7e'f767'814f;
        return b;
    };
    {
        const unsigned how = next();
        nest::test::ShadowOps ops(next, how % 4 == 0 ? 1 : 16, how & 16);
        for (unsigned steps = 8 + next() % 48; steps; steps--)
            ops.step();
    }
    nest::test::World::check(nest::test::port().live_runs == 0, "a page leaked");
    return 0;
}
