/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets that assembly and C++ share; vhe/host_context.hpp proves each. */
#define GUEST_X(n)       ((n) * 8)
#define GUEST_SP_EL0     248
#define GUEST_PC         256
#define GUEST_KEY_IA     272

#define HOST_KEY_IA      0
#define HOST_FLAGS       16
#define HOST_HAS_PAUTH_BIT 0
#define HOST_DEFENCE     24
