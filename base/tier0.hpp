// SPDX-License-Identifier: GPL-2.0-only
#pragma once

// Stands before a function of a lower room that tier 0's loops (kvm/tier0/) take in as inline code: an instruction more in such
// a function is one more in each frequent exit. Says nothing to the compiler. tests/lint/fast_path.py checks that the loops
// have taken all of them in, and that no function of more than a line which kvm/tier0/ calls lacks the mark.
#define NEST_TIER0
