# SPDX-License-Identifier: GPL-2.0-only
"""Scripts that run inside the machine: init (initramfs), agent (after switch_root), campaign.sh, guest-init (L1)."""
