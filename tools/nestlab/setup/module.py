# SPDX-License-Identifier: GPL-2.0-only
"""Build nestvisor.ko for one kernel, in build/<V>/: a folder of links to the sources (6.12's kbuild has no MO=)."""

import os
import sys
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import headers, host, hosttools, kernels, staging, toolroot

FOLDERS = ["arch", "base", "kvm", "linux", "nested", "port", "stage2", "timer", "vgic", "vhe", "vncr"]
PATTERNS = ["Kbuild", "*.mk", "*.c", "*.cpp", "*.hpp", "*.h", "*.S", "*.def", "*.lds", "*.inc"]


def artefact(version: str) -> Path:
    """Where the module of that kernel lies."""
    return paths.BUILD / version / "nestvisor.ko"


def sources(top: Path) -> list[Path]:
    """All files the module is made of, relative to `top`."""
    found = [Path(pattern) for pattern in ("Kbuild",) if (top / pattern).is_file()]
    for folder in FOLDERS:
        for pattern in PATTERNS:
            found += [file.relative_to(top) for file in (top / folder).rglob(pattern) if file.is_file()]
    return found


def farm(top: Path, where: Path) -> None:
    """Make `where` mirror the sources by links; links whose source is gone go too."""
    wanted = {where / file: top / file for file in sources(top)}
    for here, _, files in os.walk(where):
        for name in files:
            link = Path(here, name)
            if link.is_symlink() and link not in wanted:
                link.unlink()
    for link, target in wanted.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        to = os.path.relpath(target, link.parent)
        if link.is_symlink() and os.readlink(link) == to:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(to)


def build(wanted: str = "6.12", top: Path = paths.REPO, verbose: bool = False) -> Path:
    """Build and return the module. A compiler error is shown as the compiler wrote it."""
    if not (top / "Kbuild").is_file():
        raise LabError(f"{top} has no Kbuild file: nothing to build")
    version = kernels.choose(wanted)
    tree = headers.get(version)
    gcc = headers.gcc(tree)
    hosttools.need(hosttools.BUILD)
    if gcc == host.release().gcc:
        hosttools.need(hosttools.cross(gcc))
    where = paths.BUILD / version
    where.mkdir(parents=True, exist_ok=True)
    with staging.locked(where):
        farm(top, where)
        log = where / "build.log"
        try:
            # CONFIG_DEBUG_INFO_BTF_MODULES= : pahole gives up on C++ and kbuild would delete the module.
            make = ["nice", "make", "-C", str(tree), f"M={where}", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-",
                    f"CC=aarch64-linux-gnu-gcc-{gcc}", "CONFIG_DEBUG_INFO_BTF_MODULES=", f"-j{os.cpu_count()}", f"V={int(verbose)}",
                    "modules"]
            proc.run(make if gcc == host.release().gcc else toolroot.command(gcc, make), "building nestvisor.ko", log=log)
        except LabError as error:
            say.result(said(log, where))
            raise LabError(str(error).replace(f"{where}/", "", 1)) from None
        if verbose:
            say.result(said(log, where))
        if not artefact(version).exists():
            raise LabError(f"the build left no nestvisor.ko in {where}; see {log}")
    return artefact(version)


def lint(name: str, wanted: str = "6.12") -> None:
    """tests/lint/<name>.py over the folded core of a module that was built."""
    core = artefact(kernels.choose(wanted)).with_name("core.o")
    proc.run([sys.executable, str(paths.REPO / "tests" / "lint" / f"{name}.py"), str(core)], f"{name}.py",
             log=core.with_name(f"lint_{name}.log"))


def said(log: Path, where: Path) -> str:
    """The compiler's words, with the sources named as the repository has them."""
    return log.read_text(errors="replace").rstrip().replace(f"{where}/", "")
