# SPDX-License-Identifier: GPL-2.0-only
"""The hardware: one QEMU command line for the Armv8.4 machine that L0 runs on."""

from dataclasses import dataclass
from pathlib import Path

from nestlab.setup import firmware

CPU_MODELS = ["max", "neoverse-v1"]     # the first is the default
FIRMWARES = ["none", "uefi"]
KVM_MODES = {"none": "kvm-arm.mode=none", "nested": "kvm-arm.mode=nested", "default": ""}


@dataclass(frozen=True)
class Machine:
    """What can differ from one L0 boot to another. Equal machines may share a boot."""

    cpu: str = "max"            # one of CPU_MODELS
    smp: int = 2
    mem: str = "4G"
    el2: bool = True            # False: the kernel starts at EL1
    kvm_mode: str = "none"      # none: leaves /dev/kvm to the module | nested: the peer | default: the kernel's own KVM
    firmware: str = "none"      # none: the kernel and a device tree | uefi: EDK2, and ACPI's tables instead of the tree
    append: str = ""
    icount: bool = False        # one instruction is one nanosecond; single-threaded
    monitor: Path | None = None # QEMU's monitor as a socket there
    log: Path | None = None     # where QEMU's own log goes

    def command_line(self) -> str:
        """The kernel's. An oops ends the machine: after one at EL2 no result can be trusted."""
        words = ["console=ttyAMA0", "quiet", "oops=panic", "panic=-1", KVM_MODES[self.kvm_mode]]
        if self.firmware == "uefi":
            words.append("acpi=force")
        if self.icount:
            words.append("nokaslr")
        return " ".join(word for word in [*words, self.append] if word)

    def argv(self, image: Path, initrd: Path, disks: list["Disk"], interactive: bool) -> list[str]:
        """The whole command."""
        # Vectors of 512 bits at most: each instruction of SVE costs the emulator as many steps as its vector has words.
        cpu = "max,pauth-impdef=on,sve-max-vq=4" if self.cpu == "max" else self.cpu
        board = f"virt,virtualization={'on' if self.el2 else 'off'},gic-version=3"
        accel = ["-accel", "tcg,thread=multi"]
        if self.icount:
            board += ",dtb-randomness=off"
            accel = ["-accel", "tcg", "-icount", "shift=0,sleep=off"]
        # ctrl-] is the outer machine's escape where a guest's own QEMU needs ctrl-a.
        monitor = f"unix:{self.monitor},server=on,wait=off" if self.monitor else "none"
        console = ["-serial", "mon:stdio"] if interactive else ["-serial", "stdio", "-monitor", monitor]
        board_firmware = ["-bios", str(firmware.get())] if self.firmware == "uefi" else []
        if self.log:
            console += ["-D", str(self.log)]
        command = ["qemu-system-aarch64", "-M", board, "-cpu", cpu, *accel, "-smp", str(self.smp), "-m", self.mem,
                   "-nic", "none", "-display", "none", "-no-reboot", *console, *board_firmware,
                   "-kernel", str(image), "-initrd", str(initrd), "-append", self.command_line()]
        for number, disk in enumerate(disks):
            command += disk.argv(number)
        return command


@dataclass(frozen=True)
class Disk:
    """A virtio disk. L0 finds it by its serial number. With snapshot, writes are lost at the end."""

    image: Path
    serial: str
    snapshot: bool = True

    def argv(self, number: int) -> list[str]:
        name = str(self.image).replace(",", ",,")
        options = f"file={name},if=none,format=raw,id=d{number},snapshot={'on' if self.snapshot else 'off'}"
        return ["-drive", options, "-device", f"virtio-blk-pci,drive=d{number},serial={self.serial},romfile="]
