# SPDX-License-Identifier: GPL-2.0-only
"""nestvisor stat: the counters' texts, rates, and what is shown of them."""

import json
import re
import unittest
import unittest.mock
from pathlib import Path

from nestvisor.commands import stat
from nestvisor.read import classes, counters, rates, vms
from nestvisor.show import stat_table
from test_nestvisor_sources import LOADED, machine, needs_rich, run

REPO = Path(__file__).resolve().parents[2]
# VM 3 nests; VM 12 does not; a line of a module to come is among them.
TEXT = """\
vm 3 pid: 4242
vm 3 exits: 350
vm 3 shadow_hits: 7
vm 3 exits_by_class[36]: 130
vm 3 vcpu 0 exits: 350
vm 3 vcpu 0 irq_exits: 50
vm 3 vcpu 0 blocking: 1
vm 3 vcpu 0 halt_wait_ns: 2500
vm 3 vcpu 0 halt_wait_hist[0]: 1
vm 3 vcpu 0 halt_wait_hist[10]: 2
vm 3 vcpu 0 halt_wait_hist[31]: 1
vm 3 vcpu 0 exits_by_class[26]: 170
vm 3 vcpu 0 exits_by_class[36]: 130
vm 3 vcpu 0 nested_vel2_exits_by_class[26]: 170
vm 3 vcpu 0 nested_vel2_exits_by_class[36]: 30
vm 3 vcpu 0 nested_l2_exits_by_class[36]: 100
vm 12 pid: 99
vm 12 weather: fine
vm 12 vcpu 0 exits_by_class[22]: 5
vm 12 vcpu 10 exits_by_class[63]: 1
"""
FILES = LOADED | {"sys/kernel/debug/nestvisor/vms": TEXT, "proc/4242/comm": "qemu-system-aar\n",
                  "proc/4242/cmdline": '/usr/bin/qemu-system-aarch64\0-name\0guest=a"b\\c,debug-threads=on\0'}
SAMPLE = re.compile(r'([a-z][a-z0-9_]*)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\S+)')


class Names(unittest.TestCase):
    def test_each_counter_of_the_module_is_known(self):
        source = re.sub(r"//.*", "", (REPO / "kvm/stats/counters.def").read_text())
        rows = re.findall(r"COUNTER\(\s*(\w+),\s*(\w+),\s*(\d+),\s*(\w+),", source)
        self.assertEqual(sorted((whose.lower(), name, int(words), kind == "INSTANT") for whose, name, words, kind in rows),
                         sorted((c.whose, c.name, c.words, c.now) for c in counters.COUNTERS))
        nanoseconds = re.findall(r"COUNTER\(\s*\w+,\s*(\w+),\s*1,\s*\w+,\s*SECONDS,\s*-9,", source)
        self.assertEqual(sorted(counters.TIME_SUMS.values()), sorted(nanoseconds))
        times = re.findall(r"COUNTER\(\s*\w+,\s*(\w+),\s*(\d+),\s*LOG_HIST,\s*SECONDS,\s*-9,", source)
        self.assertEqual(sorted((name, counters.TIMES) for name in counters.TIME_SUMS), sorted((n, int(w)) for n, w in times))

    def test_each_class_of_the_architecture_has_a_name(self):
        source = (REPO / "arch/syndrome.hpp").read_text()
        body = source[source.index("enum class Ec"):]
        known = [int(ec, 16) for ec in re.findall(r"= (0x[0-9a-f]+),", body[:body.index("};")])]
        self.assertEqual(sorted(classes.NAMES), sorted(known))
        self.assertEqual(len(set(classes.NAMES.values())), len(known))
        self.assertEqual(classes.name(0x3f), "EC0x3f")
        self.assertEqual([classes.of_exit("sync", 0x93c08046), classes.of_exit("irq", 0x93c08046)], ["DataAbort", "IRQ"])


