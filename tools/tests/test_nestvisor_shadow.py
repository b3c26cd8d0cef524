# SPDX-License-Identifier: GPL-2.0-only
"""nestvisor shadow: which of L1's memory a shadow maps."""

import json
import unittest

from nestvisor.read.shadows import ByPa, Run, Shadow, parse, pieces
from nestvisor.show.shadow_table import rounded, size
from test_nestvisor_sources import LOADED, machine, needs_rich, run

TEXT = """\
vm 3 slot 0 ipa 0x40000000 bytes 0x80000000 hva 0xffff70000000
vm 3 slot 1 ipa 0x8000000 bytes 0x1000 hva 0xffff60000000
vm 3 stage2 ipa 0x40000000 bytes 0x400000 pa 0x800000000 rwx normal
vm 3 stage2 ipa 0x50000000 bytes 0x200000 pa 0x800400000 rw- normal
vm 3 stage2 ipa 0x9000000 bytes 0x1000 pa 0x9000000 rw- device
vm 3 shadow 0 baddr 0x40010000 vtcr 0x80023558 vmid 5 users 1
vm 3 shadow 0 ipa 0x80000000 bytes 0x600000 pa 0x800200000 rwx normal
vm 3 shadow 0 ipa 0x9000000 bytes 0x1000 pa 0x9000000 rw- device
vm 3 shadow 1 baddr 0x40020000 vtcr 0x80023558 vmid 6 users 2
vm 3 shadow 1 ipa 0x80000000 bytes 0x1000 pa 0x900000000 r-- normal
vm 3 weather fine
vm 12 slot 0 ipa 0x0 bytes 0x100000 hva 0xffff50000000
"""
FILES = LOADED | {"sys/kernel/debug/nestvisor/shadows": TEXT, "sys/kernel/debug/nestvisor/vms": "vm 3 pid: 7\nvm 12 pid: 8\nvm 13 pid: 9\n",
                  "proc/7/comm": "lkvm\n"}


def whole(*runs: Run) -> Shadow:
    return Shadow(0, 0, 0, 0, 0, list(runs))


class Joining(unittest.TestCase):
    def pieces(self, shadow: Run, *stage2: Run) -> list[tuple]:
        return [(p.l2_ipa, p.l1_ipa, p.pa, p.bytes) for p in pieces(whole(shadow), ByPa(list(stage2)))]

    def test_a_run_is_cut_where_l1s_address_jumps(self):
        vm = parse(TEXT)[3]
        found = [tuple(piece) for piece in pieces(vm.shadows[0], ByPa(vm.stage2))]
        self.assertEqual(found, [
            (0x80000000, 0x40200000, 0x800200000, 0x200000, "rwx", "normal"),
            (0x80200000, 0x50000000, 0x800400000, 0x200000, "rwx", "normal"),
            (0x80400000, None, 0x800600000, 0x200000, "rwx", "normal"),
            (0x9000000, 0x9000000, 0x9000000, 0x1000, "rw-", "device")])
        self.assertEqual([piece.l1_ipa for piece in pieces(vm.shadows[1], ByPa(vm.stage2))], [None])

    def test_holes_before_between_and_behind(self):
        run = Run(0, 8, 100, "rwx", "normal")
        self.assertEqual(self.pieces(run, Run(50, 2, 101, "", ""), Run(60, 1, 105, "", "")),
                         [(0, None, 100, 1), (1, 50, 101, 2), (3, None, 103, 2), (5, 60, 105, 1), (6, None, 106, 2)])
        self.assertEqual(self.pieces(run), [(0, None, 100, 8)])
        self.assertEqual(self.pieces(run, Run(50, 4, 90, "", ""), Run(60, 4, 108, "", "")), [(0, None, 100, 8)])

    def test_memory_that_is_mapped_twice(self):
        run = Run(0, 8, 100, "rwx", "normal")
        self.assertEqual(self.pieces(run, Run(50, 20, 96, "", ""), Run(90, 1, 101, "", "")), [(0, 54, 100, 8)])

    def test_odd_lines_are_passed_over(self):
        for line in ("vm 3 shadow 0 ipa 0x0 bytes 0x1 pa 0x0 rwx normal", "vm 3 stage2 ipa 0x0 bytes 0x1 pa 0x0 rwx", "vm 3 slot 0 ipa 4", ""):
            self.assertEqual([vm.stage2 + vm.slots + list(vm.shadows) for vm in parse(line).values() if vm.stage2 or vm.shadows], [], line)

    def test_sizes(self):
        self.assertEqual([size(n) for n in (0, 1, 4096, 0x200000, 3 << 30, 5 << 40, 4097)],
                         ["0 B", "1 B", "4 KiB", "2 MiB", "3 GiB", "5,120 GiB", "4,097 B"])
        self.assertEqual([rounded(n) for n in (0, 1023, 1536, 4097, 3 << 30, 5 << 40)], ["0 B", "1,023 B", "1.5 KiB", "4.0 KiB", "3 GiB", "5,120 GiB"])


class Output(unittest.TestCase):
    def out(self, words: str) -> str:
        with machine(FILES) as sources:
            status, out, err = run(words, sources)
        self.assertEqual((status, err), (0, ""))
        return out

    def test_json(self):
        first, second, third = json.loads(self.out("shadow --json"))["vms"]
        self.assertEqual((first["slots"][0]["hva"], len(first["stage2"]), len(first["shadows"])), (0xffff70000000, 3, 2))
        self.assertEqual(first["shadows"][0]["pieces"][2], {"l2_ipa": 0x80400000, "l1_ipa": None, "pa": 0x800600000, "bytes": 0x200000,
                                                           "access": "rwx", "kind": "normal"})
        self.assertEqual(first["shadows"][0]["bytes"], {"mapped": 0x601000, "writable": 0x601000, "executable": 0x600000, "device": 0x1000,
                                                       "not_in_stage2": 0x200000})
        self.assertEqual((second["vm"], second["shadows"], third["vm"], third["slots"]), (12, [], 13, []))

    @needs_rich
    def test_a_table_for_each_shadow(self):
        out = self.out("shadow --vm 3")
        self.assertTrue(out.startswith("VM 3, lkvm pid 7\nshadow 0: BADDR 0x40010000, VTCR 0x80023558, VMID 5, used by 1 vCPU"), out)
        self.assertIn("VMID 6, used by 2 vCPUs", out)
        self.assertRegex(out, r"(?m)^0x80200000 +0x50000000 +0x800400000 +2 MiB +rwx +normal *$")
        self.assertRegex(out, r"(?m)^0x80400000 +- +0x800600000 +2 MiB +rwx +normal *$")

    @needs_rich
    def test_summary(self):
        out = self.out("shadow --summary")
        self.assertIn("memslots 2.0 GiB; stage 2 maps 6.0 MiB in 3 runs", out)
        self.assertRegex(out, r"(?m)^1 +0x40020000 +6 +2 +1 +4 KiB +0 B +0 B +0 B +4 KiB *$")

    @needs_rich
    def test_no_shadow_is_said(self):
        self.assertIn("no shadow: no nested guest has run", self.out("shadow --vm 12"))
        self.assertNotIn("no shadow", self.out("shadow"))


if __name__ == "__main__":
    unittest.main()
