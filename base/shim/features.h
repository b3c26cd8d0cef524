/* SPDX-License-Identifier: GPL-2.0-only */
/* A linux-gnu libstdc++ asks for glibc's <features.h>; there is no glibc in a kernel module. */
#define __GLIBC_PREREQ(major, minor) 0
