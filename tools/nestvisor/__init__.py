# SPDX-License-Identifier: GPL-2.0-only
"""The `nestvisor` command: can this machine run guests, and what do its guests cost.

Rooms: `read` understands texts, `machine` gets them, `check` judges the machine, `show` draws, `commands` has the
subcommands. An import goes from a later room to an earlier one, never back. Begin with cli.py.
"""
