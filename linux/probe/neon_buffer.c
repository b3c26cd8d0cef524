// SPDX-License-Identifier: GPL-2.0-only
/* Who uses FP/SIMD registers gives the room where the kernel keeps them while the thread is preempted. */
#include <asm/neon.h>

void probe(struct user_fpsimd_state *room)
{
	kernel_neon_begin(room);
	kernel_neon_end(room);
}
