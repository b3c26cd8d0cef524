# SPDX-License-Identifier: GPL-2.0-only
"""A running machine's serial console, line by line and against the clock."""

import os
import selectors
import signal
import subprocess
import time
from pathlib import Path

from nestlab.errors import LabError


class TimeUp(Exception):
    """The deadline passed; `partial` is the unfinished line."""

    def __init__(self, partial: str):
        super().__init__(partial)
        self.partial = partial


class Console:
    """Starts the machine, hands out its lines, keeps a full record in `log`. Use as a context: it ends the machine."""

    def __init__(self, argv: list[str], log: Path):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._record = log.open("wb")
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            raise LabError("qemu-system-aarch64 is not installed") from None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._pending = b""

    def __enter__(self) -> "Console":
        # A lab that is told to end takes its machine along.
        self._before = signal.signal(signal.SIGTERM, lambda *_: exit(143))
        return self

    def __exit__(self, *_) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        self._record.close()
        signal.signal(signal.SIGTERM, self._before)

    def line(self, deadline: float) -> str | None:
        """The next line, None at the end of the machine. Raises TimeUp past `deadline` (monotonic seconds)."""
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                raise TimeUp(self._text(self._pending))
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                rest, self._pending = self._pending, b""
                return self._text(rest) if rest else None
            self._record.write(data)
            self._record.flush()
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return self._text(line)

    @staticmethod
    def _text(raw: bytes) -> str:
        return raw.replace(b"\r", b"").decode(errors="replace")
