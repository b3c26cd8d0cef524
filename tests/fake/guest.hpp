// SPDX-License-Identifier: GPL-2.0-only
// A guest that is a script: each entry takes the next step, which leaves registers and a syndrome as hardware would.
#pragma once
#include <arch/syndrome.hpp>
#include <functional>
#include <tests/fake/sve.hpp>
#include <vhe/exit.hpp>
#include <vhe/guest_context.hpp>

namespace nest::test {

struct FakeGuest {
    // Called at each entry; the exit's kind is returned. Without a script a guest leaves by an interrupt at once.
    std::function<vhe::ExitKind(vhe::GuestContext&)> script;
    unsigned entries = 0;
    FakeSve sve;
};
FakeGuest& guest();

// Syndromes for the fake hardware: ESR_EL2, FAR_EL2 and HPFAR_EL2 of arch::cpu().
void set_syndrome(arch::Ec ec, u64 iss, u64 far = 0, u64 ipa = 0);

}  // namespace nest::test
