# SPDX-License-Identifier: GPL-2.0-only
"""Makes each declared slip, one at a time, and asks the host tests whether they notice.

All slips are compiled once, each behind a switch (tests/mutants/slip.hpp). A first run without any tells which test
reaches which slip (listener.cpp); then each slip is made for those tests only, the quickest first, until one fails.
"""

import functools
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import hosttools
from nestlab.tests import slips
from nestlab.tests.slips import Slip

WHERE = paths.BUILD / "mutants"
SOURCES, HOST = WHERE / "src", WHERE / "host"
NOTICED, HANGS, UNSEEN, UNREACHED, EQUAL = "noticed", "hangs", "not noticed", "not reached", "cannot matter"


QUICK = 0.1     # seconds: tests that take no longer are asked first


@dataclass(frozen=True)
class Attempt:
    """Tests of one program, as a filter of GoogleTest's, and how long they take undisturbed."""

    program: Path
    tests: str
    seconds: float

    @property
    def limit(self) -> float:
        """After so many seconds they hang."""
        return 15 + 8 * self.seconds


@dataclass(frozen=True)
class Program:
    """A test program and, for each slip, the tests that reach it with the seconds that each takes."""

    file: Path
    reaches: dict[int, list[tuple[str, float]]]

    def attempts(self, slip: Slip) -> list[Attempt]:
        """All tests that may notice, the quick ones and the others apart."""
        tests = self.reaches.get(slip.number, [])
        halves = ([one for one in tests if one[1] <= QUICK], [one for one in tests if one[1] > QUICK])
        return [Attempt(self.file, ":".join(name for name, _ in half), sum(seconds for _, seconds in half)) for half in halves if half]


@dataclass(frozen=True)
class Outcome:
    """What became of one slip; `by` is the program that noticed."""

    slip: Slip
    verdict: str
    by: str = ""

    @property
    def good(self) -> bool:
        return self.verdict in (NOTICED, HANGS, EQUAL)


def copy_sources(listed: list[Slip]) -> None:
    """Bring the copy up to date. Files that stay the same keep their time, so that little is compiled again."""
    named = proc.run(["git", "-C", str(paths.REPO), "ls-files", "-co", "--exclude-standard"], "listing the sources").split("\n")
    changed = slips.switch_all(listed)
    wanted = {name: changed.get(name) for name in named if name and (paths.REPO / name).is_file()}
    for old in (path for path in SOURCES.rglob("*") if path.is_file()):
        if str(old.relative_to(SOURCES)) not in wanted:
            old.unlink()
    for name, source in wanted.items():
        data = source.encode() if source is not None else (paths.REPO / name).read_bytes()
        to = SOURCES / name
        if to.is_file() and to.read_bytes() == data:
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)


def build(listed: list[Slip]) -> list[Path]:
    """The test programs with all slips in them, none made."""
    from nestlab.setup import host
    hosttools.need([*hosttools.HOST_TESTS, host.release().clang_rt])
    copy_sources(listed)
    say.step(f"building the host tests with {len(listed)} slips in them")
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if proc.have("ccache") else []
    proc.run(["cmake", "-S", str(SOURCES), "-B", str(HOST), "-G", "Ninja", "-DNEST_SLIPS=ON", "-DNEST_SANITIZE=OFF",
              "-DCMAKE_BUILD_TYPE=Slips", "-DCMAKE_CXX_FLAGS=-O1", *launcher], "cmake",
             log=HOST.with_suffix(".cmake.log"))
    unit = SOURCES / "tests" / "unit"
    names = sorted({"_".join(["test", *source.parent.relative_to(unit).parts]) for source in unit.rglob("*.cpp")})
    proc.run(["nice", "ninja", "-k", "0", "-C", str(HOST), f"-j{os.cpu_count()}", *names], "building the slips", log=HOST.with_suffix(".build.log"))
    return [HOST / "tests" / name for name in names]


def survey(programs: list[Path]) -> list[Program]:
    """Each program undisturbed: it must pass, and says which of its tests reaches what."""
    found = []
    for program in programs:
        record = WHERE / f"{program.name}.reached"
        record.unlink(missing_ok=True)
        status = run(program, "*", 600, {"NEST_SLIP_REACHED": str(record)})
        if status != 0:
            raise LabError(f"{program.name} fails without any slip (status {status}): nothing can be learnt from it")
        reaches: dict[int, list[tuple[str, float]]] = {}
        for line in record.read_text().splitlines():
            test, milliseconds, *numbers = line.split()
            for number in numbers:
                reaches.setdefault(int(number), []).append((test, int(milliseconds) / 1000))
        found.append(Program(program, reaches))
    return found


def run(program: Path, tests: str, limit: float, more: dict[str, str]) -> int | None:
    """Exit status; None when it took more than `limit` seconds."""
    try:
        return subprocess.run(["nice", str(program), "--gtest_fail_fast", "--gtest_brief=1", f"--gtest_filter={tests}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=limit, env={**os.environ, **more}).returncode
    except subprocess.TimeoutExpired:
        return None


@functools.cache
def sound(attempt: Attempt) -> bool:
    """These tests pass by themselves."""
    return run(attempt.program, attempt.tests, attempt.limit, {}) == 0


def ask(slip: Slip, programs: list[Program]) -> Outcome:
    """Make one slip for all tests that reach it, those first that take the shortest."""
    attempts = sorted((attempt for program in programs for attempt in program.attempts(slip)), key=lambda attempt: attempt.seconds)
    for attempt in attempts:
        status = run(attempt.program, attempt.tests, attempt.limit, {"NEST_SLIP": str(slip.number)})
        if status == 0:
            continue
        if not sound(attempt):
            raise LabError(f"{attempt.program.name} fails without any slip when it runs only {attempt.tests}")
        return Outcome(slip, HANGS if status is None else NOTICED, attempt.program.name)
    return Outcome(slip, EQUAL if slip.equal else UNSEEN if attempts else UNREACHED)


def outcomes(listed: list[Slip], wanted: list[Slip]) -> Iterator[Outcome]:
    """One for each of `wanted`, in that order; `listed`: all."""
    programs = survey(build(listed))
    say.step(f"making {len(wanted)} slips, one at a time")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda slip: ask(slip, programs), wanted)
