# SPDX-License-Identifier: GPL-2.0-only
"""The root disk of L0 (and of L1): busybox, QEMU 11 for arm64, kexec, and guests ready to boot."""

import hashlib
import os
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.setup import debian, hosttools, images, initramfs, kernels, staging

PACKAGES = ["busybox-static", "kexec-tools", "qemu-system-arm"]
GUESTS = ["6.12", "7.2"]                # cloud kernels: /guest/linux-<v> and /guest/initrd-<v>
FOLDERS = ["dev", "proc", "sys", "run", "mnt", "root", "var", "guest"]
IN_RAM = {"tmp": "run/tmp", "var/tmp": "../run/tmp", "mnt": "run/mnt"}     # the disk itself is mounted read-only
PINS = "Package: src:qemu\nPin: release n=trixie-backports\nPin-Priority: 990\n"


def busybox() -> Path:
    """The static arm64 busybox."""
    return tree() / "usr" / "bin" / "busybox"


def tree() -> Path:
    """The unpacked packages, in the cache."""
    top = paths.cache("root", "tree-" + "-".join(PACKAGES))
    with staging.locked(top):
        if not top.exists():
            hosttools.need(hosttools.IMAGES)
            staging.need_space(top, 1)
            say.step("making the arm64 root file system (QEMU 11, busybox, kexec)")
            with staging.staged(top) as work:
                debian.unpack(work / top.name, PACKAGES, ["trixie", "trixie-backports"], PINS)
                furnish(work / top.name)
    return top


def furnish(top: Path) -> None:
    """What the packages' scripts would have done, as far as we need it."""
    proc.run(["rm", "-rf", str(top / "var/lib/dpkg")], "trimming the root")
    debian.merge_usr(top)
    for name in FOLDERS:
        (top / name).mkdir(exist_ok=True)
    for name, target in IN_RAM.items():
        link = top / name
        proc.run(["rm", "-rf", str(link)], "trimming the root")
        link.symlink_to(target)
    (top / "usr" / "sbin").mkdir(exist_ok=True)
    for applet in applets():
        link = top / "usr" / "bin" / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    (top / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (top / "etc" / "group").write_text("root:x:0:\nkvm:x:106:\n")


def applets() -> list[str]:
    """busybox cannot be asked on another architecture, so the list is here."""
    return """[ ash awk basename cat chmod chown cksum clear cmp cp cpio cttyhack cut date dd df diff dirname dmesg du echo
    env expr factor false find free fsync grep gunzip gzip halt head hexdump hostname id insmod install ip kill killall less ln
    logger ls lsmod md5sum mkdir mkfifo mknod mktemp modinfo modprobe more mount mv nc nice nohup nproc od paste pidof
    ping poweroff printf ps pwd readlink realpath reboot renice reset resize rm rmdir rmmod sed seq setsid sh sha256sum sleep sort
    split stat strings stty switch_root sync sysctl tac tail tar taskset tee test time timeout top touch tr true truncate tty
    umount uname uniq unlink unxz uptime usleep vi watch wc which xargs xxd yes zcat""".split()


def image() -> Path:
    """The root disk, rebuilt when a guest kernel or a guest script changed."""
    guests = {short: kernels.get(short, "cloud-arm64") for short in GUESTS}
    recipe = [*PACKAGES, (initramfs.SCRIPTS / "guest-init").read_text(), *(kernel.version for kernel in guests.values())]
    recipe += [Path(module.__file__).read_text() for module in (initramfs, images)]
    key = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    made = paths.cache("root", f"{key}.ext4")
    top = tree()
    with staging.locked(paths.cache("root", "image")):
        if not made.exists():
            say.step("making the root disk")
            staging.need_space(made, 1)
            with staging.staged(made) as work:
                build(work, made.name, top, guests)
            for old in made.parent.glob("*.ext4"):
                if old != made:
                    old.unlink()        # a machine that runs on it keeps its open file
    return made


def build(work: Path, name: str, top: Path, guests: dict[str, kernels.Kernel]) -> None:
    """Tree plus guests, as an ext4 image named `name` in `work`."""
    stage = work / "stage"
    proc.run(["cp", "-al", str(top), str(stage)], "staging the root")
    for short, kernel in guests.items():
        os.link(kernel.image, stage / "guest" / f"linux-{short}")
        (stage / "guest" / f"initrd-{short}").write_bytes(initramfs.for_guest(kernel, top / "usr/bin/busybox"))
    hello = work / "hello"
    hello.mkdir()
    (hello / "hello").write_text("hello from the guest disk\n")
    images.ext4(hello, stage / "guest" / "disk.ext4")
    images.ext4(stage, work / name)
