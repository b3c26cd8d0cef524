# SPDX-License-Identifier: GPL-2.0-only
"""Programs that the host must have: installed from Debian where missing.

What is installed stays, but for updates of the machine's own release that a missing program's packages ask for, as with any
apt-get install: nothing is removed, and nothing gets a version from another release."""

import os
import re
import shutil
import subprocess

from nestlab import proc, say
from nestlab.errors import LabError
from nestlab.setup import apt, host, staging

BUILD = ["make", "gcc", "bc", "kmod", "xz-utils", "libelf-dev"]
HOST_TESTS = ["cmake", "ninja-build", "g++", "clang", "libgtest-dev", "libgmock-dev", "libbenchmark-dev"]
IMAGES = ["mmdebstrap", "e2fsprogs", "tar"]
SELFTESTS = ["flex", "bison", "rsync", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "xz-utils", "make"]
KERNEL = ["flex", "bison"]
QEMU = ["qemu-system-arm"]


def cross(version: str) -> list[str]:
    """The cross compilers of one GCC version."""
    return [f"gcc-{version}-aarch64-linux-gnu", f"g++-{version}-aarch64-linux-gnu", "binutils-aarch64-linux-gnu"]


def missing(packages: list[str]) -> list[str]:
    """Those of `packages` that are not installed."""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                           capture_output=True, text=True).stdout.splitlines()
    installed = {line.split()[0] for line in asked if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def need(packages: list[str]) -> None:
    """Have these packages. Says what it installs; one clear line where it may not or cannot."""
    wanted = missing(packages)
    if not wanted:
        return
    become = privilege(wanted)
    apt.refresh()
    options = install_options()
    try:
        plan = proc.run(["apt-get", *options, "install", "-s", "--no-install-recommends", *wanted], "planning the installation")
    except LabError as error:
        if "Unable to locate package" in str(error):
            name = str(error).rsplit(" ", 1)[-1]
            raise LabError(f"Debian {host.release().number} has no package {name}: this needs a newer release") from None
        raise
    updates, harm = changes(plan)
    if harm:
        raise LabError(f"installing {' '.join(wanted)} would remove {' '.join(harm)}, or replace them by another release's: "
                       "use a fresh Debian container")
    say.step("installing " + " ".join(wanted) + (f" (and updating {' '.join(updates)})" if updates else ""))
    with staging.locked(apt.root() / "install"):
        proc.run([*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, "install", "-y", "-qq",
                  "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", *wanted], "apt-get install")


def changes(plan: str) -> tuple[list[str], list[str]]:
    """What apt's plan does to packages that are installed: those that get an update of the machine's own release, and those that
    would go, or come from elsewhere."""
    updates, harm = [], []
    for line in plan.splitlines():
        if match := re.match(r"Inst (\S+) \[\S+\] \(\S+ (.*?)\[", line):
            origins = [origin.strip().rsplit(":", 1)[0] for origin in match[2].split(",")]
            (updates if {"Debian", "Debian-Security"} & set(origins) else harm).append(match[1])
        elif match := re.match(r"Remv (\S+)", line):
            harm.append(match[1])
    return updates, harm


def privilege(wanted: list[str]) -> list[str]:
    """The prefix that makes a command run as root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise LabError(f"not root and no sudo: have an administrator run apt-get install {' '.join(wanted)}")


def install_options() -> list[str]:
    """apt for the host itself: its own release with its updates, and the suite that has a recent QEMU, pinned to QEMU alone."""
    release = host.release()
    suites = [release.name, f"{release.name}-updates"] + [release.qemu_suite] * (release.qemu_suite != release.name)
    listing, pins = apt.root() / "host.list", apt.root() / "host.pref"
    listing.write_text(apt.entries(suites, "amd64") + apt.security("amd64"))
    pins.write_text(f"Package: src:qemu\nPin: release n={release.qemu_suite}\nPin-Priority: 990\n")
    return [*apt.configured(), "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", f"Dir::Etc::sourcelist={listing}",
            "-o", f"Dir::Etc::preferences={pins}", "-o", "APT::Get::List-Cleanup=false"]
