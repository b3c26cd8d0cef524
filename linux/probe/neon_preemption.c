// SPDX-License-Identifier: GPL-2.0-only
/* FP/SIMD registers that the kernel uses itself are kept across preemption. */
#include <linux/sched.h>

void *probe(struct task_struct *task)
{
	return &task->thread.kernel_fpsimd_state;
}
