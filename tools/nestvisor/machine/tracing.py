# SPDX-License-Identifier: GPL-2.0-only
"""An instance of tracefs of our own, which gets the module's event and goes when we are done."""

import contextlib
import os
import signal
from pathlib import Path
from types import FrameType

from nestvisor.errors import UserError
from nestvisor.machine.sources import Sources

READ = 1 << 16                  # bytes at a time
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Instance:
    """Used by `with`: the event is on inside, and nothing is left of it outside. Other tracing is not disturbed."""

    def __init__(self, sources: Sources, vm: int | None) -> None:
        self.folder = sources.require_tracefs() / "instances" / f"nestvisor-{os.getpid()}"
        self.vm = vm
        self.pipe = -1

    def __enter__(self) -> "Instance":
        try:
            self.folder.mkdir()
        except OSError as error:
            raise UserError(f"{self.folder}: {error.strerror}: tracing is not possible here") from error
        try:
            event = self.folder / "events/nestvisor/exit"
            if self.vm is not None:
                # Only for less work: who reads looks at each line's VM, too.
                with contextlib.suppress(OSError):
                    (event / "filter").write_text(f"vm == {self.vm}\n")
            self.pipe = os.open(self.folder / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            (event / "enable").write_text("1\n")
        except OSError as error:
            self._remove()
            raise UserError(f"{error.filename or self.folder}: {error.strerror}: tracing is not possible here") from error
        return self

    def __exit__(self, *_) -> None:
        self._remove()

    def read(self) -> str:
        """What there is now; empty if there is nothing."""
        try:
            return os.read(self.pipe, READ).decode(errors="replace")
        except BlockingIOError:
            return ""

    def stop(self) -> None:
        """No new events; those that are there can still be read."""
        (self.folder / "events/nestvisor/exit/enable").write_text("0\n")

    def _remove(self) -> None:
        # An instance with a file open cannot be removed; with its instance, the event is off, too.
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1
        remove(self.folder)


def remove(folder: Path) -> None:
    """Of an instance's folder, whose files go with it. A function of its own, as a test has a real folder to empty."""
    os.rmdir(folder)


class Signals:
    """Used by `with`: signals that would end the process only set `came` inside, so that it can tidy up and report."""

    def __init__(self) -> None:
        self.came = 0

    def __enter__(self) -> "Signals":
        self._before = {each: signal.signal(each, self._note) for each in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.came = number
