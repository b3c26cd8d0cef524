// SPDX-License-Identifier: GPL-2.0-only
// L1's stage-2 registers and tables are the fuzzer's bytes: whatever they are, a walk ends after at most four reads, reads
// only inside the output size, and says something that ESR_EL2 can hold.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nested/walk/walk_stage2.hpp>

namespace {
using namespace nest;
using namespace nest::nested;

void require(bool ok, const char* what) {
    if (ok)
        return;
    std::fprintf(stderr, "shadow_walk: %s\n", what);
    std::abort();
}

struct Memory {
    const uint8_t* data;
    size_t size;
    const Stage2Regime& regime;
    unsigned reads = 0;

    Word read(arch::Ipa at) {
        reads++;
        require(at.aligned(8), "alignment");
        require(at.raw >> regime.output_bits == 0, "a table beyond the output size");
        if (size < 16)
            return {Access::kNone};
        const size_t i = (at.raw * 0x9e37'79b9'7f4a'7c15 >> 20) % (size - 8);
        if (data[i] == 0xee)
            return {Access::kAbsent};
        u64 word;
        std::memcpy(&word, data + i, 8);
        return {Access::kDone, word | (data[i] & 1)};
    }
    Access exchange(arch::Ipa, u64, u64 desired) { return desired % 7 == 0 ? Access::kChanged : desired % 5 == 0 ? Access::kAbsent : Access::kDone; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    u64 r[4] = {};
    if (size < sizeof(r) + 2)
        return 0;
    std::memcpy(r, data, sizeof(r));
    MmuFeatures vm;
    constexpr u8 pa_bits[] = {32, 36, 40, 42, 44, 48};
    vm.pa_bits = pa_bits[data[32] % 6];
    vm.stage2_granules = data[33] & 7 ? data[33] & 7 : 1;
    vm.small_tables = data[33] & 8;
    vm.access_flag = data[33] & 16;
    vm.dirty_state = data[33] & 32;
    vm.xnx = data[33] & 64;
    const Stage2Regime regime = stage2_regime(arch::VTTBR_EL2::of(r[0]), arch::VTCR_EL2::of(r[1]), r[2] & 1, r[2] & 2, vm);
    Memory memory{data + 34, size - 34, regime};
    const u64 ipa = r[3] & (r[2] & 4 ? ~u64{0} : 0xffff'ffff);
    const Stage2Result w = walk_stage2(regime, memory, ipa, r[2] & 8);
    require(memory.reads <= 4, "too many reads");
    switch (w.status) {
    case WalkStatus::kTranslated:
        require(w.output.raw >> regime.output_bits == 0, "output size");
        require((w.output.raw ^ ipa) % (u64{1} << w.shift) == 0, "the offset in the leaf is lost");
        require(w.level >= 1 && w.level <= 3 && w.shift == entry_shift(regime.granule, w.level), "level and size");
        break;
    case WalkStatus::kFault:
    case WalkStatus::kAbsent:
        require(w.fsc < 0x18 && (w.fsc >> 2) != 3, "fault status");
        break;
    case WalkStatus::kAgain:
        break;
    }
    return 0;
}
