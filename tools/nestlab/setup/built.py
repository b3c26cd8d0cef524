# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that no package offers: Linux 6.12 built from Debian's linux-source with a small configuration (kconfig/).

Such a kernel's version is its variant and a key of all that it is made of, for instance debug-0123456789ab; in the cache
it has, beside vmlinuz and the (empty) modules of any other, the built tree itself, which modules are compiled against.
"""

import hashlib
import os
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import apt, host, hosttools, staging

FRAGMENTS = paths.PACKAGE / "setup" / "kconfig"
# What each variant is configured with; a later fragment adds to an earlier one.
VARIANTS = {
    "debug": ["base", "4k", "checks"],      # lockdep, KASAN, UBSAN, kmemleak, fault injection …
    "64k": ["base", "64k"],                 # pages of 64 KiB
    "scs": ["base", "4k", "scs"],           # SHADOW_CALL_STACK: x18 is the host's
}
SOURCE = "linux-source-6.12"
ARCH = ["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"]
# What nobody needs once the kernel is linked: nine tenths of the tree.
WASTE = ("*.o", "*.a", "*.o.cmd", "*.tmp*")


def variant(wanted: str) -> str | None:
    """The variant that `wanted` names, by itself (debug) or with its key (debug-0123456789ab); None for any other kernel."""
    name = wanted.split("-")[0]
    return name if name in VARIANTS else None


def configuration(name: str) -> str:
    """The variant's fragments, one after the other."""
    return "\n".join((FRAGMENTS / f"{fragment}.config").read_text() for fragment in VARIANTS[name])


def version(name: str) -> str:
    """The variant's full version: another configuration or compiler is another kernel."""
    recipe = f"{SOURCE}\n{host.release().gcc}\n{configuration(name)}"
    return f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def source() -> Path:
    """The kernel's source, unpacked in the cache; the builds of all variants share it and write nothing there."""
    [deb] = apt.fetch([f"{SOURCE}:all/{host.release().kernel_suite}"])
    top = paths.cache("linux-source", deb.name.removesuffix("_all.deb").removeprefix(f"{SOURCE}_"))
    with staging.locked(top):
        if not top.exists():
            staging.need_space(top, 3)
            say.step("unpacking the kernel's source")
            with staging.staged(top) as work:
                apt.unpack([deb], work / "deb")
                archive = next((work / "deb/usr/src").glob("linux-source-*.tar.xz"))
                (work / top.name).mkdir()
                proc.run(["tar", "-xf", str(archive), "-C", str(work / top.name), "--strip-components=1"],
                         "unpacking the kernel's source")
    return top


def build(full: str, folder: Path) -> None:
    """Configure and build into `folder`: vmlinuz, modules/, tree/. LabError where an option of a fragment did not hold."""
    name = variant(full)
    compiler = f"aarch64-linux-gnu-gcc-{host.release().gcc}"
    hosttools.need([*hosttools.BUILD, *hosttools.KERNEL, *hosttools.cross(host.release().gcc)])
    staging.need_space(folder, 3)
    where = source()
    say.step(f"building the {name} kernel (ten minutes on two CPUs)")
    with staging.staged(folder) as work:
        tree = work / folder.name / "tree"
        tree.mkdir(parents=True)
        (work / folder.name / "modules").mkdir()
        fragment = work / "fragment"
        fragment.write_text(configuration(name))
        log = paths.cache("log", f"kernel-{name}.log")
        cached = "ccache " if proc.have("ccache") else ""
        make = ["nice", "make", "-C", str(where), f"O={tree}", *ARCH, f"CC={cached}{compiler}", f"-j{os.cpu_count()}"]
        proc.run([*make, f"KCONFIG_ALLCONFIG={fragment}", "allnoconfig"], f"configuring the {name} kernel", log=log)
        if lost := unmet(fragment.read_text(), (tree / ".config").read_text()):
            raise LabError(f"the {name} kernel cannot have {' '.join(lost)}; mend {FRAGMENTS}")
        # UBSan is for the module, whose own build does not say this; without it the compiler needs a tenth less time.
        proc.run([*make, "UBSAN_SANITIZE=n", "Image", "modules"], f"building the {name} kernel", log=log)
        os.rename(tree / "arch/arm64/boot/Image", tree.parent / "vmlinuz")
        trim(tree)


def unmet(fragment: str, config: str) -> list[str]:
    """The fragment's lines CONFIG_…=… that the final configuration does not have."""
    had = set(config.splitlines())
    return [line for line in fragment.splitlines() if line.startswith("CONFIG_") and line not in had]


def trim(tree: Path) -> None:
    """Keep of a built tree what a module is built with (its programs, headers, symbols) and vmlinux's table of symbols."""
    kept = tree / "scripts"
    for pattern in WASTE:
        for file in tree.rglob(pattern):
            if kept not in file.parents and file.name != "module.lds":
                file.unlink(missing_ok=True)
    for name in ("vmlinux", "vmlinux.unstripped"):
        (tree / name).unlink(missing_ok=True)
