// SPDX-License-Identifier: GPL-2.0-only
/* follow_pfnmap_start() looks at mappings without struct pages. */
#include <linux/mm.h>

int probe(struct follow_pfnmap_args *args)
{
	return follow_pfnmap_start(args);
}
