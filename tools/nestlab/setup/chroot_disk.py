# SPDX-License-Identifier: GPL-2.0-only
"""A disk of unpacked Debian packages, to chroot into: made at first use, anew when what it is made of changes."""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.setup import hosttools, images, kernels, staging


def made(kind: str, what: str, recipe: Iterable[str], fill: Callable[[Path, Path], None], spare: int) -> Path:
    """The image in the cache's folder `kind`. `recipe`: all that decides what is in it; `fill(top, work)` makes the tree `top`;
    `spare`: bytes of room."""
    image = paths.cache(kind, hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12] + ".ext4")
    with staging.locked(paths.cache(kind, "image")):
        if not image.exists():
            hosttools.need(hosttools.IMAGES + ["kmod"])
            staging.need_space(image, 4)
            say.step(f"making the disk of {what}")
            with staging.staged(image) as work:
                fill(work / kind, work)
                images.ext4(work / kind, work / image.name, spare)
            for old in image.parent.glob("*.ext4"):
                if old != image:
                    old.unlink()
    return image


def add_modules(top: Path, kernel: kernels.Kernel) -> None:
    """A kernel's modules, for modprobe."""
    modules = top / "usr" / "lib" / "modules"
    modules.mkdir(exist_ok=True)
    proc.run(["cp", "-a", str(kernel.modules), str(modules / kernel.version)], "copying modules")
    proc.run(["/sbin/depmod", "-b", str(top), kernel.version], "depmod")


def add_folders(top: Path, names: Iterable[str]) -> None:
    for name in names:
        (top / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(top / "var" / "run", ignore_errors=True)
    (top / "var" / "run").symlink_to("/run")
