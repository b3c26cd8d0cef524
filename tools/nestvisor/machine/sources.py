# SPDX-License-Identifier: GPL-2.0-only
"""The machine that is looked at, and its files."""

from functools import cached_property
from pathlib import Path

from nestvisor.errors import UserError
from nestvisor.machine.system import System

DEBUGFS, TRACEFS = "sys/kernel/debug", "sys/kernel/tracing"


class Sources:
    """Where everything is read. A test brings a `root` and a `system` of its own."""

    def __init__(self, root: Path = Path("/"), system: System | None = None) -> None:
        self.root = root
        self.system = system or System()

    def path(self, name: str) -> Path:
        return self.root / name

    def data(self, name: str) -> bytes | None:
        """A file's content; None where it is missing or not for us to read."""
        try:
            return self.path(name).read_bytes()
        except OSError:
            return None

    def text(self, name: str) -> str | None:
        found = self.data(name)
        return None if found is None else found.decode(errors="replace")

    def loaded(self) -> bool:
        """Is the module there and at work?"""
        return (self.text("sys/module/nestvisor/initstate") or "").strip() == "live"

    @cached_property
    def log(self) -> list[str]:
        """The kernel's log since boot, oldest line first; empty where it is not for us to read.

        Its buffer may have lost the beginning, which the journal then still has.
        """
        ring = self.system.output(["dmesg"]) or ""
        if "Booting Linux" in ring:
            return ring.splitlines()
        journal = self.system.output(["journalctl", "--quiet", "--no-pager", "--dmesg", "--boot", "--output", "cat"]) or ""
        return [*journal.splitlines(), *ring.splitlines()]

    def debug_text(self, name: str) -> str:
        """A file of the module's in debugfs."""
        where = f"{DEBUGFS}/nestvisor/{name}"
        try:
            return self.path(where).read_text()
        except OSError as error:
            self._explain(error, where, DEBUGFS, "debugfs")
            raise UserError(f"/{where}: {error.strerror}: the loaded module is older than this command; update it") from error

    def require_tracefs(self) -> Path:
        """The folder of tracefs, where the module's event is there to be traced."""
        event = f"{TRACEFS}/events/nestvisor/exit"
        try:
            self.path(event).stat()
        except OSError as error:
            self._explain(error, TRACEFS, TRACEFS, "tracefs")
            raise UserError(f"/{event}: {error.strerror}: the loaded module is older than this command; update it") from error
        return self.path(TRACEFS)

    def _explain(self, error: OSError, where: str, mount_point: str, kind: str) -> None:
        """The usual reasons why a file of the kernel's cannot be read."""
        if not self.path("sys/module/nestvisor").exists():
            raise UserError("the module is not loaded: modprobe nestvisor; if it does not load: nestvisor check") from error
        if isinstance(error, PermissionError):
            raise UserError(f"only root may read /{where}: try again with sudo") from error
        if f" /{mount_point} {kind} " not in (self.text("proc/mounts") or ""):
            raise UserError(f"{kind} is not mounted: mount -t {kind} {kind} /{mount_point}") from error
