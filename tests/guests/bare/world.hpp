// SPDX-License-Identifier: GPL-2.0-only
// Running code below EL2 (L2), or at EL2 itself, up to the next exception to EL2.
#pragma once

#include "regs.hpp"

extern "C" const char vectors[];        // entry.S; run_l2() and protect() need them

namespace nest::guests {

// What an exception to EL2 left. `vector` is the offset of its entry in the vector table.
struct Frame {
    u64 x[31];
    u64 vector, esr, elr, spsr, far, hpfar;
    u64 nzcv, daif, pan, spsel;     // PSTATE at the vector
};
// The IPA of an abort that stage 2 has caused.
constexpr u64 fault_ipa(const Frame& f) { return field(f.hpfar, 43, 4) << 12 | (f.far & 0xfff); }
inline constexpr u64 kNoException = ~u64{0};        // Frame::vector of a function that returned
inline constexpr u64 kVectorSync = 0x200, kVectorLower = 0x400, kVectorLowerIrq = 0x480, kVectorIrq = 0x280;

using Code = void (*)();

// One for each vCPU, found by TPIDR_EL2. The assembly knows the order.
struct PerCpu {
    u64 resume_sp;      // 0: an exception now is a failure of the case
    Frame* frame;
    u64 number;
};

// What L2 starts with. `spsr` says at which level and with which masks.
struct Start {
    u64 spsr = kEl1h;
    u64 x0 = 0, x1 = 0, x3 = 0;
};

// Enter L2 at `entry`; comes back with the next exception that EL2 takes. HCR_EL2 is what the case has set.
Frame run_l2(Code entry, const Start& start = {});
Frame run_l2_at(u64 entry, const Start& start = {});

// The same where an earlier exit has left off: `from`'s general registers, PC (`elr`) and PSTATE (`spsr`).
Frame go_on(const Frame& from);

// Call `function` at EL2 and come back when it returns or takes an exception to EL2.
Frame protect(Code function);

// EL1 of L2 as every case finds it: stage 1 off, vectors that end in HVC #kL2Vector + n, n = offset / 0x80.
void reset_l2();
inline constexpr u64 kL2Vector = 0x1000;
inline constexpr u64 kDone = 7;     // the stubs' last HVC

void set_hcr(u64 value);
PerCpu& this_cpu();

// At the start of vCPU `number`, before all else here: its PerCpu and its vectors, L2 reset.
void use_world(u64 number, const char* first_vectors);
void set_vectors(const char* at);

// An HVC from L2 with this immediate?
constexpr bool is_hvc(const Frame& f, u64 immediate) {
    return f.vector == kVectorLower && f.esr == esr_of(kEcHvc, immediate);
}

}  // namespace nest::guests
