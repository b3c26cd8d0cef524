# SPDX-License-Identifier: GPL-2.0-only
"""What a Debian is installed from, without a network and on a host of another architecture: an archive of .deb files, and a
tree of the same packages, only unpacked, whose programs L0 runs to install them as they should be."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.setup import debian, hosttools, images, kernels, kmodules, staging

INSTALLER = ["mmdebstrap", "fdisk", "dosfstools", "e2fsprogs", "mawk", "?essential"]
# mmdebstrap installs these, and what they need; the rest of the archive is for the machine itself to install.
SYSTEM = ["systemd-sysv", "udev", "kmod", "passwd", "initramfs-tools", "linux-image-arm64", "grub-efi-arm64", "qemu-system-arm"]
LATER = ["dkms", "g++", "linux-headers-arm64", "python3-rich", "python3", "linux-image-cloud-arm64", "linux-headers-cloud-arm64"]
DRIVERS = ["vfat", "nls_cp437", "nls_ascii"]        # L0 writes the partition that its firmware reads
FOLDERS = ["dev", "proc", "sys", "run", "tmp", "mnt", "target", "archive", "scripts", "var/tmp", "var/cache/apt/archives/partial"]
LINKS = {"usr/bin/awk": "mawk", "etc/mtab": "../proc/self/mounts"}
ACCOUNTS = ["passwd", "group"]


@dataclass(frozen=True)
class Kit:
    """The folder in the cache. L0 sees `folder` at /mnt/share; an installed machine has `archive` as a disk."""

    folder: Path

    @property
    def archive(self) -> Path:
        return self.folder / "archive.ext4"

    @property
    def share(self) -> Path:
        return self.folder / "share"


def get(suite: str) -> Kit:
    """The kit of that release, made at first use."""
    kernel = kernels.get("6.12")
    packages = [*INSTALLER, *SYSTEM, *LATER]
    recipe = [suite, kernel.version, *packages, *DRIVERS, *FOLDERS, str(LINKS)]
    made = Kit(paths.cache("kit", f"{suite}-{hashlib.sha256(' '.join(recipe).encode()).hexdigest()[:12]}"))
    with staging.locked(made.folder):
        if not made.folder.exists():
            hosttools.need([*hosttools.IMAGES, "dpkg-dev"])
            staging.need_space(made.folder, 8)
            say.step(f"collecting what Debian's {suite} is installed from")
            with staging.staged(made.folder) as work:
                new = Kit(work / made.folder.name)
                new.share.mkdir(parents=True)
                collect(new, suite, packages)
                drivers(kernel, new.share / "drivers")
    return made


def collect(kit: Kit, suite: str, packages: list[str]) -> None:
    """The tree and the archive."""
    top, archive = kit.share / "tree", kit.share / "archive"
    debian.unpack(top, packages, [suite], archives=archive)
    shutil.rmtree(archive / "partial", ignore_errors=True)
    (archive / "lock").unlink(missing_ok=True)
    debian.merge_usr(top)
    for name in FOLDERS:
        (top / name).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        if not (top / name).is_symlink():
            (top / name).symlink_to(target)
    for name in ACCOUNTS:
        shutil.copy(top / "usr/share/base-passwd" / f"{name}.master", top / "etc" / name)
    (archive / "Packages").write_text(proc.run(["dpkg-scanpackages", "--multiversion", "."], "indexing the archive", cwd=archive))
    images.ext4(archive, kit.archive)


def drivers(kernel: kernels.Kernel, where: Path) -> None:
    """Of L0's kernel, named in loading order."""
    where.mkdir()
    for number, (name, data) in enumerate(kmodules.load_order(kernel.modules, DRIVERS), 10):
        (where / f"{number}-{name}.ko").write_bytes(data)
