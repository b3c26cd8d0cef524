// SPDX-License-Identifier: GPL-2.0-only
/* Probes of tracepoints are freed behind a grace period of tracepoint_srcu, whose readers are fast; before, of RCU alone. */
#include <linux/tracepoint.h>

void probe(void)
{
	guard(srcu_fast_notrace)(&tracepoint_srcu);
}
