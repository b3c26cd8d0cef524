# SPDX-License-Identifier: GPL-2.0-only
"""Initramfs images: L0's, made for each boot (it carries the job), and the guests', kept in the root image."""

from pathlib import Path

from nestlab import paths
from nestlab.setup import cpio, kmodules
from nestlab.setup.kernels import Kernel

SCRIPTS = paths.L0


def base(kernel: Kernel, busybox: Path, init: str, drivers: list[str]) -> cpio.Archive:
    """busybox, the kernel's drivers and an /init."""
    archive = cpio.Archive()
    for name in ("dev", "proc", "sys", "root", "tmp"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.file("init", (SCRIPTS / init).read_bytes(), 0o755)
    modules = kmodules.load_order(kernel.modules, drivers)
    for name, data in modules:
        archive.file(f"lab/modules/{name}.ko", data)
    archive.file("lab/modules.order", "".join(f"{name}\n" for name, _ in modules).encode())
    return archive


def for_l0(kernel: Kernel, busybox: Path, env: dict[str, str], files: dict[str, bytes], scripts: list[Path]) -> bytes:
    """L0's: `files` land in /run/lab, executable `scripts` in /run/lab/scripts, `env` is sourced by the agent."""
    archive = base(kernel, busybox, "init", kmodules.FOR_L0)
    archive.file("lab/agent", (SCRIPTS / "agent").read_bytes(), 0o755)
    archive.file("lab/campaign.sh", (SCRIPTS / "campaign.sh").read_bytes())
    archive.file("lab/env", "".join(f"{name}={value}\n" for name, value in env.items()).encode())
    for name, data in files.items():
        archive.file(f"lab/{name}", data)
    archive.folder("lab/scripts")
    for script in scripts:
        archive.file(f"lab/scripts/{script.name}", script.read_bytes(), 0o755)
    return archive.finish()


def for_guest(kernel: Kernel, busybox: Path) -> bytes:
    """A guest's: it reports what it sees and powers off."""
    return base(kernel, busybox, "guest-init", kmodules.WANTED).finish()
