# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab bench: what it reads, how it judges, what it writes."""

import json
import re
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from nestlab.bench import doc, figures, function_counts, neve, reference, runner, trace, vmm
from nestlab.bench.figures import Row, Run
from nestlab.bench.neve import Cost
from nestlab.bench.trace import Instruction

ENTRY = {"name": "flat/hypercall/iterations:2000/manual_time", "iterations": 2000, "median": 300.0, "min": 290.0, "p90": 301.0,
         "max": 9000.0, "disturbed": 2.0, "kvm.exits": 1.0, "kvm.exits_by_class[22]": 1.0}


def rows(**changes) -> dict:
    """What parse() makes of one entry."""
    parsed = figures.parse(json.dumps({"benchmarks": [{**ENTRY, **changes}]}))
    return {(row.mode, row.name): row for row in parsed}


def written(executed: list[Instruction]) -> str:
    """As QEMU writes it, with other lines between."""
    return "".join(f"Trace {each.cpu}: 0x7f00 [00000000/{each.address:016x}/{0x14000051 if each.in_l0 else 0x14000021:08x}"
                   "/0000] \nnoise\n" for each in executed)


class Bench(unittest.TestCase):
    def test_an_entry_becomes_a_row(self):
        row = rows()["flat", "hypercall"]
        self.assertEqual((row.median, row.min, row.disturbed, row.samples, row.exits), (300, 290, 2, 2000, 1))

    def test_an_error_stays_one(self):
        row = rows(error_occurred=True, error_message="payload: x")["flat", "hypercall"]
        self.assertEqual(row.error, "payload: x")

    def test_a_goal_is_met_at_its_limit_and_missed_above(self):
        self.assertEqual(figures.misses(Run(), rows()), [])
        self.assertEqual(len(figures.misses(Run(), rows(median=301.0))), 1)
        self.assertEqual(figures.misses(Run(nested=True), rows(median=301.0)), [])

    def test_too_many_exits_miss_a_goal(self):
        changes = {"name": "l2/hypercall/iterations:1/manual_time", "kvm.exits": 3.0}
        self.assertEqual(len(figures.misses(Run(), rows(**changes))), 1)

    def test_an_operation_is_what_lies_between_two_reads_of_the_counter(self):
        # L1's kernel, and L0's twice: once where the payload reads the counter.
        executed = [Instruction(0x40000010, False), Instruction(0xffff800000001000, False),
                    Instruction(0xffff800000001004, True), Instruction(0x40000010, True), Instruction(0x40000020, False),
                    Instruction(0x40000010, False), Instruction(0x40000020, False)]
        reads = {0x40000010, 0x40000020}
        self.assertEqual(trace.operations(written(executed), reads, 3), [executed[:4], executed[4:5], executed[5:6]],
                         "within ten instructions of the median")
        self.assertEqual(trace.operations(written(executed), reads, 15), [])

    def test_another_cpu_that_reads_the_counter_ends_no_operation(self):
        work = [Instruction(0x40000030, False, number % 2) for number in range(20)]
        executed = [Instruction(0x40000010, False), *work, Instruction(0x40000010, False, 1), *work,
                    Instruction(0x40000020, False)]
        self.assertEqual(trace.operations(written(executed), {0x40000010, 0x40000020}, 42), [executed[:-1]])

    def test_an_exit_is_a_cpu_that_comes_back_to_l0(self):
        guest, l0 = Instruction(1, False), Instruction(2, True)
        other_guest, other_l0 = Instruction(1, False, 1), Instruction(2, True, 1)
        self.assertEqual(trace.exits([l0, guest, l0, l0, guest, l0]), 2)
        self.assertEqual(trace.exits([guest, other_l0, guest, other_l0]), 0, "two CPUs, each of which stays where it is")
        self.assertEqual(trace.exits([guest, other_guest, l0, other_l0]), 2)

    def test_instructions_belong_to_the_function_that_they_lie_in(self):
        symbols = {0xffff800000001000: "b", 0xffff800000000f00: "a"}
        inside = [0xffff800000001000, 0xffff800000001004, 0xffff800000000ffc, 0xffff000000000000]
        executed = [Instruction(address, True) for address in inside]
        executed += [Instruction(0x40000010, False), Instruction(0xffff800000001000, False)]
        self.assertEqual(function_counts.by_function(executed, symbols),
                         {"b": 2, "a": 1, function_counts.KERNEL: 1, function_counts.USER: 1, function_counts.L1_KERNEL: 1})

    def test_every_missed_goal_in_l0_can_name_a_next_step(self):
        self.assertTrue({key for key, goal in figures.GOALS.items() if key[0] == "l2" and goal.flat} <=
                        set(doc.NEXT_STEPS[Run()]))

    def test_a_next_step_belongs_to_a_goal(self):
        for run, steps in doc.NEXT_STEPS.items():
            for key in steps:
                self.assertIsNotNone(figures.GOALS[key].median(run.nested), key)

    def test_every_goal_names_an_operation(self):
        names = {operation.name for operation in runner.operations()} | set(vmm.OPERATIONS)
        self.assertLessEqual({"/".join(key) for key in figures.GOALS}, names)
        self.assertEqual({name.split("/")[1] for name in names}, set(doc.WHAT))

    def test_the_filter_takes_whole_names(self):
        wanted = re.search("filter=([^' ]+)", runner.program(["flat/ipi"], "."))[1]
        self.assertTrue(re.search(wanted, "flat/ipi/iterations:500/manual_time"))
        self.assertFalse(re.search(wanted, "flat/ipi-sleeping/iterations:500/manual_time"))

    def test_the_reader_keeps_what_came_before_a_hang(self):
        reader = runner.Reader("here")
        text = json.dumps({"benchmarks": [ENTRY]}, indent=1)
        for line in ["noise", "@@BENCH flat/hypercall", *text.splitlines(), "@@END", "@@BENCH flat/ipi", "exit_latency: no",
                     "@@END", "@@BENCH flat/eoi", "{"]:
            reader.line(line)
        self.assertEqual(reader.found["flat/hypercall"], ENTRY)
        self.assertEqual(reader.found["flat/ipi"]["error_message"], "exit_latency: no")
        self.assertNotIn("flat/eoi", reader.found)

    def test_a_miss_is_marked_in_the_table(self):
        table = doc.table({Run(): {("flat", "hypercall"): Row("flat", "hypercall", median=400, samples=1)}}, "flat")
        self.assertIn("**400, missed**", table)

    def test_what_is_dearer_than_the_record_wants_a_reason(self):
        then = reference.record()["medians"]["flat/hypercall"]
        ours = {Run(): rows(median=1.02 * then)}
        self.assertEqual(reference.dearer(ours), [])
        ours = {Run(): rows(median=1.03 * then)}
        self.assertEqual([key for key, _, _ in reference.dearer(ours)], ["flat/hypercall"])
        with unittest.mock.patch.dict(reference.REASONS, clear=True):
            self.assertIn("to be mended", reference.section(ours))
        with unittest.mock.patch.dict(reference.REASONS, {"flat/hypercall": "it is right now"}):
            self.assertIn("it is right now |", reference.section(ours))

    def test_a_reason_belongs_to_the_record(self):
        self.assertLessEqual(set(reference.REASONS), set(reference.record()["medians"]))

    def test_nv2_on_and_off_stand_side_by_side(self):
        off, on = {"flat/hypercall": Cost(90.25, 4, 70500)}, {name: Cost(5.0, 8, 4749) for name in neve.OPERATIONS}
        lines = neve.table([off, on, on, on])
        titles = ["nv2=0", "nv2=1", "nv2=1, L1 without VHE", "nv2=1, L1 is Xen"]
        self.assertEqual(lines[0], f"| operation | exits {' | exits '.join(titles)} | instructions {' | instructions '.join(titles)} |")
        self.assertEqual(lines[2:4], ["| hypercall | 90.2 (4) | 5.0 (8) | 5.0 (8) | 5.0 (8) | 70,500 | 4,749 | 4,749 | 4,749 |",
                                      "| mmio-vgic | not seen | 5.0 (8) | 5.0 (8) | 5.0 (8) |  | 4,749 | 4,749 | 4,749 |"])
        self.assertEqual({line.count("|") for line in lines}, {10})

    def test_nv2_on_and_off_needs_all(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(figures, "DATA", Path(folder)):
            header, costs = {"kernel": "6", "l1": "7", "date": "today"}, {"flat/eoi": Cost(0.0, 9, 3.0)}
            for column in neve.COLUMNS:
                self.assertEqual(neve.sections(), [])
                neve.save("max", column, header, costs)
                self.assertEqual(neve.load("max", column), (header, costs))
            self.assertIn("| eoi | 0.0 (9) | 0.0 (9) | 0.0 (9) | – | 3 | 3 | 3 |  |", neve.sections()[0])

    def test_each_operation_is_measured_before_it_is_looked_at(self):
        for column in neve.COLUMNS:
            if column.xen:
                continue
            script = neve.script(column)
            self.assertIn(f"insmod $LAB_MODULE nv2={column.nv2}", script.splitlines()[0])
            self.assertIn(f"nokaslr {column.words}'", script)
            for name in neve.OPERATIONS:
                self.assertIn(name, {operation.name for operation in runner.operations()})
                self.assertLess(script.index(f"@@BENCH {name};"), script.index(f"@@TRACE {name};"))


if __name__ == "__main__":
    unittest.main()
