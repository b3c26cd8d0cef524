# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the lab that decide something, without a machine: python3 -m unittest discover -s tools/tests"""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from nestlab.errors import LabError
from nestlab.machine import campaign
from nestlab.machine.machine import Machine
from nestlab.setup import cpio, flavours, hosttools, kernels, mirror, module, toolroot
from nestlab.tests import boottests, conformance, judge, selftest_plan
from nestlab.tests.results import FAIL, PASS, SKIP, Result


def outcome(*output: str, status: int | None = 0, log: list[str] = [], seconds: float = 1, lost: str = "") -> campaign.Outcome:
    return campaign.Outcome(campaign.Item("t", "true", 60), status, lost, seconds, list(output), list(log))


class Judge(unittest.TestCase):
    def verdicts(self, *args, must=(), **more):
        return [(r.verdict, r.name) for r in judge.verdicts(outcome(*args, **more), "t", list(must))]

    def test_plain(self):
        self.assertEqual(self.verdicts("fine"), [(PASS, "t")])
        self.assertEqual(self.verdicts("fine", must=["^other$"]), [(FAIL, "t")])
        self.assertEqual(self.verdicts("bad", status=1), [(FAIL, "t")])
        self.assertEqual(self.verdicts("no device", status=4), [(SKIP, "t")])

    def test_kernel_log_fails_a_test_that_says_pass(self):
        self.assertEqual(self.verdicts("PASS a", log=["[ 1.0] WARNING: CPU: 0"]), [(PASS, "t/a"), (FAIL, "t")])

    def test_lost_machine_and_time(self):
        self.assertEqual(self.verdicts(status=None, lost="hung"), [(FAIL, "t")])
        self.assertEqual(self.verdicts(status=143, seconds=60), [(FAIL, "t")])

    def test_protocol_lines(self):
        self.assertEqual(self.verdicts("PASS a", "FAIL b why", "SKIP c none", status=1),
                         [(PASS, "t/a"), (FAIL, "t/b"), (SKIP, "t/c")])


class Mirror(unittest.TestCase):
    def test_both_formats(self):
        old = mirror.parse_one_line("# deb x y z\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.example/os bookworm main\n"
                                    "deb-src http://mirror.example/os bookworm main\n")
        new = mirror.parse_deb822("Types: deb\nURIs: http://mirror.example/os\nSuites: bookworm bookworm-updates\nSigned-By: /k.gpg\n")
        self.assertEqual([source.uri for source in old + new], ["http://mirror.example/os"] * 2)
        self.assertEqual({source.signed_by for source in old + new}, {"/k.gpg"})
        self.assertIn("bookworm-updates", new[0].suites)

    def test_disabled_stanza_does_not_count(self):
        self.assertEqual(mirror.parse_deb822("Types: deb\nEnabled: no\nURIs: http://m\nSuites: bookworm\n"), [])

    def test_security_is_an_archive_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "sources.list").write_text("deb http://sec.example/s stable-security main\ndeb http://m.example/d stable main\n")
            self.assertEqual(mirror.find("bookworm", Path(folder)).uri, "http://m.example/d")
            self.assertEqual(mirror.find("bookworm-security", Path(folder)).uri, "http://sec.example/s")
            (Path(folder) / "sources.list").write_text("deb http://m.example/d bookworm main\n")
            with self.assertRaises(LabError):
                mirror.find("bookworm-security", Path(folder))


class HostTools(unittest.TestCase):
    def test_only_updates_of_the_own_release(self):
        plan = """Inst debhelper (13.11.4 Debian:12.15/oldstable [all])
Inst perl [5.36.0-7+deb12u2] (5.36.0-7+deb12u3 Debian:12.15/oldstable [amd64]) []
Inst zlib1g [1.2] (1.3 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libc6 [2.36] (2.41 Debian Backports:oldstable-backports [amd64])
Inst python3 [3.11] (3.12 Some Vendor:1/stable [amd64])
Remv editor [1.0]
Conf perl (5.36.0-7+deb12u3 Debian:12.15/oldstable [amd64])
"""
        self.assertEqual(hosttools.changes(plan), (["perl", "zlib1g"], ["libc6", "python3", "editor"]))


