// SPDX-License-Identifier: GPL-2.0-only
#include <stage2/cache_maintenance.hpp>

namespace nest::stage2 {

void clean_invalidate_to_poc(arch::Cpu& cpu, CacheType ctr, u64 va, u64 bytes) {
    const u64 line = ctr.data_line();
    for (u64 at = va & ~(line - 1); at < va + bytes; at += line)
        cpu.cache<arch::CacheOp::CIVAC>(at);
    cpu.dsb<arch::Barrier::SY>();
}

void invalidate_instructions(arch::Cpu& cpu, CacheType ctr, u64 va, u64 bytes) {
    constexpr u64 kMaxLines = 512;  // each line is a broadcast; for more of them, the whole cache is cheaper
    if (ctr.get<CacheType::DIC>()) {
        cpu.isb();
        return;
    }
    const u64 line = ctr.instruction_line();
    if (ctr.instruction_aliases() || bytes / line > kMaxLines) {
        cpu.cache<arch::CacheOp::IALLUIS>();
    } else {
        for (u64 at = va & ~(line - 1); at < va + bytes; at += line)
            cpu.cache<arch::CacheOp::IVAU>(at);
    }
    cpu.dsb<arch::Barrier::ISH>();
    cpu.isb();
}

}  // namespace nest::stage2
