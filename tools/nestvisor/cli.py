# SPDX-License-Identifier: GPL-2.0-only
"""The command line: `nestvisor SUBCOMMAND …`."""

import argparse
import os
import sys

from nestvisor.commands import check, shadow, stat, top
from nestvisor.errors import UserError
from nestvisor.machine.sources import Sources

SUBCOMMANDS = {"check": check, "stat": stat, "top": top, "shadow": shadow}


def parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the command, and that of each subcommand; a subcommand's help is its module's docstring."""
    whole = argparse.ArgumentParser(prog="nestvisor", description="Looks at the hypervisor Nestvisor and at its guests.",
                                    epilog="nestvisor SUBCOMMAND --help says more; so does nestvisor(8).")
    commands = whole.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    each = {}
    for name, module in SUBCOMMANDS.items():
        about = module.__doc__.strip()
        each[name] = commands.add_parser(name, help=about.splitlines()[0], description=about,
                                         formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add(each[name])
        each[name].set_defaults(run=module.run, parser=each[name])
    return whole, each


def main(words: list[str], sources: Sources | None = None) -> int:
    """Run one subcommand; whatever stops it is one line on stderr and status 1."""
    args = parsers()[0].parse_args(words)
    try:
        status = args.run(args, sources or Sources())
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"nestvisor: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. What is still in the buffer goes nowhere, without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"nestvisor: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
