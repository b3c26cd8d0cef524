# SPDX-License-Identifier: GPL-2.0-only
"""The packages on an installed Debian, from `apt install` to `apt purge`: a machine with EDK2, GRUB and systemd, boot by boot.

The disk is installed once for each release, in L0 (package-disk.sh); each boot does a step of package-machine.sh and powers off.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.machine import campaign, job
from nestlab.machine.boot import Boot, log_file
from nestlab.machine.console import Console, TimeUp
from nestlab.machine.machine import Disk, Machine
from nestlab.setup import firmware, hosttools, images, initramfs, kernels, kit, package, root, staging
from nestlab.tests import judge
from nestlab.tests.results import FAIL, PASS, Result

SUITES = {"12": "bookworm", "13": "trixie"}
# Seconds, on an emulated and busy machine: a build of the module takes most of `install` and `upgrade`.
STEPS = {"install": 7200, "use": 1200, "upgrade": 7200, "remove": 1800, "gone": 900}
INSTALLATION = 7200
SIZE = 10 << 30
SCRIPTS = paths.BOOT_TESTS / "scripts"


def disk(suite: str) -> Path:
    """The disk with that Debian, in the cache."""
    kept = kit.get(suite)
    made = kept.folder / "disk.img"
    with staging.locked(made):
        if not made.exists():
            staging.need_space(made, 12)
            say.step(f"installing Debian's {suite} (half an hour)")
            with staging.staged(made) as work:
                image = work / made.name
                with image.open("wb") as file:
                    file.truncate(SIZE)
                boot = Boot(Machine(), kernels.get("6.12"), job=f"package-disk.sh {','.join(kit.SYSTEM)}\n", share=kept.share,
                            disk=Disk(image, "lab-disk", snapshot=False), scripts=[SCRIPTS / "package-disk.sh"])
                said: list[str] = []
                if job.run(boot, INSTALLATION, said.append, f"package-disk-{suite}"):
                    log = log_file(f"package-disk-{suite}")
                    raise LabError(f"installing Debian's {suite} failed: {campaign.telling(said)}; its console: {log}")
    return made


def run(name: str, suite: str) -> Iterator[Result]:
    """Its steps as parts of the test `name`; the first that fails is the last."""
    try:
        yield from steps(name, suite)
    except LabError as error:
        yield Result(FAIL, name, str(error))


def steps(name: str, suite: str) -> Iterator[Result]:
    packages = package.build()
    hosttools.need(hosttools.QEMU)
    installed = disk(suite)
    with tempfile.TemporaryDirectory(prefix="lab-package-", dir=paths.cache()) as folder:
        image = Path(folder, "disk.img")
        proc.run(["cp", "--sparse=always", "--reflink=auto", str(installed), str(image)], "copying the disk")
        share = Path(folder, "share")
        furnish(share, packages)
        for step, limit in STEPS.items():
            say.step(f"{name}: {step}")
            (share / "run").write_text(f"#!/bin/sh\nexec sh /srv/share/scripts/package-machine.sh {step}\n")
            (share / "run").chmod(0o755)
            disks = [Disk(image, "lab-disk", snapshot=False), Disk(kit.get(suite).archive, "lab-archive"),
                     Disk(images.ext4(share, Path(folder, f"{step}.ext4")), "lab-share")]
            result = boot(f"{name}/{step}", step, machine(disks), limit, log_file(f"{name}-{step}"))
            yield result
            if result.verdict != PASS:
                return


def furnish(share: Path, packages: list[Path]) -> None:
    """What the machine sees at /srv/share: the packages, and what guest-linux.sh needs."""
    guest = kernels.get("6.12", "cloud-arm64")
    for name in ("packages", "scripts", "guest", "hello"):
        (share / name).mkdir(parents=True)
    for file in packages:
        shutil.copy(file, share / "packages")
    for script in ("package-machine.sh", "guest-linux.sh"):
        shutil.copy(SCRIPTS / script, share / "scripts")
    shutil.copy(paths.REPO / "VERSION", share)
    shutil.copy(guest.image, share / "guest" / "linux-6.12")
    (share / "guest" / "initrd-6.12").write_bytes(initramfs.for_guest(guest, root.busybox()))
    (share / "hello" / "hello").write_text("hello from the guest disk\n")
    images.ext4(share / "hello", share / "guest" / "disk.ext4")


def machine(disks: list[Disk]) -> list[str]:
    """A machine that starts what it finds on its first disk."""
    command = ["qemu-system-aarch64", "-M", "virt,virtualization=on,gic-version=3", "-cpu", "max,pauth-impdef=on",
               "-accel", "tcg,thread=multi", "-smp", "2", "-m", "4G", "-nic", "none", "-display", "none", "-no-reboot",
               "-serial", "stdio", "-monitor", "none", "-bios", str(firmware.get())]
    for number, each in enumerate(disks):
        command += each.argv(number)
    return command


def boot(name: str, step: str, argv: list[str], limit: float, log: Path) -> Result:
    """One boot, judged by the step's own last word and the kernel's log."""
    started, lines = time.monotonic(), []
    with Console(argv, log) as console:
        try:
            while (line := console.line(started + limit)) is not None:
                lines.append(line)
        except TimeUp:
            return Result(FAIL, name, f"no end within {limit:g} s, console: {log}", time.monotonic() - started)
    return verdict(name, step, lines, time.monotonic() - started, log)


def verdict(name: str, step: str, lines: list[str], seconds: float, log: Path) -> Result:
    """PASS if the step says so and nothing alarming is in the log."""
    kernel = [line for line in lines if line.startswith("[")]
    if said := next((line for line in lines if line.startswith(f"FAIL {step}")), None):
        return Result(FAIL, name, said.removeprefix(f"FAIL {step} "), seconds)
    if alarm := judge.alarm(kernel):
        return Result(FAIL, name, f"kernel log: {alarm}", seconds)
    if f"PASS {step}" not in lines:
        return Result(FAIL, name, f"did not say that it passed, console: {log}", seconds)
    return Result(PASS, name, "", seconds)
