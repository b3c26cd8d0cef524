# SPDX-License-Identifier: GPL-2.0-only
"""The nestvisor command as a whole: help, man page, completion, launcher and rooms agree with its parsers."""

import argparse
import ast
import re
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from nestvisor import cli

REPO = Path(__file__).resolve().parents[2]
PACKAGE, PACKAGING = REPO / "tools/nestvisor", REPO / "packaging"
TOP = "the top"
ROOMS = [TOP, "read", "machine", "check", "show", "commands"]


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {word for action in parser._actions for word in action.option_strings}


class Help(unittest.TestCase):
    def test_each_fits_a_screen(self):
        whole, each = cli.parsers()
        with unittest.mock.patch.dict("os.environ", COLUMNS="80"):
            for parser in (whole, *each.values()):
                lines = parser.format_help().splitlines()
                # One line is the prompt's.
                self.assertLessEqual(len(lines), 23, parser.prog)
                self.assertLessEqual(max(map(len, lines)), 80, parser.prog)

    def test_statuses_are_in_the_help_of_check(self):
        for status in ("0  all", "1  guests", "2  no", "3  cannot"):
            self.assertIn(status, cli.parsers()[1]["check"].format_help())


class ManPage(unittest.TestCase):
    source = (PACKAGING / "man/nestvisor.8").read_text()

    def test_it_has_each_option_and_no_other(self):
        for name, parser in cli.parsers()[1].items():
            section = re.search(rf"\n\.Ss nestvisor {name}\n(.*?)\n\.S[sh] ", self.source, re.S)[1]
            listed = {f"--{option}" for option in re.findall(r"^\.It Fl -([a-z]+)", section, re.M)}
            self.assertEqual(listed | {"-h", "--help"}, options(parser), name)
            synopsis = re.search(rf"\n\.Nm\n\.Cm {name}\n(.*?)\n\.(?:Nm|Sh)", self.source, re.S)[1]
            self.assertEqual({f"--{option}" for option in re.findall(r" -([a-z]+)", synopsis)}, listed, name)

    def test_each_option_has_the_argument_that_the_parser_wants(self):
        for name, parser in cli.parsers()[1].items():
            section = re.search(rf"\n\.Ss nestvisor {name}\n(.*?)\n\.S[sh] ", self.source, re.S)[1]
            wanted = {word: action.metavar for action in parser._actions for word in action.option_strings if action.metavar}
            self.assertEqual({f"--{word}": metavar for word, metavar in re.findall(r"^\.It Fl -([a-z]+) Ar (\w+)", section, re.M)}, wanted, name)

    def test_statuses(self):
        section = self.source[self.source.index(".Sh EXIT STATUS"):]
        self.assertEqual(re.findall(r"^\.It (\d)$", section[:section.index(".El")], re.M), ["0", "1", "2", "3"])

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_nothing(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PACKAGING / "man/nestvisor.8"], capture_output=True, text=True)
        self.assertEqual((done.stdout + done.stderr, done.returncode), ("", 0))

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff_finds_nothing(self):
        done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z", PACKAGING / "man/nestvisor.8"], capture_output=True, text=True)
        self.assertEqual((done.stderr, done.returncode), ("", 0))


class Completion(unittest.TestCase):
    file = PACKAGING / "completion/nestvisor.bash"

    def words(self, *line: str) -> list[str]:
        """What bash offers for the last word of a line."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                  '$(complete -p nestvisor | sed "s/.* -F \\([^ ]*\\) .*/\\1/"); printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", self.file, *line], capture_output=True, text=True)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout.split()

    def test_it_offers_what_the_parsers_take(self):
        whole, each = cli.parsers()
        self.assertEqual(set(self.words("nestvisor", "")), {*each, "--help"})
        for name, parser in each.items():
            self.assertEqual(set(self.words("nestvisor", name, "--")), options(parser) - {"-h"}, name)

    def test_a_beginning_is_completed(self):
        self.assertEqual(self.words("nestvisor", "sh"), ["shadow"])
        self.assertEqual(self.words("nestvisor", "top", "--seconds", "3", "--fo"), ["--folded"])

    def test_a_number_is_not_a_word(self):
        for name, option in (("stat", "--interval"), ("stat", "--count"), ("top", "--seconds")):
            self.assertEqual(self.words("nestvisor", name, option, ""), [], option)


class Launcher(unittest.TestCase):
    def test_it_finds_the_package_below_its_own_prefix(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(PACKAGE, Path(folder, "usr/share/nestvisor/nestvisor"), ignore=shutil.ignore_patterns("__pycache__"))
            Path(folder, "usr/bin").mkdir()
            launcher = shutil.copy(PACKAGING / "bin/nestvisor", Path(folder, "usr/bin/nestvisor"))
            # A file of that name in the user's folder is not the package.
            Path(folder, "nestvisor.py").write_text("raise SystemExit('the wrong one')\n")
            done = subprocess.run([launcher, "--help"], capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": folder, "PATH": "/usr/bin:/bin"})
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        self.assertIn("SUBCOMMAND", done.stdout)


class Rooms(unittest.TestCase):
    def test_imports_go_one_way(self):
        seen = 0
        for file in sorted(PACKAGE.rglob("*.py")):
            parts = file.relative_to(PACKAGE).parts
            room = parts[0] if len(parts) > 1 else TOP
            if file.name in ("cli.py", "__main__.py"):
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "nestvisor":
                    target = (node.module.split(".")[1:] or [node.names[0].name])[0]
                    seen += 1
                    self.assertLessEqual(ROOMS.index(target if target in ROOMS else TOP), ROOMS.index(room), f"{file} imports {node.module}")
        self.assertGreater(seen, 20)

    def test_rich_is_imported_only_where_something_is_drawn(self):
        for file in sorted(PACKAGE.rglob("*.py")):
            tree = ast.parse(file.read_text())
            at_top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
            names = [name for node in at_top for name in ([node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names])]
            self.assertFalse([name for name in names if name.split(".")[0] == "rich"], file)


if __name__ == "__main__":
    unittest.main()
