# SPDX-License-Identifier: GPL-2.0-only
"""Build the module: build/<V>/nestvisor.ko."""

import argparse

from nestlab import say
from nestlab.setup import module


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", metavar="V", default="6.12", help="6.1, 6.12 (default), 6.12-rt, 6.12-16k, 6.12-cloud, 7.2, 7.3, a full "
                        "version such as 6.12.95+deb12-arm64, or one of debug-kernel's: debug, 64k, scs")
    parser.add_argument("--verbose", action="store_true", help="show the compiler's command lines")


def run(args: argparse.Namespace) -> int:
    say.result(str(module.build(args.kernel, verbose=args.verbose)))
    return 0
