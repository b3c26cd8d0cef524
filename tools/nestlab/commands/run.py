# SPDX-License-Identifier: GPL-2.0-only
"""Any kernel and disk as a guest: boots L0, loads the module, starts QEMU 11 there with KVM on this terminal.

ctrl-a x ends the guest's QEMU; ctrl-] x ends the whole machine. With --status the guest has no terminal: its console is
stdout, and what it says there of its success is our exit status (1: it says nothing; 124: time is up).
"""

import argparse
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from nestlab import say
from nestlab.commands import options
from nestlab.errors import LabError
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.machine.machine import CPU_MODELS, Disk
from nestlab.setup import initramfs, kernels, root


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", default="6.12", metavar="K", help="an Image file, or a version of Debian's cloud kernel "
                        "(default: 6.12)")
    parser.add_argument("--initrd", type=Path, metavar="FILE", help="the guest's initrd (for a version: the lab's, which "
                        "reports and powers off; add lab.stay to --append for a prompt)")
    parser.add_argument("--disk", type=Path, metavar="IMG", help="a raw image, the guest's /dev/vda")
    parser.add_argument("--write", action="store_true", help="the guest's writes to IMG stay (default: they are lost)")
    parser.add_argument("--smp", type=int, default=4, metavar="N", help="the guest's CPUs (default: 4)")
    parser.add_argument("--mem", default="1G", metavar="M", help="the guest's memory (default: 1G)")
    parser.add_argument("--append", default="", metavar="WORDS", help="more words for the guest's kernel command line")
    parser.add_argument("--el2", action="store_true", help="the guest has virtual EL2: it can be a hypervisor itself")
    parser.add_argument("--status", type=pattern, metavar="REGEX", help="the guest runs by itself, for a script: the last line of "
                        "its console that matches tells its exit status, by the first group (no group: 0)")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="limit for --status (default: 600 s)")
    parser.add_argument("--cpu", choices=CPU_MODELS, default="max", help="L0's CPU model (default: max)")
    parser.add_argument("--peer", action="store_true", help="Linux 7.2's own KVM as L0, without the module")


def run(args: argparse.Namespace) -> int:
    if args.disk and not args.disk.is_file():
        raise LabError(f"{args.disk} is no file")
    kernel, module = options.l0(args.peer)
    machine = options.Machine(cpu=args.cpu, smp=2, mem=outer_memory(args.mem), kvm_mode="nested" if args.peer else "none")
    with tempfile.TemporaryDirectory(prefix="lab-run-") as folder:
        share = Path(folder)
        has_initrd = guest_files(args, share)
        disk = Disk(args.disk.resolve(), "lab-disk", snapshot=not args.write) if args.disk else None
        command = guest_command(args, has_initrd)
        if args.status:
            return judged(Boot(machine, kernel, module, job=command, share=share, disk=disk), args.status, args.timeout)
        boot = Boot(machine, kernel, module, foreground=command, share=share, disk=disk)
        with boot.command() as argv:
            return subprocess.call([*argv, "-echr", "29"])


def pattern(text: str) -> re.Pattern[str]:
    """--status: a regular expression, whose first group, if it has one, is of digits."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


class Verdict:
    """Reads the guest's console: `told` is the status in the last line that matches, None before the first."""

    def __init__(self, wanted: re.Pattern[str]):
        self._wanted = wanted
        self.told: int | None = None

    def see(self, line: str) -> None:
        found = self._wanted.search(line)
        if not found:
            return
        digits = found[1] if self._wanted.groups else "0"
        if not digits or not digits.isdecimal():
            raise LabError(f"--status {self._wanted.pattern}: its first group, {digits!r}, is no number in: {line}")
        self.told = int(digits)


def judged(boot: Boot, wanted: re.Pattern[str], seconds: float) -> int:
    """Run the guest to its end, with its console on stdout; what it told of its success, 255 for more than a process can tell."""
    verdict = Verdict(wanted)

    def show(line: str) -> None:
        say.result(line)
        verdict.see(line)

    vmm = job.run(boot, seconds, show, "run")
    if vmm:
        if vmm != job.TIMED_OUT:
            say.step(f"the guest's QEMU did not end well: status {vmm}")
        return vmm
    if verdict.told is None:
        say.step(f"no line of the guest's console matches {wanted.pattern}")
        return 1
    return min(verdict.told, 255)


def guest_files(args: argparse.Namespace, share: Path) -> bool:
    """Put kernel and initrd into the folder that L0 sees; says whether there is an initrd."""
    initrd = args.initrd
    if Path(args.kernel).is_file():
        shutil.copy(args.kernel, share / "kernel")
    else:
        guest = kernels.get(args.kernel, "cloud-arm64")
        shutil.copy(guest.image, share / "kernel")
        if not initrd:
            (share / "initrd").write_bytes(initramfs.for_guest(guest, root.busybox()))
            return True
    if initrd:
        if not initrd.is_file():
            raise LabError(f"{initrd} is no file")
        shutil.copy(initrd, share / "initrd")
    return initrd is not None


def guest_command(args: argparse.Namespace, has_initrd: bool) -> str:
    """The script that L0 runs on the terminal."""
    words = ["console=ttyAMA0", *(["root=/dev/vda", "rw"] if args.disk and not has_initrd else []), args.append]
    machine = "virt,virtualization=on" if args.el2 else "virt"
    command = ["qemu-system-aarch64", "-M", machine, "-accel", "kvm", "-cpu", "host",
               "-smp", str(args.smp), "-m", args.mem, "-nographic", "-nic", "none", "-no-reboot",
               "-kernel", "/mnt/share/kernel", "-append", " ".join(filter(None, words))]
    if has_initrd:
        command += ["-initrd", "/mnt/share/initrd"]
    drive = "/run/lab/disk" if args.disk else "/guest/disk.ext4"
    command += ["-drive", f"file={drive},if=virtio,format=raw,snapshot={'off' if args.disk else 'on'}"]
    return "exec " + shlex.join(command) + "\n"


def outer_memory(guest: str) -> str:
    """L0's memory: the guest's and room for L0 and its QEMU."""
    factor = {"M": 1, "G": 1024}.get(guest[-1:].upper())
    if not factor or not guest[:-1].isdigit():
        raise LabError(f"--mem {guest}: give a size such as 512M or 2G")
    return f"{max(4096, int(guest[:-1]) * factor + 2048)}M"
