// SPDX-License-Identifier: GPL-2.0-only
// The functions in vhe/enter.S, vhe/fpsimd.S and vhe/sve.S, which say what they need. AArch64 only.
#pragma once
#include <vhe/guest_context.hpp>
#include <vhe/host_context.hpp>

extern "C" {
nest::u64 nest_enter_guest(nest::vhe::GuestContext* guest, const nest::vhe::HostContext* host);
extern const char nest_guest_vectors[];
void nest_fpsimd_save(nest::vhe::FpState* to);
void nest_fpsimd_load(const nest::vhe::FpState* from);
void nest_sve_save(nest::u8* to);
void nest_sve_load(const nest::u8* from);
unsigned long nest_sve_vector_bytes();
}
