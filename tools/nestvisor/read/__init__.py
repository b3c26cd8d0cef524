# SPDX-License-Identifier: GPL-2.0-only
"""Texts of the module and what they mean. Nothing here opens a file. Begin with vms.py."""