class Reading(unittest.TestCase):
    def test_levels(self):
        found = vms.parse(TEXT)
        self.assertEqual(list(found), [3, 12])
        self.assertEqual((found[3].pid, found[3].value("shadow_hits"), found[3].vcpus[0].value("irq_exits")), (4242, 7, 50))
        self.assertEqual(found[3].vcpus[0].by_level(), {"vEL2": {26: 170, 36: 30}, "L2": {36: 100}})
        self.assertEqual(found[12].vcpus[10].by_level(), {"EL1": {63: 1}})
        # L1 before it has started a guest.
        early = vms.parse("vm 3 vcpu 0 exits_by_class[22]: 4\nvm 3 vcpu 0 nested_vel2_exits_by_class[22]: 4")[3]
        self.assertEqual(early.vcpus[0].by_level(), {"vEL2": {22: 4}, "L2": {}})

    def test_odd_lines_are_passed_over(self):
        for line in ("vm 3", "vm x exits: 1", "vm 3 exits: -1", "vm 3 vcpu exits: 1", "", "vm 3 exits: 1 2"):
            self.assertEqual(vms.parse(line), {}, line)

    def test_rates_of_the_time_between(self):
        before = vms.parse(TEXT)[3]
        after = vms.parse(TEXT.replace("class[26]: 170", "class[26]: 190").replace("irq_exits: 50", "irq_exits: 54")
                          + "vm 3 vcpu 1 exits_by_class[1]: 8\n")[3]
        self.assertEqual(rates.rows(before, after, 2), [
            rates.Row(0, "vEL2", {"ERET": 10}), rates.Row(0, "L2", {}), rates.Row(0, "any", {"IRQ": 2}), rates.Row(1, "EL1", {"WFx": 4})])
        self.assertEqual(rates.rows(None, before, 10)[0], rates.Row(0, "vEL2", {"ERET": 17, "DataAbort": 3}))

    def test_a_counter_never_goes_back(self):
        before = vms.parse(TEXT)[12]
        self.assertEqual(rates.rows(before, vms.parse("vm 12 vcpu 0 exits_by_class[22]: 4")[12], 1), [rates.Row(0, "EL1", {})])


@needs_rich
class Display(unittest.TestCase):
    def show(self, words: str, *later: str, width: str = "100") -> str:
        """With a text for each reading after the first one."""
        with machine(FILES) as sources:
            texts = iter(later)

            def wait(_):
                sources.path("sys/kernel/debug/nestvisor/vms").write_text(next(texts))

            with unittest.mock.patch.object(stat.time, "sleep", wait), unittest.mock.patch.dict("os.environ", COLUMNS=width):
                status, out, err = run(words, sources)
        self.assertEqual((status, err), (0, ""))
        return out

    def test_a_table_for_each_vm(self):
        out = self.show("stat --count 1", TEXT.replace("class[26]: 170", "class[26]: 170170"))
        heads = [line.rstrip() for line in out.splitlines() if line.startswith("VM")]
        self.assertEqual(heads, ['VM 3, a"b\\c, qemu-system-aarch64 pid 4242', "VM 12, pid 99"])
        self.assertRegex(out, r"vCPU +level +exits/s +ERET\n0 +vEL2 +[\d,]+ +[\d,]+ *\n +L2 +0 *\n")

    def test_count_is_of_intervals(self):
        out = self.show("stat --vm 12 --count 3", TEXT, TEXT, TEXT)
        self.assertEqual((out.count("VM 12"), out.count("VM 3")), (3, 0))

    def test_no_vm(self):
        self.assertIn("no VM\n", self.show("stat --count 1", ""))

    def test_what_finds_no_room_is_summed_up(self):
        row = rates.Row(0, "EL1", {f"C{n}": 92.0 + n for n in range(9)})
        table = stat_table.table([row], stat_table.FIXED + 3 * stat_table.COLUMN)
        self.assertEqual([column.header for column in table.columns], ["vCPU", "level", "exits/s", "C7", "C8", "others"])
        self.assertEqual([next(iter(column.cells)) for column in table.columns], ["0", "EL1", "864", "99", "100", "665"])


