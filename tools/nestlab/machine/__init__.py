# SPDX-License-Identifier: GPL-2.0-only
"""A machine that boots and is talked to: QEMU's command line, one boot of L0, its console, one job there or many.

l0/ has the scripts on the other end of the line. What is run there, and whether it went well, is the affair of tests and
bench. Begin with boot.py.
"""
