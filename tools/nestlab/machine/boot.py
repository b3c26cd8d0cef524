# SPDX-License-Identifier: GPL-2.0-only
"""One boot of L0: kernel, module, disks and a job put together into a QEMU command."""

import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nestlab import paths
from nestlab.errors import LabError
from nestlab.machine.machine import Disk, Machine
from nestlab.setup import hosttools, images, initramfs, kernels, root

PEER_KERNEL = "7.2"         # Linux's own KVM, with nested virtualisation


@dataclass(frozen=True)
class Boot:
    """What to boot and what L0 shall do. `module` None: none is there; `load` False: there, but not loaded."""

    machine: Machine
    kernel: kernels.Kernel
    module: Path | None = None
    load: bool = True
    parameters: str = ""                # of the module, when it is loaded
    job: str | None = None              # a shell script; without it and `foreground`, a prompt
    foreground: str | None = None       # a shell script that owns the terminal
    share: Path | None = None           # a folder to see, read-only, at /mnt/share
    disk: Disk | None = None            # L0 finds it at /run/lab/disk
    scripts: list[Path] = field(default_factory=list)

    @contextlib.contextmanager
    def command(self) -> Iterator[list[str]]:
        """The QEMU command; its files live as long as the block."""
        hosttools.need(hosttools.QEMU)
        files = {name: text.encode() for name, text in (("job", self.job), ("foreground", self.foreground)) if text is not None}
        if self.module:
            files["nestvisor.ko"] = read_module(self.module)
        env = {"LAB_LOAD": int(bool(self.module and self.load)), "LAB_JOB": int(self.job is not None),
               "LAB_FOREGROUND": int(self.foreground is not None), "LAB_SHARE": int(self.share is not None),
               "LAB_DISK": int(self.disk is not None),
               "LAB_PARAMETERS": shlex.quote(self.parameters)}
        disks = [Disk(root.image(), "lab-root")] + [self.disk] * (self.disk is not None)
        with tempfile.TemporaryDirectory(prefix="lab-") as folder:
            if self.share:
                disks.append(Disk(images.ext4(self.share, Path(folder, "share.ext4"), 4 << 20), "lab-share"))
            initrd = Path(folder, "initrd")
            initrd.write_bytes(initramfs.for_l0(self.kernel, root.busybox(), env, files, self.scripts))
            yield self.machine.argv(self.kernel.image, initrd, disks, interactive=self.job is None)


def read_module(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise LabError(f"{file} is not there; run tools/lab build first, or pass --no-module") from None


def log_file(name: str) -> Path:
    """Where the full console record of a run goes."""
    return paths.BUILD / "log" / f"{name}.log"
