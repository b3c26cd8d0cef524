# SPDX-License-Identifier: GPL-2.0-only
"""How results look: tables for a terminal, by rich, and texts for programs. Begin with terminal.py."""
