// SPDX-License-Identifier: GPL-2.0-only
#include "tables.hpp"

#include "../../guests/bare/stage2.hpp"
#include "../../guests/bare/world.hpp"

namespace nest::partition {
namespace {

using namespace guests;

constexpr u64 kPageSize = 4096, kBlock1G = 1 << 30;
constexpr u64 kDevice = kAccessed | kReadable | kWritable | kExecuteNever;     // MemAttr 0: Device-nGnRnE
constexpr int kPageTables = 2;

// Both see their memory and devices below 2 GiB.
struct Tables {
    alignas(kPageSize) u64 level1[512];
    alignas(kPageSize) u64 level2[2][512];
    alignas(kPageSize) u64 level3[kPageTables][512];
    int used;

    void map_block(u64 at, u64 attributes) { level2[at / kBlock1G][at / kBlock2M % 512] = at | attributes | kBlock; }
    // Page entries for the block around `at`, the same as before; the entry of the page at `at`.
    u64& page(u64 at) {
        u64& block = level2[at / kBlock1G][at / kBlock2M % 512];
        if ((block & 3) == kBlock) {
            u64* pages = level3[used++];
            for (u64 i = 0; i < 512; i++)
                pages[i] = (block & ~u64{3}) + i * kPageSize + kPage;
            block = reinterpret_cast<u64>(pages) | kTable;
        }
        return reinterpret_cast<u64*>(block & ~(kPageSize - 1))[at / kPageSize % 512];
    }
};
Tables of[kOwners];

Tables& tables_of(Owner owner) { return of[static_cast<int>(owner)]; }

}  // namespace

void make_tables() {
    for (Tables& tables : of)
        for (u64 i = 0; i < 2; i++)
            tables.level1[i] = reinterpret_cast<u64>(tables.level2[i]) | kTable;

    Tables& of_linux = tables_of(Owner::kLinux);
    for (u64 at = 0; at < kLinuxRam; at += kBlock2M)
        of_linux.map_block(at, kDevice);
    for (u64 at = kLinuxRam; at < kLinuxRam + kLinuxSize; at += kBlock2M)
        of_linux.map_block(at, kAll);
    of_linux.page(kDistributor) = 0;
    for (u64 at = kRtosRedistributor; at < kRtosRedistributor + kRedistributorSize; at += kPageSize)
        of_linux.page(at) &= ~kWritable;
    of_linux.page(kFwCfg) = 0;
    of_linux.page(kHypervisorUart) = 0;

    Tables& of_rtos = tables_of(Owner::kRtos);
    of_rtos.map_block(kRtosRam, kAll);
    of_rtos.map_block(kRtosRedistributor / kBlock2M * kBlock2M, kDevice);
    of_rtos.page(kRtosRedistributor);
    for (u64 at = kRtosRedistributor / kBlock2M * kBlock2M, end = at + kBlock2M; at < end; at += kPageSize)
        if (at < kRtosRedistributor || at >= kRtosRedistributor + kRedistributorSize)
            of_rtos.page(at) = 0;
    dsb();
}

void use_partition(Owner owner) {
    reset_l2();
    WRITE("vtcr_el2", vtcr(1, 25, kFortyBits));
    WRITE("vttbr_el2", (static_cast<u64>(owner) + 1) << 48 | reinterpret_cast<u64>(tables_of(owner).level1));
    // IMO, FMO and AMO stay clear: no interrupt of a partition ends at EL2.
    set_hcr(kHcr | kVm);
    asm volatile("tlbi vmalls12e1\n\tic iallu\n\tdsb nsh\n\tisb" ::: "memory");
}

}  // namespace nest::partition
