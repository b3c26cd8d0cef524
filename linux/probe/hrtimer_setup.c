// SPDX-License-Identifier: GPL-2.0-only
/* hrtimer_setup() replaces hrtimer_init() and the assignment of the function. */
#include <linux/hrtimer.h>

void probe(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *))
{
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
}
