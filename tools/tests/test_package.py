# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab package: one version everywhere, and no source forgotten."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from nestlab import paths
from nestlab.setup import module, package
from nestlab.tests import packagetest
from nestlab.tests.results import FAIL, PASS

DEBIAN = paths.REPO / "packaging" / "debian"
DROP_IN = paths.REPO / "packaging" / "host" / "nestvisor.cfg"


def setting(name: str) -> str:
    """What dkms.conf says of it."""
    return re.search(rf'^{re.escape(name)}="(.*)"$', (DEBIAN / "nestvisor-dkms.dkms").read_text(), re.M)[1]


class Version(unittest.TestCase):
    def test_it_is_the_same_everywhere(self):
        number = package.version()
        self.assertRegex(number, r"^\d+\.\d+\.\d+$")
        self.assertEqual(re.match(r"nestvisor \((.*)\) ", (DEBIAN / "changelog").read_text())[1], number)
        self.assertEqual(re.search(r"^## (\S+) - \d{4}-\d\d-\d\d$", (paths.REPO / "CHANGELOG.md").read_text(), re.M)[1], number)

    def test_the_files_are_named_by_it(self):
        self.assertEqual(package.names("1.2.3"), ["nestvisor-dkms_1.2.3_all.deb", "nestvisor-tools_1.2.3_arm64.deb"])


class Sources(unittest.TestCase):
    def test_the_package_has_each_folder_of_the_module(self):
        first, *_ = (DEBIAN / "nestvisor-dkms.install").read_text().splitlines()
        *installed, where = first.split()
        self.assertEqual(sorted(installed), sorted(["Kbuild", *package.FILES, *module.FOLDERS]))
        self.assertTrue(where.startswith("usr/src/nestvisor-"))

    def test_the_staged_tree_has_what_packages_are_made_of(self):
        with tempfile.TemporaryDirectory() as folder:
            top, where = Path(folder, "top"), Path(folder, "source")
            for name in ["Kbuild", "VERSION", "LICENSE", "kvm/a.cpp", "kvm/README.md", "tests/unit/kvm/a.cpp", "packaging/debian/rules",
                         "packaging/bin/nestvisor", "tools/nestvisor/cli.py", "tools/nestvisor/__pycache__/cli.pyc"]:
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text(name)
            package.stage(top, where)
            found = sorted(str(file.relative_to(where)) for file in where.rglob("*") if file.is_file())
            self.assertEqual(found, ["Kbuild", "LICENSE", "VERSION", "debian/rules", "kvm/a.cpp", "packaging/bin/nestvisor",
                                     "tools/nestvisor/cli.py"])


class Dkms(unittest.TestCase):
    def test_old_kernels_are_skipped(self):
        pattern = setting("BUILD_EXCLUSIVE_KERNEL")
        for built in ("6.1.0-50-arm64", "6.12.95+deb12-arm64", "7.3.4+deb13-cloud-arm64", "10.1.1+deb15-arm64"):
            self.assertRegex(built, pattern)
        for skipped in ("4.19.0-27-arm64", "5.10.0-32-arm64", "6.0.0-6-arm64"):
            self.assertNotRegex(skipped, pattern)

    def test_pahole_is_kept_off(self):
        command = re.search(r'^MAKE\[0\]="(.*)"$', (DEBIAN / "nestvisor-dkms.dkms").read_text(), re.M)[1]
        self.assertTrue(command.startswith("make "), "DKMS puts -j after the first word")
        self.assertIn("CONFIG_DEBUG_INFO_BTF_MODULES=", command.split())


class BootParameter(unittest.TestCase):
    def line(self, installed: bool) -> str:
        """GRUB's line as the drop-in leaves it."""
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "nestvisor.conf")
            if installed:
                mark.touch()
            script = DROP_IN.read_text().replace("/usr/lib/modules-load.d/nestvisor.conf", str(mark))
            self.assertIn(str(mark), script)
            script = f'set -e\nGRUB_CMDLINE_LINUX="quiet"\n{script}\necho "$GRUB_CMDLINE_LINUX"\n'
            return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    def test_it_is_there_while_the_package_is(self):
        self.assertEqual(self.line(True), "quiet kvm-arm.mode=none")
        self.assertEqual(self.line(False), "quiet")


class InstalledMachine(unittest.TestCase):
    def judge(self, *lines: str) -> tuple[str, str]:
        result = packagetest.verdict("debian/use", "use", list(lines), 1, Path("log"))
        return result.verdict, result.reason

    def test_a_step_has_to_say_that_it_passed(self):
        self.assertEqual(self.judge("[    1.0] Linux", "PASS use"), (PASS, ""))
        self.assertEqual(self.judge("PASS install")[0], FAIL)
        self.assertEqual(self.judge("FAIL use no boot parameter", "PASS use"), (FAIL, "no boot parameter"))

    def test_an_alarm_of_the_kernel_fails_it(self):
        self.assertEqual(self.judge("[    9.1] WARNING: CPU: 0", "PASS use"), (FAIL, "kernel log: [    9.1] WARNING: CPU: 0"))
        self.assertEqual(self.judge("nestvisor check: WARNING is a word", "PASS use"), (PASS, ""))

    def test_the_script_knows_each_step(self):
        script = (packagetest.SCRIPTS / "package-machine.sh").read_text()
        for step in packagetest.STEPS:
            self.assertRegex(script, rf"(?m)^{step}\(\) {{$")


if __name__ == "__main__":
    unittest.main()
