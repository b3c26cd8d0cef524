# SPDX-License-Identifier: GPL-2.0-only
"""The kernel modules that a boot needs, with what they need, in loading order."""

import lzma
import re
from pathlib import Path

# What guests load, and L0, which can swap to compressed memory and carry guests' packets besides; a kernel that has one built in simply has no such file.
# ext4 asks for crc32c by name, so nothing in its module says that it needs it.
WANTED = ["crc32c_generic", "virtio_pci", "virtio_mmio", "virtio_blk", "ext4", "tun", "virtio_net", "virtio_rng"]
FOR_L0 = [*WANTED, "zram", "vhost_net"]


def load_order(folder: Path, wanted: list[str] = WANTED) -> list[tuple[str, bytes]]:
    """(name, contents) of the wanted modules below `folder` and all they depend on, dependencies first."""
    found = {plain(file.name): file for file in folder.rglob("*.ko*")}
    done: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in done or name not in found:
            return
        data = contents(found[name])
        said = re.search(rb"\0depends=([^\0]*)\0", data)
        for needed in (said[1].decode() if said else "").split(","):
            add(needed.replace("-", "_"))
        done[name] = data

    for name in wanted:
        add(name)
    return list(done.items())


def plain(file_name: str) -> str:
    """virtio-blk.ko.xz → virtio_blk"""
    return file_name.split(".ko")[0].replace("-", "_")


def contents(file: Path) -> bytes:
    return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
