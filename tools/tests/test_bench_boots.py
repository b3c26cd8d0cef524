# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab bench --boots: how pairs are run, judged and shown."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from nestlab.bench import boot_times
from nestlab.bench.boot_times import Pairs, Timed
from nestlab.errors import LabError
from nestlab.machine import campaign

LAB = {"date": "d", "cpu": "max", "ours": "6.12.1", "peer": "7.2.1"}


def pairs(ours: list[float], peer: list[float], *failed: Timed) -> Pairs:
    good = [Timed(number, side, seconds) for side, times in (("ours", ours), ("peer", peer))
            for number, seconds in enumerate(times, 1)]
    return Pairs(LAB, good + list(failed))


def ended(*output: str, status: int = 0) -> list[campaign.Outcome]:
    return [campaign.Outcome(campaign.Item("boots", "", 60), status, seconds=81.26, output=list(output))]


class BenchBoots(unittest.TestCase):
    def test_the_ratio_is_of_the_medians(self):
        found = pairs([60, 70, 500], [90, 100, 110])
        self.assertEqual(found.ratio(), 0.7)
        self.assertIn("ratio 0.70", boot_times.verdict(found))
        self.assertIn("met", boot_times.verdict(found))
        self.assertEqual(boot_times.misses(found), [])

    def test_above_the_goal_is_a_miss(self):
        found = pairs([71], [100])
        self.assertIn("MISSED", boot_times.verdict(found))
        self.assertEqual(len(boot_times.misses(found)), 1)

    def test_a_failed_boot_leaves_no_ratio(self):
        found = pairs([50, 50], [100], Timed(2, "peer", error="L2: a|b"))
        self.assertIsNone(found.ratio())
        self.assertIn("Linux's own KVM: L2: a|b", boot_times.verdict(found))
        self.assertEqual(len(boot_times.misses(found)), 1)
        self.assertIn("| 2 | 50.0 s | failed: L2: a/b |", boot_times.section(found))

    def test_the_section_shows_every_pair(self):
        text = boot_times.section(pairs([60, 62], [100, 104]))
        for line in ("| 1 | 60.0 s | 100.0 s |", "| 2 | 62.0 s | 104.0 s |", "6.12.1", "7.2.1", "only the ratio"):
            self.assertIn(line, text)
        self.assertEqual(boot_times.section(None), "")
        self.assertEqual(boot_times.misses(None), [])

    def test_a_boot_counts_only_if_l2_got_through(self):
        for outcome, seconds, error in [(ended("PASS nested-linux-7.2 L0, L1 and 1 L2"), 81.3, ""),
                                        (ended("FAIL nested-linux-7.2 L2: stuck", status=1), 0, "L2: stuck")]:
            with mock.patch.object(campaign, "run", return_value=iter(outcome)):
                self.assertEqual(boot_times.one(1, "ours", None), Timed(1, "ours", seconds, error))
        with mock.patch.object(campaign, "run", side_effect=LabError("no L0")):
            self.assertEqual(boot_times.one(1, "ours", None).error, "no L0")

    def test_the_sides_take_turns_on_equal_machines_and_the_result_is_kept(self):
        seen = []

        def one(pair, side, boot):
            seen.append((pair, side, boot.machine))
            return Timed(pair, side, 10.0)

        l0 = {side: (mock.Mock(version=LAB[side]), None) for side in ("ours", "peer")}
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(boot_times, "one", one), \
                mock.patch.object(boot_times, "FILE", Path(folder, "boots.json")):
            found = boot_times.measure(2, "max", l0)
            self.assertEqual(boot_times.load(), found)
        self.assertEqual([(pair, side) for pair, side, _ in seen], [(1, "ours"), (1, "peer"), (2, "ours"), (2, "peer")])
        self.assertEqual({(machine.smp, machine.icount) for _, _, machine in seen}, {(2, False)})
        self.assertEqual([machine.kvm_mode for _, _, machine in seen[:2]], ["none", "nested"])
        self.assertEqual(found.lab["peer"], "7.2.1")


if __name__ == "__main__":
    unittest.main()
