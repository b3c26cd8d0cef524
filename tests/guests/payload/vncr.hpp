// SPDX-License-Identifier: GPL-2.0-only
// An L2 that has an EL2 of its own: FEAT_NV2 as L1 gives it ([DDI0487] D8.11). Its EL2 registers are a page of L1's,
// which VNCR_EL2 names in L1's own stage 1; L2's stage 2 does not map it.
#pragma once

#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/own_stage1.hpp"
#include "../bare/stubs.hpp"

namespace nest::guests {

inline constexpr u64 kHcrNv2 = kHcr | kVm | kNv | kNv2;
inline constexpr u64 kVncr = kOwnWindow;        // VNCR_EL2, but where a case says otherwise
inline constexpr u64 kTpidr = 0x090;            // TPIDR_EL2 in the page
constexpr u64 vncr_page(u64 number) { return kPageA + number * 0x1000; }

// Skips the case if L1 has no FEAT_NV2. Else the tables are made, and L2's EL2 is vncr_page(0).
void start_nv2();
// What of it is a vCPU's own: stage 2 of VMID 1, L1's stage 1, HCR_EL2, VNCR_EL2.
void use_nv2();
void use_vncr(u64 va);

inline Frame write_tpidr_el2(u64 value) { return run_l2(l2_write_tpidr_el2, {.x1 = value}); }
// L2 writes its TPIDR_EL2 and reads it back, and the page at `page` is where it went.
void lands(u64 page, u64 value);

// ISS of a Data Abort
inline constexpr u64 kVncrAbort = bit(13), kWrite = bit(6);
enum class Access : u64 { read = 0, write = kWrite };
// An abort of L2's access to its page at `va`, by the instruction `code`; a function, as cases loop over it.
void is_vncr_abort(const Frame& frame, Code code, Access access, u64 wanted_fsc, u64 va, int line);
#define IS_VNCR_ABORT(frame, code, access, wanted_fsc, va) is_vncr_abort(frame, code, access, wanted_fsc, va, __LINE__)
// The same where the bus has refused: [DDI0487] leaves open at which access of the translation.
void is_vncr_external(const Frame& frame, int line);

// L2 goes on where it was.
inline Frame go_on(const Frame& f) {
    return run_l2_at(f.elr, {.spsr = f.spsr, .x0 = f.x[0], .x1 = f.x[1], .x3 = f.x[3]});
}

// TLBIs of EL2&0, done when they return. Those of EL1's names are EL2's under TGE.
void tlbi_vae2(u64 operand);
void tlbi_alle2();
template <typename Tlbi>
void under_tge(Tlbi tlbi) {
    const u64 hcr = READ("hcr_el2");
    set_hcr(hcr | kTge);
    tlbi();
    set_hcr(hcr);
}

}  // namespace nest::guests
