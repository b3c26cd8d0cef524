# SPDX-License-Identifier: GPL-2.0-only
"""Where facts and texts come from: files, commands, the kernel's log, a trace, /dev/kvm. Begin with sources.py."""
