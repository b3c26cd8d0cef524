// SPDX-License-Identifier: GPL-2.0-only
/* eventfd_signal() adds one, and is not told so. */
#include <linux/eventfd.h>

void probe(struct eventfd_ctx *eventfd)
{
	eventfd_signal(eventfd);
}
