// SPDX-License-Identifier: GPL-2.0-only
// Which level of the guest's stage-1 walk reads its descriptor from a given page. An external abort on a walk has to tell the
// guest that level in the fault status code, and stage 2's syndrome does not contain it.
#pragma once
#include <arch/address.hpp>
#include <base/result.hpp>

namespace nest::kvm {

// A regime's tables, as [DDI0487] D8.2 and D24.2.173 (TCR_EL1) lay them out.
struct StageOneTables {
    u64 tcr;
    u64 ttbr0;
    u64 ttbr1;
};

// Reads a descriptor of the guest's memory; false: nothing there. Virtual for the tests of this room, which has no VM
// (kvm/fault/fault.cpp).
class DescriptorReader {
public:
    virtual bool read(arch::Ipa at, u64& descriptor) = 0;

protected:
    ~DescriptorReader() = default;
};

// Level -1 to 3 of the first descriptor of va's walk that lies in the 4 KiB page `page`. ENOENT: no walk gets there now.
Result<int> level_of_table_page(const StageOneTables& tables, u64 va, arch::Ipa page, DescriptorReader& memory);

}  // namespace nest::kvm
