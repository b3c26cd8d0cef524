# SPDX-License-Identifier: GPL-2.0-only
"""Modules, kernels that the lab makes itself, and packages, built while boot tests run: those use little more than one CPU."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from nestlab import paths, proc
from nestlab.tests.results import FAIL, PASS, Result

# Beside 6.12, which the boot tests run on.
DEBIANS = ["6.1", "6.12-rt", "6.12-16k", "7.2", "7.3"]


def module(kernel: str) -> tuple[str, list[str]]:
    """The module for that kernel, and the kernel if the lab makes it."""
    return f"module-build-{kernel}", ["build", "--kernel", kernel]


PACKAGES = ("package-build", ["package"])


class SideBuilds:
    """Used by `with`: runs such commands of the lab, (name of the result, words), one after the other; what is not done at the end is
    broken off."""

    def __init__(self, builds: list[tuple[str, list[str]]]) -> None:
        self._builds = builds
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._running: subprocess.Popen | None = None
        self._over = False
        self._lock = threading.Lock()       # of these two: no build begins behind the back of __exit__()
        self._thread = threading.Thread(target=self._build_all, daemon=True)

    def __enter__(self) -> "SideBuilds":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        with self._lock:
            self._over = True
            if self._running and self._running.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._running.pid, signal.SIGTERM)
        self._thread.join()

    def results(self) -> Iterator[Result]:
        """One for each, in order; waits."""
        for _ in self._builds:
            yield self._results.get()

    def _build_all(self) -> None:
        for name, words in self._builds:
            try:
                self._results.put(self._build(name, words))
            except OSError as error:
                self._results.put(Result(FAIL, name, str(error)))

    def _build(self, name: str, words: list[str]) -> Result:
        log = paths.BUILD / "log" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with log.open("w") as out:
            with self._lock:
                if self._over:
                    return Result(FAIL, name, "broken off")
                self._running = subprocess.Popen(command(words), cwd=paths.TOOLS, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                 start_new_session=True, preexec_fn=step_back)
            status = self._running.wait()
        if status:
            return Result(FAIL, name, f"{proc.telling_line(log.read_text(errors='replace'))} (all of it: {log})")
        return Result(PASS, name, "", time.monotonic() - started)


def command(words: list[str]) -> list[str]:
    return [sys.executable, "-B", "-m", "nestlab", *words]


def step_back() -> None:
    """In the child, which leads a session: the boot tests' machines go first. Where the kernel's scheduler takes each session as one
    (autogroup), nice counts among the session's own processes only, and the session has a nice value for itself."""
    os.nice(19)
    group = Path("/proc/self/autogroup")
    if group.exists():
        with contextlib.suppress(OSError):
            group.write_text("19")