class Kernels(unittest.TestCase):
    def test_newest_by_number(self):
        self.assertLess(kernels.order("6.12.9+deb12-arm64"), kernels.order("6.12.10+deb12-arm64"))

    def test_other_packages_are_no_kernels(self):
        for name in ("7.2.12+deb13-amd64-dbg", "7.2.12+deb13-rt-arm64", "7.2.12+deb13-cloud-arm64"):
            self.assertFalse(kernels.fits(name, "7.2", "arm64"), name)
        self.assertTrue(kernels.fits("7.2.12+deb13-arm64", "7.2", "arm64"))

    def test_debian_12s_own_kernels_have_a_number_for_each_build(self):
        self.assertTrue(kernels.fits("6.1.0-50-arm64", "6.1", "arm64"))
        self.assertFalse(kernels.fits("6.12.9+deb12-arm64", "6.1", "arm64"))
        self.assertLess(kernels.order("6.1.0-9-arm64"), kernels.order("6.1.0-50-arm64"))
        self.assertEqual(flavours.headers("6.1.0-50-arm64"),
                         ["linux-headers-6.1.0-50-arm64:arm64", "linux-headers-6.1.0-50-common:all", "linux-kbuild-6.1:amd64"])
        self.assertIn("linux-kbuild-6.12.9+deb12:amd64", flavours.headers("6.12.9+deb12-arm64"))

    def test_each_flavour_has_a_short_name(self):
        self.assertEqual(flavours.short("6.12", "arm64"), ("6.12", "arm64"))
        self.assertEqual(flavours.short("7.2", "cloud-arm64"), ("7.2", "cloud-arm64"))
        for wanted, flavour in (("6.12-rt", "rt-arm64"), ("6.12-16k", "arm64-16k"), ("6.12-cloud", "cloud-arm64")):
            self.assertEqual(flavours.short(wanted, "arm64"), ("6.12", flavour))
        with self.assertRaisesRegex(LabError, "6.12-rtt is no kernel.*cloud, rt, 16k"):
            flavours.short("6.12-rtt", "arm64")

    def test_full_versions_of_each_flavour(self):
        for version in ("6.12.95+deb12-arm64", "6.12.95+deb12-rt-arm64", "6.12.90+deb12.1-arm64-16k", "6.1.0-47-cloud-arm64"):
            self.assertTrue(flavours.is_full(version), version)
            self.assertEqual(kernels.choose(version, "cloud-arm64"), version)
        for version in ("6.12", "6.12-rt", "6.12.95+deb12", "6.12.95+deb12-amd64", "debug-0123456789ab"):
            self.assertFalse(flavours.is_full(version), version)

    def test_rt_has_common_headers_of_its_own(self):
        self.assertEqual(flavours.headers("6.12.95+deb12-rt-arm64"),
                         ["linux-headers-6.12.95+deb12-rt-arm64:arm64", "linux-headers-6.12.95+deb12-common-rt:all",
                          "linux-kbuild-6.12.95+deb12:amd64"])
        self.assertEqual(flavours.headers("6.12.95+deb12-arm64-16k")[1], "linux-headers-6.12.95+deb12-common:all")


