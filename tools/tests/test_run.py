# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab run: what a guest says on its console becomes an exit status, and --el2 a machine."""

import argparse
import contextlib
import io
import unittest
from unittest import mock

from nestlab.commands import run
from nestlab.errors import LabError
from nestlab.machine import job


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    run.add(parser)
    return parser.parse_args(words)


def judged(pattern: str, *console: str, vmm: int = 0) -> int:
    """The exit status, where the guest says `console` and its QEMU ends with `vmm`."""
    def play(_boot, _seconds, show, _log):
        for line in console:
            show(line)
        return vmm

    with mock.patch.object(job, "run", play), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return run.judged(None, run.pattern(pattern), 60)


class Status(unittest.TestCase):
    def test_the_last_line_that_matches_counts(self):
        self.assertEqual(judged("^EXIT: ([0-9]+)", "EXIT: 0", "hello", "EXIT: 3", "reboot"), 3)
        self.assertEqual(judged("^EXIT: ([0-9]+)", "EXIT: 3", "EXIT: 0"), 0)

    def test_a_pattern_without_a_group_means_success(self):
        self.assertEqual(judged("^all tests passed$", "all tests passed"), 0)
        self.assertEqual(judged("^all tests passed$", "not all tests passed"), 1)

    def test_a_guest_that_says_nothing_has_failed(self):
        self.assertEqual(judged("^EXIT: ([0-9]+)"), 1)

    def test_the_vmms_end_and_the_end_of_time_come_first(self):
        self.assertEqual(judged("^EXIT: ([0-9]+)", "EXIT: 0", vmm=job.TIMED_OUT), job.TIMED_OUT)
        self.assertEqual(judged("^EXIT: ([0-9]+)", vmm=2), 2)

    def test_no_failure_becomes_a_success_by_its_size(self):
        self.assertEqual(judged("^EXIT: ([0-9]+)", "EXIT: 256"), 255)

    def test_a_group_that_is_no_number_is_a_mistake_of_the_pattern(self):
        for pattern in ("^EXIT: (.*)", "^EXIT: ([0-9]+)?"):
            with self.assertRaisesRegex(LabError, "is no number"):
                judged(pattern, "EXIT: done")

    def test_no_pattern(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            arguments("--status", "(")


class Command(unittest.TestCase):
    def test_el2_is_the_guests_machine(self):
        self.assertIn("-M virt,virtualization=on ", run.guest_command(arguments("--el2"), False))
        self.assertIn("-M virt ", run.guest_command(arguments(), False))


if __name__ == "__main__":
    unittest.main()
