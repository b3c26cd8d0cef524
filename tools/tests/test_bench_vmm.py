# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab bench with QEMU as the VMM: what it asks for, what it reads, what it keeps."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from nestlab.bench import doc, figures, runner, vmm
from nestlab.bench.figures import Row, Run

ENTRIES = [{"name": f"{name}/", "iterations": 1000, "median": 7000 + place, "min": 6900, "p90": 7100, "max": 9000,
            "disturbed": 3} for place, name in enumerate(vmm.OPERATIONS)]
PRINTED = json.dumps({"benchmarks": ENTRIES})


def rows(*lines: str) -> dict[tuple[str, str], Row]:
    """What comes of the machine's output."""
    return {(row.mode, row.name): row for row in figures.parse(vmm.entries(list(lines)))}


class BenchVmm(unittest.TestCase):
    def test_the_guests_line_becomes_rows(self):
        row = rows("QEMU emulator version 11.1.0 (Debian)", "", PRINTED, "GUEST done")["flat", "mmio-user-qemu"]
        self.assertEqual((row.median, row.min, row.p90, row.max), (7000, 6900, 7100, 9000))
        self.assertEqual((row.disturbed, row.samples, row.error), (3, 1000, ""))

    def test_a_guest_that_fails_says_why_in_every_row(self):
        for lines, why in [(["qemu_guest: SMCCC_VERSION: 0x0", "GUEST done"], "qemu_guest: SMCCC_VERSION: 0x0"),
                           (["qemu-system-aarch64: no KVM", "lab: end"], "qemu-system-aarch64: no KVM"),
                           (['{"benchmarks": [{"na'], '{"benchmarks": [{"na'), ([], "it printed nothing")]:
            found = rows(*lines)
            self.assertEqual({"/".join(key) for key in found}, set(vmm.OPERATIONS))
            self.assertEqual({row.error for row in found.values()}, {why})

    def test_the_guest_prints_these_operations(self):
        source = (vmm.SOURCES / "main.cpp").read_text()
        for name in vmm.OPERATIONS:
            self.assertIn(f'measure("{name.removeprefix("flat/")}"', source)

    def test_names_select_either_vmm_or_both(self):
        cases = [("flat/mmio-user*", 1, 1), ("flat/mmio-user", 1, 0), ("flat/*-qemu", 0, 2), ("l2/h*", 1, 0)]
        for only, small, qemu in cases:
            self.assertEqual((len(runner.chosen(Run(), only)), len(vmm.chosen(only))), (small, qemu), only)
        self.assertEqual(runner.chosen(Run(nested=True), "l2/h*"), [])

    def test_a_part_is_not_kept(self):
        self.assertTrue(vmm.keeps(None))
        self.assertTrue(vmm.keeps("flat/*-qemu"))
        self.assertFalse(vmm.keeps("flat/mmio-user*"))

    def test_l1_gets_the_image_and_runs_the_same_command(self):
        command = vmm.script(False).splitlines()[-1].replace(vmm.FOLDER[False], vmm.FOLDER[True])
        nested = vmm.script(True)
        self.assertIn(command, nested.splitlines())
        self.assertIn(f"/tmp/job {vmm.SHARE} ", nested)

    def test_both_vmms_are_one_column(self):
        run = Run()
        small = {**ENTRIES[0], "name": "flat/mmio-user/iterations:1000/manual_time", "median": 5000.0, "kvm.exits": 1.0}
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(figures, "DATA", Path(folder)):
            self.assertIsNone(figures.load(run))
            figures.save(replace(run, qemu=True), {"kernel": "k", "qemu": "q"}, PRINTED)
            self.assertEqual(set(figures.load(run)[1]), {tuple(name.split("/")) for name in vmm.OPERATIONS})
            self.assertEqual(doc.runs(), [run])
            figures.save(run, {"kernel": "later"}, json.dumps({"benchmarks": [small]}))
            header, found = figures.load(run)
        self.assertEqual(header, {"kernel": "later", "qemu": "q"})
        self.assertEqual(len(found), 3)
        table = doc.table({run: found}, "flat")
        self.assertIn("| mmio-user |  | 5,000 (6,900) | 3 of 1000 | 1.00 |", table)
        self.assertIn("| mmio-user-qemu | ≤ 8,000 | 7,000 (6,900) | 3 of 1000 |  |", table)


if __name__ == "__main__":
    unittest.main()
