// SPDX-License-Identifier: GPL-2.0-only
// What an encoding does in a pass, as the tables of the code and of the architecture have it.
#pragma once

#include <array>
#include <optional>
#include <string>

#include <arch/sysreg.hpp>
#include <nested/vel2/features.hpp>
#include <nested/vel2/register_masks.hpp>

#include "../outcome.hpp"

namespace nest::census {

using arch::Encoding;

// The VM's ID registers, read by KVM_GET_ONE_REG before it runs: (3, op1, 0, CRm, op2), op1 0, 1 or 3, CRm below 8.
class Ids {
public:
    void set(Encoding e, u64 value) { values_[index(e)] = value; }
    std::optional<u64> get(Encoding e) const { return in_space(e) ? values_[index(e)] : std::nullopt; }
    template <typename R>
    R get() const {
        return R::of(get(arch::encoding_of(R::kReg)).value_or(0));
    }
    // A field of 4 bits.
    template <typename R>
    u64 field(unsigned low) const {
        return get<R>().raw >> low & 15;
    }
    static constexpr bool in_space(Encoding e) {
        return e.op0() == 3 && (e.op1() == 0 || e.op1() == 1 || e.op1() == 3) && e.crn() == 0 && e.crm() < 8;
    }

private:
    static constexpr unsigned index(Encoding e) { return e.op1() << 6 | e.crm() << 3 | e.op2(); }
    std::array<std::optional<u64>, 256> values_;
};

struct Expected {
    bool may_be_done = false, may_be_undefined = false;
    bool may_trap = false;              // EC 0x18: to the own level (FEAT_IDST, a control of EL1 over EL0), or L1's trap
    bool may_trap_vectors = false;      // EC 0x19, 0x1d: to virtual EL2 by its own CPTR_EL2
    bool may_fault = false;             // a system instruction with an address
    std::optional<u64> value = {};      // of a read that is done
};

class Predictor {
public:
    // `vtr`: ICH_VTR_EL2, as virtual EL2 has read it; it says how many list registers there are.
    Predictor(const Ids& ids, u64 vtr);
    Expected expect(Pass pass, Encoding e, bool is_read) const;

private:
    Expected by_tables(Pass pass, Encoding e, bool is_read) const;
    Expected at_el1(Encoding e, bool is_read) const;
    Expected at_el0(Encoding e, bool is_read) const;
    Expected at_vel2(Encoding e, bool is_read) const;
    Expected trapped_by_l1(Encoding e, bool is_read) const;
    bool is_implemented(arch::SysReg reg) const;
    bool has_row(Encoding e, bool is_read, bool el0) const;

    const Ids& ids_;
    const u64 vtr_;
    nested::Features features_;
    nested::RegisterMasks masks_;
};

// For a message.
std::string name_of(Encoding e);
const char* name_of(Pass pass);

}  // namespace nest::census
