# SPDX-License-Identifier: GPL-2.0-only
"""What is tried and what came of it: boot tests, host tests, the kernel's selftests, fuzzing, soak, the declared slips.

The lists of tests and the programs' sources are in the repository's tests/, the lab's own unit tests in tools/tests; what
things cost is for bench. Begin with boottests.py, then judge.py and results.py.
"""
