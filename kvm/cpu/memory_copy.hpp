// SPDX-License-Identifier: GPL-2.0-only
// FEAT_MOPS: memory copy and memory set, each a prologue, a main and an epilogue instruction that hand their progress on in
// registers. There are two formats of this progress, options A and B, and a CPU knows one of them.
#pragma once
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

// After a Memory Copy or Memory Set exception (EC 0x27, context.esr): what is left becomes a request to the prologue
// instruction, in the form that both options understand, and PC goes back to it. So a kernel that moved to a CPU of the other
// option in the middle of a copy goes on there. A step that was under way ends before the prologue.
// [DDI0487] D1.3.2, rules CNTMJ and MWFQH; ISS: D24.2.42. No locks; any tier.
void restart_at_prologue(CpuState& state);

}  // namespace nest::kvm
