# SPDX-License-Identifier: GPL-2.0-only
"""The tests that need no machine: CMake, GoogleTest, the lints. One result for each test that ctest knows."""

import os
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import host, hosttools
from nestlab.tests.results import FAIL, PASS, SKIP, Result

WHERE = paths.BUILD / "host"


def run(limit: float = 600) -> Iterator[Result]:
    """Configure, build, test. A stage that fails is itself a failed test."""
    try:
        if not (paths.REPO / "CMakeLists.txt").exists():
            raise LabError("no CMakeLists.txt: nothing to configure")
        hosttools.need([*hosttools.HOST_TESTS, host.release().clang_rt])
        say.step("host tests: configure and build")
        proc.run(["cmake", "-S", str(paths.REPO), "-B", str(WHERE), "-G", "Ninja"], "cmake", log=WHERE.with_suffix(".cmake.log"))
    except LabError as error:
        yield Result(FAIL, "host-configure", str(error))
        return
    try:
        # What does build is tested all the same (-k 0); ctest counts what is missing as failed.
        proc.run(["nice", "ninja", "-k", "0", "-C", str(WHERE), f"-j{os.cpu_count()}"], "host build",
                 log=WHERE.with_suffix(".build.log"))
    except LabError as error:
        yield Result(FAIL, "host-build", str(error))
    report, log = WHERE / "junit.xml", WHERE.with_suffix(".ctest.log")
    report.unlink(missing_ok=True)
    say.step("host tests: run")
    with log.open("w") as out:
        try:
            subprocess.run(["nice", "ctest", "--test-dir", str(WHERE), "--output-junit", str(report), "--output-on-failure",
                            "--timeout", "120", "-j2"], stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=limit)
        except subprocess.TimeoutExpired:
            yield Result(FAIL, "host-tests", f"ctest took more than {limit:g} s; see {log}")
            return
    cases = list(read(report)) if report.exists() else []
    yield from cases
    if not cases:
        yield Result(FAIL, "host-tests", f"ctest knows no test; see {log}")


def read(report: Path) -> Iterator[Result]:
    """The results in a JUnit file of ctest's."""
    for case in xml.parse(report).getroot().iter("testcase"):
        name, seconds = case.get("name", "?"), float(case.get("time") or 0)
        skipped, failed = case.find("skipped"), case.find("failure")
        if failed is not None or case.get("status") == "fail":
            yield Result(FAIL, name, first(case, failed), seconds)
        elif skipped is not None or case.get("status") in ("notrun", "disabled"):
            reason = (skipped.get("message") if skipped is not None else "") or case.get("status")
            missing = "not" in reason.lower() and "found" in reason.lower() or "Unable to find" in reason
            yield Result(FAIL if missing else SKIP, name, reason, seconds)
        else:
            yield Result(PASS, name, "", seconds)


def first(case: xml.Element, failed: xml.Element | None) -> str:
    """One telling line of a failed test."""
    said = case.findtext("system-out") or ""
    for line in said.splitlines():
        if any(word in line for word in ("Failure", "ERROR", "rror:", "FAILED", "Assert")):
            return line.strip()[:200]
    return (failed.get("message") if failed is not None else "") or proc.telling_line(said)[:200]
