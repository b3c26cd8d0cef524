# SPDX-License-Identifier: GPL-2.0-only
"""Builds beside the boot tests: one result each, in order; and nothing goes on when the tests have ended."""

import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from nestlab import paths
from nestlab.tests import sidebuilds
from nestlab.tests.results import FAIL, PASS

SCRIPT = """
import sys, time
what = sys.argv[1]
if what == "slow": time.sleep(60)
if what == "bad": sys.exit("lab: error: no such header")
"""


class SideBuilds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for target, value in (("BUILD", Path(folder.name)), ("TOOLS", Path(folder.name))):
            patch = mock.patch.object(paths, target, value)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.object(sidebuilds, "command", lambda words: [sys.executable, "-c", SCRIPT, *words])
        patch.start()
        self.addCleanup(patch.stop)

    def test_one_result_for_each(self):
        with sidebuilds.SideBuilds([("first", ["good"]), ("second", ["bad"]), ("third", ["good"])]) as builds:
            found = list(builds.results())
        self.assertEqual([result.verdict for result in found], [PASS, FAIL, PASS])
        self.assertEqual([result.name for result in found], ["first", "second", "third"])
        self.assertIn("no such header", found[1].reason)

    def test_the_end_breaks_it_off(self):
        began = time.monotonic()
        with sidebuilds.SideBuilds([("first", ["slow"]), ("second", ["slow"])]):
            time.sleep(0.2)
        self.assertLess(time.monotonic() - began, 30)

    def test_nothing_to_do(self):
        with sidebuilds.SideBuilds([]) as builds:
            self.assertEqual(list(builds.results()), [])


if __name__ == "__main__":
    unittest.main()
