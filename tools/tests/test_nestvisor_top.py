# SPDX-License-Identifier: GPL-2.0-only
"""nestvisor top: lines of the trace, and the instance of tracefs that must not outlive the command."""

import os
import shutil
import signal
import unittest
import unittest.mock
from pathlib import Path

from nestvisor.machine import tracing
from nestvisor.read.exits import Place, Tally, place
from test_nestvisor_sources import LOADED, machine, needs_rich, run

FIELDS = "vm=3 vcpu=0 world=L2 kind=sync esr=0x93c08046 pc=0xffff800010001234 far=0x0 hpfar=0x90000"
LINE = f" qemu-system-aar-4242    [001] d..1.   123.456789: exit: {FIELDS}"
IRQ = LINE.replace("kind=sync", "kind=irq").replace("world=L2", "world=vEL2").replace("0xffff800010001234", "0x40")
OTHER = LINE.replace("vm=3", "vm=12").replace("world=L2", "world=EL1")
FILES = LOADED | {"sys/kernel/tracing/events/nestvisor/exit/enable": "0", "sys/kernel/tracing/instances/README": "",
                  "sys/kernel/debug/nestvisor/vms": "vm 3 pid: 4242\nvm 12 pid: 0\n", "proc/4242/comm": "qemu-system-aar\n",
                  "proc/4242/cmdline": "qemu-system-aarch64\0-name\0a;b c\0"}


class Lines(unittest.TestCase):
    def test_a_line(self):
        self.assertEqual(place(LINE), Place(3, 0, "L2", "DataAbort", 0xffff800010001234))
        self.assertEqual(place(IRQ), Place(3, 0, "vEL2", "IRQ", 0x40))
        self.assertEqual(place(LINE.replace("kind=sync", "kind=serror")).reason, "SError")

    def test_a_process_may_have_any_name(self):
        for comm in ("a b: exit: vm=9", "[001]", ": exit: ", "exit: kind=fiq"):
            self.assertEqual(place(LINE.replace("qemu-system-aar", comm)), place(LINE), comm)

    def test_odd_lines_are_none(self):
        for line in ("", LINE[:90], LINE.replace("pc=0x", "pc=x"), LINE.replace("vm=3 ", ""), LINE.replace(": exit:", ": nested_eret:"), FIELDS):
            self.assertIsNone(place(line), line)

    def test_pieces_end_anywhere(self):
        text = f"# tracer: nop\n{LINE}\n{IRQ}\nCPU:1 [LOST 17 EVENTS]\n{LINE}\nwhat?\n{OTHER}\n"
        for size in (1, 7, 100, 10000):
            tally = Tally()
            for at in range(0, len(text), size):
                tally.feed(text[at:at + size])
            self.assertEqual((tally.places[place(LINE)], tally.total, tally.lost, tally.odd), (2, 4, 17, 1), size)

    def test_of_one_vm(self):
        tally = Tally(vm=12)
        tally.feed(f"{LINE}\n{OTHER}\n")
        self.assertEqual((dict(tally.places), tally.odd), ({place(OTHER): 1}, 0))


