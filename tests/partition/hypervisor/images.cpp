// SPDX-License-Identifier: GPL-2.0-only
#include "images.hpp"

#include "../../guests/bare/regs.hpp"

namespace nest::partition {
namespace {

void clean_and_invalidate(u64 from, u64 size) {
    const u64 line = 4 << guests::field(READ("ctr_el0"), 19, 16);  // DminLine, in words of 4 bytes
    for (u64 at = from; at < from + size; at += line)
        asm volatile("dc civac, %0" ::"r"(at) : "memory");
    guests::dsb();
}

}  // namespace

// EL2's MMU is off: the copy goes past the caches. Dirty lines of the partition's last life have to be written back before the copy,
// or their eviction would undo part of the copy; lines that were fetched meanwhile have to go after the copy, or the next
// life would find old contents with its caches on. The image was written by the loader through its caches.
void place(const Image& image) {
    clean_and_invalidate(image.from, image.size);
    clean_and_invalidate(image.to, image.size);
    for (u64 i = 0; i < image.size; i += 16) {
        u64 low, high;
        asm volatile("ldp %0, %1, [%2]\n\tstp %0, %1, [%3]"
                     : "=&r"(low), "=&r"(high)
                     : "r"(image.from + i), "r"(image.to + i)
                     : "memory");
    }
    guests::dsb();
    clean_and_invalidate(image.to, image.size);
    // Other CPUs' instruction caches as well: [DDI0487] D7.5.9, the order of IC after DC.
    asm volatile("ic ialluis\n\tdsb sy\n\tisb" ::: "memory");
}

}  // namespace nest::partition
