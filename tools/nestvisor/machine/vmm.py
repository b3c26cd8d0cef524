# SPDX-License-Identifier: GPL-2.0-only
"""The process behind a VM: its command, and the name that its user gave the guest."""

from typing import NamedTuple

from nestvisor.machine.sources import Sources

NAME_OPTIONS = ("-name", "--name")          # QEMU's, in both spellings, and kvmtool's


class Vmm(NamedTuple):
    pid: int
    command: str
    name: str

    def label(self, vm: int) -> str:
        """What to call the VM where there is room for one word."""
        return self.name or self.command or f"VM {vm}"

    def title(self, vm: int) -> str:
        who = " ".join(word for word in (self.command, f"pid {self.pid}" if self.pid else "") if word)
        return ", ".join(part for part in (f"VM {vm}", self.name, who) if part)


def guest_name(words: list[str]) -> str:
    """From a command line. QEMU's option may have parts, as -name guest=one,debug-threads=on; a comma in a name is doubled."""
    for option, value in zip(words, words[1:]):
        if option in NAME_OPTIONS:
            parts = [part.replace("\0", ",") for part in value.replace(",,", "\0").split(",")]
            named = [part.removeprefix("guest=") for part in parts if part.startswith("guest=")]
            return (named or [part for part in parts[:1] if "=" not in part] or [""])[0]
    return ""


def find(sources: Sources, pid: int) -> Vmm:
    """A process that has ended, or that is not ours to look at, has no name."""
    if not pid:
        return Vmm(0, "", "")
    command = (sources.text(f"proc/{pid}/comm") or "").strip()
    # The kernel keeps the first 15 letters: the whole name is in the command line.
    words = (sources.text(f"proc/{pid}/cmdline") or "").split("\0")
    program = words[0].rpartition("/")[2]
    return Vmm(pid, program if command and program.startswith(command) else command, guest_name(words))
