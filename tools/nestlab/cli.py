# SPDX-License-Identifier: GPL-2.0-only
"""The command line: `tools/lab SUBCOMMAND …`."""

import argparse
import importlib
import sys

from nestlab.errors import LabError

SUBCOMMANDS = ["build", "debug-kernel", "shell", "run", "selftests", "guests", "fuzz", "demo", "test", "soak", "bench", "mutants", "package"]


def parser() -> argparse.ArgumentParser:
    """All subcommands; each one's help is its module's docstring."""
    top = argparse.ArgumentParser(prog="lab", description="Nestvisor's lab: an Armv8.4 machine in QEMU. It fetches and "
                                  "installs what it needs, and says so.")
    commands = top.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    for name in SUBCOMMANDS:
        module = importlib.import_module(f"nestlab.commands.{name.replace('-', '_')}")
        about = module.__doc__.strip()
        sub = commands.add_parser(name, help=about.split("\n\n")[0], description=about,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add(sub)
        sub.set_defaults(run=module.run)
    return top


def main(words: list[str]) -> int:
    """Run one subcommand; whatever stops it is one line on stderr and status 1."""
    args = parser().parse_args(words)
    try:
        return args.run(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
    except OSError as error:
        print(f"lab: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
    return 1
