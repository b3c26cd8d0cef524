# SPDX-License-Identifier: GPL-2.0-only
"""The lab's own unit tests (tools/tests), one result each."""

import unittest
from collections.abc import Iterator

from nestlab import paths
from nestlab.errors import LabError
from nestlab.setup import hosttools
from nestlab.tests.results import FAIL, PASS, SKIP, Result


class Collector(unittest.TestResult):
    """Turns unittest's calls into results."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Result] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.found.append(Result(PASS, name(test)))

    def addFailure(self, test: unittest.TestCase, err) -> None:
        self.found.append(Result(FAIL, name(test), str(err[1]).splitlines()[0] if str(err[1]) else err[0].__name__))

    addError = addFailure

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.found.append(Result(SKIP, name(test), reason))


def name(test: unittest.TestCase) -> str:
    return "lab." + ".".join(test.id().split(".")[-2:])


def run() -> Iterator[Result]:
    """All of them; none at all is a failure."""
    try:
        hosttools.need(["cpio", "mandoc", "python3-rich"])  # read what the lab writes, check the manual, draw the command's tables
    except LabError as error:
        yield Result(FAIL, "lab-tools", str(error))
    suite = unittest.defaultTestLoader.discover(str(paths.PACKAGE.parent / "tests"))
    collector = Collector()
    suite.run(collector)
    yield from collector.found or [Result(FAIL, "lab", "no unit test found in tools/tests")]
