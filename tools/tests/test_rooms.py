# SPDX-License-Identifier: GPL-2.0-only
"""The lab's rooms: who may import from whom. cli.py alone finds subcommands by their names, which is no import."""

import ast
import unittest
from collections.abc import Iterator
from pathlib import Path

from nestlab import paths

TOP = "the top"
ORDER = [TOP, "setup", "machine", "tests", "bench", "commands"]        # from itself and from what stands before it
AT_TOP = {"__init__", "__main__", "cli", "errors", "paths", "proc", "say"}


def room(file: Path) -> str:
    """Of a file or folder in the package."""
    parts = file.relative_to(paths.PACKAGE).parts
    return parts[0] if parts and (paths.PACKAGE / parts[0]).is_dir() else TOP


def imported(source: str) -> Iterator[tuple[str, ...]]:
    """What the source imports from the package, in functions too, as dotted names split: (setup, apt), (errors, LabError)."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{'.' * node.level}{node.module or ''}.{each.name}" for each in node.names]
        for name in names:
            first, *rest = name.split(".")
            if not first:
                raise ValueError(f"{name}: a relative import")
            if first == paths.PACKAGE.name:
                yield tuple(rest)


def found(name: tuple[str, ...]) -> Path | None:
    """The module that an imported name is, or lies in; None where there is none."""
    for words in (name, name[:-1]):
        path = paths.PACKAGE.joinpath(*words)
        if words and path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if words == name and (path / "__init__.py").is_file():
            return path
    return None


class Rooms(unittest.TestCase):
    def test_imports_go_one_way(self):
        for file in sorted(paths.PACKAGE.rglob("*.py")):
            for name in imported(file.read_text()):
                target = found(name)
                what = f"{file.relative_to(paths.PACKAGE)} imports {'.'.join(name)}"
                self.assertIsNotNone(target, f"{what}: there is no such module")
                self.assertLessEqual(ORDER.index(room(target)), ORDER.index(room(file)), what)

    def test_imports_in_functions_count(self):
        source = "import os\nfrom nestlab import say\ndef run():\n    import nestlab.tests.judge\n    from nestlab.setup.apt import fetch\n"
        self.assertEqual(sorted(imported(source)), [("say",), ("setup", "apt", "fetch"), ("tests", "judge")])
        with self.assertRaises(ValueError):
            list(imported("from . import say"))

    def test_a_name_is_found_in_its_room(self):
        self.assertEqual([room(found(name)) for name in [("say",), ("errors", "LabError"), ("setup", "apt"), ("bench", "figures", "Row")]],
                         [TOP, TOP, "setup", "bench"])
        self.assertIsNone(found(("apt",)))
        self.assertIsNone(found(("setup", "judge")))

    def test_each_module_is_in_a_room(self):
        self.assertEqual({file.stem for file in paths.PACKAGE.glob("*.py")}, AT_TOP)
        self.assertEqual({folder.parent.name for folder in paths.PACKAGE.glob("*/__init__.py")}, set(ORDER[1:]))

    def test_each_room_says_what_it_is_for(self):
        for name in ORDER[1:]:
            said = ast.get_docstring(ast.parse((paths.PACKAGE / name / "__init__.py").read_text())) or ""
            self.assertIn("Begin with ", said, name)


if __name__ == "__main__":
    unittest.main()
