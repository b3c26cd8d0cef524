# SPDX-License-Identifier: GPL-2.0-only
"""The lab: an Armv8.4 machine in QEMU, and everything that is tried on it.

Levels: L0 is Debian's kernel at EL2 with nestvisor.ko (or, as the peer, Linux's own KVM); L1 and L2 are its guests.
Standard library only; each file holds one idea.

Rooms, each of which imports from itself and from those before it: setup, machine, tests, bench, commands. Here at the top
are the command line (cli) and what all rooms use (errors, say, paths, proc).
"""
