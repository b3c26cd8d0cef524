# SPDX-License-Identifier: GPL-2.0-only
"""The arm64 kernels: which Debian has, and one in the cache: unpacked, or built by the lab itself (built.py)."""

import re
from dataclasses import dataclass
from pathlib import Path

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import apt, built, flavours, host, staging

PARTS = ["linux-image", "linux-binary", "linux-modules"]     # from 7.x on the kernel is split


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel: `vmlinuz` and its modules."""

    version: str

    @property
    def folder(self) -> Path:
        return paths.cache("kernels", self.version)

    @property
    def image(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def modules(self) -> Path:
        return self.folder / "modules"


def order(version: str) -> tuple[int, ...]:
    """Sort key among kernels of one flavour: the numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def fits(version: str, wanted: str, flavour: str) -> bool:
    """Is `version` one of `wanted` (6.12, 7.2, …), of that flavour, and for 6.12 built by this release's compiler?"""
    if not re.fullmatch(re.escape(wanted) + rf"(\.\d+)*(\+deb[\d.]+|-\d+)-{flavour}", version):
        return False
    return not wanted.startswith("6.12") or f"+deb{host.release().number}" in version


def choose(wanted: str, flavour: str = "arm64") -> str:
    """The full version for `wanted`: itself if full, else the newest in the cache, else the newest that Debian offers.

    A flavour that `wanted` names (6.12-rt) goes before `flavour`.
    """
    if flavours.is_full(wanted):
        return wanted
    if name := built.variant(wanted):
        return built.version(name)
    wanted, flavour = flavours.short(wanted, flavour)
    cached = [p.name for p in paths.cache("kernels").glob(f"*-{flavour}") if fits(p.name, wanted, flavour)]
    if cached:
        return max(cached, key=order)
    offered = [name.removeprefix("linux-image-") for name in apt.names(f"linux-image-{wanted}")]
    offered = [version for version in offered if fits(version, wanted, flavour)]
    if not offered:
        raise LabError(f"Debian offers no {flavour} kernel {wanted}; try 6.12, 6.12-rt, 7.2, a full version such as "
                       f"6.12.95+deb12-arm64, or one that the lab builds: {', '.join(built.VARIANTS)}")
    return max(offered, key=order)


def get(wanted: str, flavour: str = "arm64") -> Kernel:
    """The kernel, fetched and unpacked, or built, at first use."""
    kernel = Kernel(choose(wanted, flavour))
    with staging.locked(kernel.folder):
        if not kernel.folder.exists():
            built.build(kernel.version, kernel.folder) if built.variant(kernel.version) else fetch(kernel)
    return kernel


def fetch(kernel: Kernel) -> None:
    """Fetch and unpack into the cache."""
    staging.need_space(kernel.folder, 1)
    packages = [f"{part}-{kernel.version}" for part in PARTS]
    known = [name for name in packages if name in apt.names(name)]
    if not known:
        raise LabError(f"Debian offers no kernel {kernel.version}; lab takes 6.12, 7.2 or a full version")
    debs = apt.fetch([f"{name}:arm64" for name in known])
    say.step(f"unpacking kernel {kernel.version}")
    with staging.staged(kernel.folder) as work:
        apt.unpack(debs, work / "deb")
        made = work / kernel.version
        made.mkdir()
        image = next(iter([*work.glob("deb/boot/vmlinuz-*"), *work.glob("deb/usr/lib/modules/*/vmlinuz")]), None)
        modules = next(iter([*work.glob("deb/lib/modules/*"), *work.glob("deb/usr/lib/modules/*")]), None)
        if not image or not modules:
            raise LabError(f"the packages of kernel {kernel.version} hold no vmlinuz or no modules")
        image.rename(made / "vmlinuz")
        modules.rename(made / "modules")