class Recording(unittest.TestCase):
    """With folders in place of tracefs: the kernel would fill a new instance, and empty it for rmdir."""

    def setUp(self):
        self.text, self.at_read, self.seen = f"{LINE}\n" * 3 + f"{IRQ}\n", lambda: None, []

    def make(self, folder: Path) -> None:
        event = folder / "events/nestvisor/exit"
        event.mkdir(parents=True)
        (event / "enable").write_text("0")
        (folder / "trace_pipe").write_text(self.text)
        self.seen.append(folder.name)

    def remove(self, folder: Path) -> None:
        self.enabled = (folder / "events/nestvisor/exit/enable").read_text().strip()
        shutil.rmtree(folder)

    def top(self, words: str, files: dict = FILES):
        real = tracing.Instance.read

        def read(instance):
            self.enabled_at_read = (instance.folder / "events/nestvisor/exit/enable").read_text().strip()
            self.at_read()
            return real(instance)

        with machine(files) as sources, unittest.mock.patch.object(Path, "mkdir", lambda *args, **kwargs: self.mkdir(*args, **kwargs)), \
                unittest.mock.patch.object(tracing, "remove", self.remove), unittest.mock.patch.object(tracing.Instance, "read", read):
            self.vms = sources.path("sys/kernel/debug/nestvisor/vms")
            outcome = run(words, sources)
            self.left = sorted(file.name for file in sources.path("sys/kernel/tracing/instances").iterdir())
        return outcome

    def mkdir(self, folder: Path, *args, _real=Path.mkdir, **kwargs) -> None:
        _real(folder, *args, **kwargs)
        if folder.name.startswith("nestvisor-"):
            self.make(folder)

    def test_folded_stacks(self):
        status, out, err = self.top("top --seconds 0.01 --folded")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "a_b c;vcpu 0;L2;DataAbort;0xffff800010001234 3\na_b c;vcpu 0;vEL2;IRQ;0x0000000000000040 1\n")
        self.assertEqual((self.seen, self.left, self.enabled), ([f"nestvisor-{os.getpid()}"], ["README"], "0"))

    def test_a_vm_that_begins_meanwhile_has_its_name_too(self):
        before = FILES | {"sys/kernel/debug/nestvisor/vms": ""}
        self.at_read = lambda: self.vms.write_text("vm 3 pid: 4242\n")
        out = self.top("top --seconds 0.01 --folded", before).out
        self.assertEqual({line.split(";")[0] for line in out.splitlines()}, {"a_b c"})

    def test_lost_exits_are_told(self):
        self.text = "CPU:0 [LOST 1234 EVENTS]\nwhat?\n"
        status, out, err = self.top("top --seconds 0.01 --folded")
        self.assertEqual((status, out), (0, ""))
        self.assertEqual(err, "nestvisor: 1,234 exits were lost: the kernel's buffer was full\nnestvisor: 1 lines of the trace were not understood\n")

    def test_a_signal_ends_it_with_a_result_and_no_instance(self):
        before = {number: signal.getsignal(number) for number in tracing.SIGNALS}
        for number in tracing.SIGNALS:
            self.at_read = lambda: os.kill(os.getpid(), number)
            status, out, err = self.top("top --seconds 600 --folded")
            self.assertEqual((status, err, len(out.splitlines()), self.left), (0, "", 2, ["README"]), number)
        self.assertEqual({number: signal.getsignal(number) for number in tracing.SIGNALS}, before)

    def test_a_failure_leaves_no_instance(self):
        def fail():
            raise OSError(5, "Input/output error")

        self.at_read = fail
        status, out, err = self.top("top --seconds 600 --folded")
        self.assertEqual((status, out, self.left), (1, "", ["README"]))

    def test_the_kernel_is_told_which_vm(self):
        told = []
        self.at_read = lambda: told.append(next(self.folder.glob("events/nestvisor/exit/filter")).read_text())
        self.make = lambda folder, make=self.make: (make(folder), setattr(self, "folder", folder))
        self.assertEqual(self.top("top --seconds 0.01 --folded --vm 3")[0], 0)
        self.assertEqual(set(told), {"vm == 3\n"})
        self.assertEqual(self.top("top --vm 4")[:2], (1, ""))

    def test_without_the_event_nothing_is_made(self):
        files = {name: text for name, text in FILES.items() if "exit/enable" not in name}
        status, out, err = self.top("top --folded", files)
        self.assertEqual((status, out, self.seen), (1, "", []))
        self.assertIn("older than this command", err)

    @needs_rich
    def test_a_table(self):
        status, out, err = self.top("top --seconds 0.01")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^4 exits in 0\.\d s, at 2 places")
        self.assertRegex(out, r"(?m)^3 +0 +L2 +DataAbort +0xffff800010001234 +[\d,]+ +75\.0% *$")

    @needs_rich
    def test_no_exit_at_all(self):
        self.text = ""
        self.assertRegex(self.top("top --seconds 0.01").out, "^0 exits")


if __name__ == "__main__":
    unittest.main()