class Programs(unittest.TestCase):
    def out(self, words: str, files: dict = FILES) -> str:
        with machine(files) as sources:
            status, out, err = run(words, sources)
        self.assertEqual((status, err), (0, ""))
        return out

    def test_json(self):
        first, second = json.loads(self.out("stat --json"))["vms"]
        self.assertEqual((first["vm"], first["pid"], first["name"]), (3, 4242, 'a"b\\c'))
        self.assertEqual((first["counters"]["shadow_hits"], first["counters"]["shadow_misses"]), (7, 0))
        [vcpu] = first["vcpus"]
        self.assertEqual(vcpu["exits_by_class"], {"vEL2": {"ERET": 170, "DataAbort": 30}, "L2": {"DataAbort": 100}})
        self.assertEqual(vcpu["histograms"], {"halt_wait_hist": {"0": 1, "10": 2, "31": 1}})
        self.assertEqual([each["exits_by_class"] for each in second["vcpus"]], [{"EL1": {"HVC": 5}}, {"EL1": {"EC0x3f": 1}}])

    def families(self, text: str) -> dict[str, tuple[str, dict[str, float]]]:
        """Kind and samples by name, where the text keeps to the format: a family in one piece, head first, no series twice."""
        found: dict[str, tuple[str, dict[str, float]]] = {}
        self.assertTrue(text.endswith("\n"))
        lines, current, helped = text.splitlines(), "", ""
        for line in lines:
            if line.startswith("# HELP "):
                helped = line.split()[2]
                self.assertRegex(line, r"^# HELP [a-z][a-z0-9_]* \S.*\.$")
            elif line.startswith("# TYPE "):
                _, _, current, kind = line.split(" ")
                self.assertEqual(current, helped)
                self.assertNotIn(current, found)
                self.assertIn(kind, ("counter", "gauge", "histogram"))
                self.assertEqual(kind == "counter", current.endswith("_total"), current)
                found[current] = (kind, {})
            else:
                sample = SAMPLE.fullmatch(line)
                self.assertIsNotNone(sample, line)
                name, labels, value = sample.groups()
                kind, samples = found[current]
                self.assertIn(name.removeprefix(current), ("_bucket", "_sum", "_count") if kind == "histogram" else ("",), line)
                self.assertNotIn(f"{name}{{{labels}}}", samples)
                samples[f"{name}{{{labels}}}"] = float(value)
        return found

    def test_prometheus(self):
        found = self.families(self.out("stat --prometheus"))
        self.assertTrue(all(name.startswith("nestvisor_") for name in found))
        kind, samples = found["nestvisor_exits_by_class_total"]
        self.assertEqual(samples, {
            'nestvisor_exits_by_class_total{vm="3",pid="4242",vcpu="0",level="vEL2",class="ERET"}': 170,
            'nestvisor_exits_by_class_total{vm="3",pid="4242",vcpu="0",level="vEL2",class="DataAbort"}': 30,
            'nestvisor_exits_by_class_total{vm="3",pid="4242",vcpu="0",level="L2",class="DataAbort"}': 100,
            'nestvisor_exits_by_class_total{vm="12",pid="99",vcpu="0",level="EL1",class="HVC"}': 5,
            'nestvisor_exits_by_class_total{vm="12",pid="99",vcpu="10",level="EL1",class="EC0x3f"}': 1})
        self.assertEqual(found["nestvisor_shadow_hits_total"],
                         ("counter", {'nestvisor_shadow_hits_total{vm="3",pid="4242"}': 7, 'nestvisor_shadow_hits_total{vm="12",pid="99"}': 0}))
        self.assertEqual(found["nestvisor_blocking"][0], "gauge")
        self.assertIn('nestvisor_vm_info{vm="3",pid="4242",command="qemu-system-aarch64",name="a\\"b\\\\c"}', found["nestvisor_vm_info"][1])

    def test_prometheus_histograms(self):
        kind, samples = self.families(self.out("stat --prometheus"))["nestvisor_halt_wait_seconds"]
        self.assertEqual(kind, "histogram")
        own = {name: value for name, value in samples.items() if 'vm="3"' in name}
        self.assertEqual(len(own), counters.TIMES + 2)
        buckets = [value for name, value in own.items() if "_bucket" in name]
        bounds = [float(bound) for name in own for bound in re.findall('le="([^"]+)"', name)]
        self.assertEqual(buckets, [1] * 10 + [3] * 21 + [4])
        self.assertEqual(bounds, sorted(bounds))
        self.assertEqual((bounds[10], bounds[-1]), (1024e-9, float("inf")))
        self.assertEqual([own[f'nestvisor_halt_wait_seconds_{what}{{vm="3",pid="4242",vcpu="0"}}'] for what in ("sum", "count")], [2.5e-6, 4])

    def test_no_vm_is_no_error(self):
        nobody = FILES | {"sys/kernel/debug/nestvisor/vms": ""}
        self.assertEqual(json.loads(self.out("stat --json", nobody))["vms"], [])
        self.assertTrue(all(not samples for _, samples in self.families(self.out("stat --prometheus", nobody)).values()))

    def test_options_that_do_not_fit(self):
        for words, wanted in (("stat --json --prometheus", 2), ("stat --json --count 2", 2), ("stat --interval 0", 2), ("stat --count 0", 2),
                              ("stat --interval nan", 2), ("stat --json --vm 4", 1)):
            with machine(FILES) as sources:
                status, out, err = run(words, sources)
            self.assertEqual((status, out), (wanted, ""), words)
        self.assertEqual(err, "nestvisor: no VM 4: there are 3, 12\n")


if __name__ == "__main__":
    unittest.main()
