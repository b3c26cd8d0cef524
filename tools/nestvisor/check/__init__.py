# SPDX-License-Identifier: GPL-2.0-only
"""Can this machine run guests, and guests that are hypervisors? Each function makes a line; begin with machine_check.py."""
