# SPDX-License-Identifier: GPL-2.0-only
"""What things cost: exits in instructions, boots in seconds, kept in docs/performance/ and shown in docs/performance.md.

It builds on tests (how a guest's program is compiled, how a boot is judged), never the other way round; the benchmarks
themselves are in benchmarks/. Begin with runner.py and figures.py.
"""
