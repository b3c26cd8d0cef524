/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiler's own freestanding <stdint.h>: with -nostdinc the hosted wrapper would look for glibc's. */
#include <stdint-gcc.h>
