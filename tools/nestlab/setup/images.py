# SPDX-License-Identifier: GPL-2.0-only
"""ext4 images made from a folder, without root rights."""

import os
from pathlib import Path

from nestlab import proc
from nestlab.errors import LabError


def size_of(folder: Path) -> int:
    """Bytes that the folder's files take on disk, a block at least for each."""
    total = 0
    for here, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            status = os.lstat(os.path.join(here, name))
            total += max(4096, status.st_size + 4095 & ~4095)
    return total


def ext4(folder: Path, image: Path, spare: int = 16 << 20) -> Path:
    """An image that holds the folder's contents and `spare` bytes of room."""
    if not folder.is_dir():
        raise LabError(f"{folder} is no folder")
    mke2fs = "/sbin/mke2fs" if os.path.exists("/sbin/mke2fs") else "mke2fs"
    kilobytes = (size_of(folder) * 11 // 10 + spare) // 1024
    proc.run([mke2fs, "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0,lazy_itable_init=1",
              "-d", str(folder), str(image), f"{kilobytes}k"], f"making an image of {folder}")
    return image
