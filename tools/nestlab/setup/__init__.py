# SPDX-License-Identifier: GPL-2.0-only
"""What is fetched, installed and built before anything runs: Debian's packages, kernels, the module, the root disk.

Each is made at first use and kept in the cache or in build/. The programs that run in L0 are not here: those who run them
build them (tests, bench). Begin with kernels.py.
"""
