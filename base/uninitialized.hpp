// SPDX-License-Identifier: GPL-2.0-only
// For a local variable with an array that is written before it is read: kernels are compiled with -ftrivial-auto-var-init=zero,
// which would clear the array, by a call of memset, each time.
#pragma once

#define NEST_UNINITIALIZED __attribute__((uninitialized))