class Hosts(unittest.TestCase):
    def row(self, host: str, *found: Result) -> str:
        table = conformance.hosts_table({"results": list(found)})
        [line] = [line for line in table.splitlines() if host in line and "| Linux" in line]
        return line

    def test_a_host_passes_with_all_its_parts(self):
        parts = [Result(PASS, "host-rt@max/host-cycle"), Result(PASS, "host-rt@max/nested-linux-6.12", "", 80)]
        self.assertEqual(self.row("6.12-rt", *parts), "| Linux 6.12-rt | device tree | pass | not run |")
        worse = Result(FAIL, "host-rt@max/linux-6.12", "it hung")
        self.assertEqual(self.row("6.12-rt", *parts, worse), "| Linux 6.12-rt | device tree | fail: it hung | not run |")

    def test_firmware_is_a_host_of_its_own(self):
        self.assertEqual(self.row("ACPI", Result(PASS, "host-acpi@neoverse-v1")), "| Linux 6.12 | ACPI, by EDK2 | not run | pass |")


class ToolRoots(unittest.TestCase):
    def test_a_command_sees_the_repository_at_its_place(self):
        with mock.patch.object(toolroot, "get", lambda gcc: Path("/root-of-gcc", gcc)):
            words = toolroot.command("14", ["make", "-j2"])
        self.assertEqual(words[-2:], ["make", "-j2"])
        self.assertIn(f'mount --rbind "{toolroot.paths.REPO}" "$0{toolroot.paths.REPO}"', " ".join(words))

    def test_no_release_has_such_a_compiler(self):
        with self.assertRaises(LabError):
            toolroot.get("2.95")


class Machines(unittest.TestCase):
    def test_uefi_means_acpi(self):
        self.assertIn("acpi=force", Machine(firmware="uefi").command_line())
        self.assertNotIn("acpi", Machine().command_line())


class Lists(unittest.TestCase):
    def read(self, text: str):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "tests.toml")
            file.write_text(text)
            return boottests.read(file)

    def test_the_lists_of_the_repository_are_sound(self):
        self.assertTrue(boottests.read(boottests.paths.BOOT_TESTS / "tests.toml"))
        self.assertTrue(boottests.read(boottests.paths.BOOT_TESTS / "soak.toml"))
        self.assertTrue(selftest_plan.plans("7.2", ["arch_timer"])[0].args)

    def test_parts_are_tests_of_their_own(self):
        first, second = self.read('[[test]]\nname = "a"\nparts = 2\nrun = "b --seed $PART"\n')
        self.assertEqual((first.name, second.name, second.run), ("a-1", "a-2", "b --seed 2"))

    def test_mistakes_are_errors(self):
        for bad in ('[[test]]\nname = "a"\n', '[[test]]\nname = "a"\nrun = "b"\nlimt = 3\n',
                    '[[test]]\nname = "a"\nrun = "b"\nenabled = false\n', '[[test]]\nname = "a"\nrun = "b"\n' * 2):
            with self.assertRaises(LabError):
                self.read(bad)

    def test_one_result_for_each_cpu(self):
        test = self.read('[[test]]\nname = "a"\nrun = "b"\ncpu = ["max", "neoverse-v1"]\n')[0]
        self.assertEqual([name for name, _ in test.machines()], ["a@max", "a@neoverse-v1"])


class Farm(unittest.TestCase):
    def test_links_come_and_go(self):
        with tempfile.TemporaryDirectory() as folder:
            top, where = Path(folder, "src"), Path(folder, "build")
            (top / "kvm").mkdir(parents=True)
            (top / "Kbuild").touch()
            (top / "kvm" / "a.cpp").touch()
            module.farm(top, where)
            self.assertTrue((where / "kvm" / "a.cpp").samefile(top / "kvm" / "a.cpp"))
            (top / "kvm" / "a.cpp").unlink()
            module.farm(top, where)
            self.assertFalse((where / "kvm" / "a.cpp").is_symlink())


class Cpio(unittest.TestCase):
    def test_cpio_reads_it(self):
        archive = cpio.Archive()
        archive.file("a/b/c", b"text", 0o755)
        archive.link("a/l", "b/c")
        done = subprocess.run(["cpio", "-t", "--quiet"], input=archive.finish(), capture_output=True)
        self.assertEqual(done.stdout.decode().split(), ["a", "a/b", "a/b/c", "a/l"])


if __name__ == "__main__":
    unittest.main()
