# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own KVM selftests, built static for arm64 from Debian's linux-source packages."""

import os
import re
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import apt, host, hosttools, staging

SUITES = ["6.12", "7.2", "7.3"]
FOR_BOOT_TESTS = ["7.2"]
# Of the kernel's source: a tenth of its files.
NEEDED = ["Makefile", "Kbuild", "include", "scripts", "tools", "usr", "arch/arm64"]


def get(*suites: str) -> Path:
    """The folder with a folder for each suite (FOR_BOOT_TESTS if none is named), the tests at the paths that the source has."""
    top = paths.cache("selftests")
    for suite in suites or FOR_BOOT_TESTS:
        with staging.locked(top / suite):
            if not (top / suite).exists():
                build(suite, top / suite)
    return top


def tests(suite: str) -> list[str]:
    """The names of a suite's tests, for instance arm64/psci_test."""
    top = get(suite) / suite
    return sorted(str(file.relative_to(top)) for file in top.rglob("*") if file.is_file())


def source_package(suite: str) -> str:
    """6.12 comes from the release's own suites, anything newer from trixie-backports."""
    origin = host.release().kernel_suite if suite == "6.12" else "trixie-backports"
    return f"linux-source-{suite}:all/{origin}"


def build(suite: str, made: Path) -> None:
    """Unpack, build, keep the stripped programs. Tests that do not build are reported, the others count."""
    hosttools.need(hosttools.SELFTESTS)
    staging.need_space(made, 4)
    debs = apt.fetch([source_package(suite)])
    say.step(f"building the KVM selftests of {suite} (a minute)")
    with staging.staged(made) as work:
        apt.unpack(debs, work / "deb")
        archive = next((work / "deb/usr/src").glob("linux-source-*.tar.xz"))
        source = work / "linux"
        source.mkdir()
        proc.run(["tar", "-xf", str(archive), "-C", str(source), "--strip-components=1", "--wildcards", "--no-wildcards-match-slash",
                  *(f"*/{part}" for part in NEEDED)], "unpacking the kernel source")
        cross = ["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"]
        log = paths.cache("log", f"selftests-{suite}.log")
        proc.run(["nice", "make", "-C", str(source), *cross, "headers", f"-j{os.cpu_count()}"], "make headers", log=log)
        kvm = source / "tools/testing/selftests/kvm"
        try:
            proc.run(["nice", "make", "-k", "-C", str(kvm), *cross, "EXTRA_CFLAGS=-static", "LDFLAGS=-static",
                      f"-j{os.cpu_count()}"], "building the selftests", log=log)
        except LabError as error:
            say.step(str(error))
        names = programs(kvm)
        if not names:
            raise LabError(f"no KVM selftest of {suite} was built; see {log}")
        for name in names:
            target = work / made.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            proc.run(["aarch64-linux-gnu-strip", "-o", str(target), str(kvm / name)], f"stripping {name}")
        say.step(f"{len(names)} selftests of {suite}")


def programs(kvm: Path) -> list[str]:
    """The linked tests below `kvm`: ELF executables."""
    found = []
    for file in kvm.rglob("*"):
        if file.is_file() and os.access(file, os.X_OK) and not re.search(r"\.(sh|py|o)$", file.name):
            with file.open("rb") as data:
                if data.read(18)[:4] == b"\x7fELF":
                    found.append(str(file.relative_to(kvm)))
    return found
