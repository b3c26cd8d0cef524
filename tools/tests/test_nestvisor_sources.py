# SPDX-License-Identifier: GPL-2.0-only
"""The nestvisor command's view of a machine, and a machine made of files for the tests of its subcommands."""

import contextlib
import io
import tempfile
import unittest
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nestvisor import cli
from nestvisor.errors import UserError
from nestvisor.machine import vmm
from nestvisor.machine.sources import Sources
from nestvisor.machine.system import System

MOUNTED = "debugfs /sys/kernel/debug debugfs rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n"
LOADED = {"sys/module/nestvisor/initstate": "live\n", "sys/class/misc/kvm/dev": "10:232\n", "dev/kvm": "", "proc/mounts": MOUNTED}
try:
    import rich
except ImportError:
    rich = None
needs_rich = unittest.skipUnless(rich, "python3-rich is not installed")


class FakeSystem(System):
    """An arm64 machine by default; `outputs` are what commands print, by their first word or by the whole line."""

    def __init__(self, outputs: dict[str, str] = {}, machine: str = "aarch64", user: str = "root", may_open: bool = True,
                 el2: int | None = None, pages: int = 4096) -> None:
        self.outputs, self.machine, self.who, self.opens, self.el2, self.pages = outputs, machine, user, may_open, el2, pages

    def uname(self) -> tuple[str, str]:
        return self.machine, "6.12.95+deb12-arm64"

    def page_bytes(self) -> int:
        return self.pages

    def user(self) -> str:
        return self.who

    def has_command(self, name: str) -> bool:
        return name in self.outputs

    def output(self, words: list[str]) -> str | None:
        return self.outputs.get(" ".join(words), self.outputs.get(words[0]))

    def may_open(self, path: str) -> bool:
        return self.opens and Path(path).exists()

    def kvm_extension(self, path: str, capability: int) -> int | None:
        return self.el2 if self.may_open(path) and capability == 240 else None


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


@contextlib.contextmanager
def machine(files: dict[str, str | bytes] = {}, **system) -> Iterator[Sources]:
    """A machine with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield Sources(Path(folder), FakeSystem(**system))


def run(words: str, sources: Sources) -> Outcome:
    """The command, as its user sees it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(words.split(), sources)
        except SystemExit as end:
            status = end.code
    return Outcome(status, out.getvalue(), err.getvalue())


class Files(unittest.TestCase):
    def refused(self, files: dict[str, str], wanted: str, what=lambda sources: sources.debug_text("vms")):
        with machine(files) as sources, self.assertRaisesRegex(UserError, wanted) as caught:
            what(sources)
        self.assertNotIn("\n", str(caught.exception))

    def test_each_reason_says_what_to_do(self):
        self.refused({}, "not loaded: modprobe nestvisor")
        self.refused(LOADED | {"proc/mounts": ""}, "debugfs is not mounted: mount -t debugfs debugfs /sys/kernel/debug")
        self.refused(LOADED, "older than this command")
        trace = lambda sources: sources.require_tracefs()
        self.refused({}, "not loaded", trace)
        self.refused(LOADED | {"proc/mounts": ""}, "mount -t tracefs tracefs /sys/kernel/tracing", trace)
        self.refused(LOADED, "older than this command", trace)

    def test_who_is_not_root_is_told_so(self):
        denied = PermissionError(13, "Permission denied")
        with machine(LOADED) as sources, unittest.mock.patch.object(Path, "read_text", side_effect=denied):
            with self.assertRaisesRegex(UserError, "only root may read /sys/kernel/debug/nestvisor/vms: .*sudo"):
                sources.debug_text("vms")

    def test_an_error_is_one_line_and_status_1(self):
        for words in ("stat", "stat --json", "top", "shadow"):
            with machine() as sources:
                status, out, err = run(words, sources)
            self.assertEqual((status, out, err.count("\n")), (1, "", 1), words)
            self.assertTrue(err.startswith("nestvisor: the module is not loaded"), words)

    def test_the_log_of_a_boot_that_the_ring_has_lost_is_in_the_journal(self):
        with machine(outputs={"dmesg": "[9.0] late\n", "journalctl": "Booting Linux\nearly\n"}) as sources:
            self.assertEqual(sources.log, ["Booting Linux", "early", "[9.0] late"])
        with machine(outputs={"dmesg": "[0.0] Booting Linux\n", "journalctl": "other\n"}) as sources:
            self.assertEqual(sources.log, ["[0.0] Booting Linux"])


class Systems(unittest.TestCase):
    def test_commands(self):
        here = System()
        self.assertEqual(here.output(["echo", "a b"]), "a b\n")
        self.assertEqual([here.output(["false"]), here.output(["no-such-command"])], [None, None])
        self.assertEqual([here.has_command("sh"), here.has_command("no-such-command")], [True, False])

    def test_a_file_that_is_no_kvm_tells_nothing(self):
        here = System()
        self.assertIsNone(here.kvm_extension("/dev/null", 240))
        self.assertIsNone(here.kvm_extension("/no/such/file", 240))

    def test_a_user_without_a_name_has_a_number(self):
        with unittest.mock.patch("pwd.getpwuid", side_effect=KeyError), unittest.mock.patch("os.getuid", return_value=4711):
            self.assertEqual(System().user(), "4711")


class Vmms(unittest.TestCase):
    def name(self, *words: str) -> str:
        return vmm.guest_name(["qemu-system-aarch64", *words])

    def test_the_guests_name_is_on_the_command_line(self):
        self.assertEqual(self.name("-M", "virt", "-name", "debian-l1"), "debian-l1")
        self.assertEqual(self.name("-name", "guest=one,debug-threads=on"), "one")
        self.assertEqual(self.name("-name", "debug-threads=on,guest=two"), "two")
        self.assertEqual(self.name("-name", "a,,b,process=p"), "a,b")
        self.assertEqual(self.name("--name", "three"), "three")
        self.assertEqual(self.name("-name", "debug-threads=on"), "")
        self.assertEqual(self.name("-name"), "")

    def test_a_name_is_the_best_that_there_is(self):
        files = {"proc/7/comm": "qemu-system-aar\n", "proc/7/cmdline": "/usr/bin/qemu-system-aarch64\0-name\0l1\0",
                 "proc/8/comm": "lkvm\n", "proc/8/cmdline": "lkvm\0run\0"}
        with machine(files) as sources:
            self.assertEqual(vmm.find(sources, 7).title(3), "VM 3, l1, qemu-system-aarch64 pid 7")
            self.assertEqual([vmm.find(sources, pid).label(3) for pid in (7, 8, 9, 0)], ["l1", "lkvm", "VM 3", "VM 3"])
            self.assertEqual(vmm.find(sources, 0).title(3), "VM 3")


if __name__ == "__main__":
    unittest.main()
