# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab soak: what a run that goes on takes from the one before."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from nestlab.tests import boottests, results, soak
from nestlab.tests.results import FAIL, PASS, SKIP, Result


class Soak(unittest.TestCase):
    def test_what_failed_is_run_again(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(soak, "STATE", Path(folder, "state.json")):
            kept = [Result(PASS, "good"), Result(PASS, "bad/part"), Result(FAIL, "bad", "it fell over")]
            results.save(soak.STATE, {"stamp": "this module", "entries": ["good", "bad"]}, kept)
            self.assertEqual(soak.done("this module"), {"good": kept[:1]})
            self.assertEqual(soak.done("another"), {})

    def test_entries_run_side_by_side_and_are_remembered(self):
        def one(_tests, entry, log):
            yield Result(PASS, f"{entry}/{log}")

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(soak, "STATE", Path(folder, "state.json")), mock.patch.object(boottests, "run", one):
            came = {entry: (found, again) for entry, found, again in soak.run(["a", "b", "c"], "this module", fresh=False, jobs=2)}
            self.assertEqual(came, {name: ([Result(PASS, f"{name}/{name}")], False) for name in "abc"})
            self.assertEqual([again for _, _, again in soak.run(["a", "b", "c"], "this module", fresh=False, jobs=2)], [True] * 3)

    def test_an_entry_of_many_parts_is_one_row(self):
        few = [Result(PASS, "few/a"), Result(PASS, "few/b")]
        many = [Result(PASS, f"many/{i}", seconds=1) for i in range(20)] + [Result(SKIP, "many/s", "no FEAT"), Result(FAIL, "many/f", "it fell over")]
        self.assertEqual(soak.summed(few + many), [*few, Result(FAIL, "many", "20 passed, 1 skipped; f: it fell over", 20)])
