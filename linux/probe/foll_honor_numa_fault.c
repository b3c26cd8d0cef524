// SPDX-License-Identifier: GPL-2.0-only
/* get_user_pages() honours NUMA hinting where it is asked to. */
#include <linux/mm.h>

int probe = FOLL_HONOR_NUMA_FAULT;
