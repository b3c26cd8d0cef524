# SPDX-License-Identifier: GPL-2.0-only
"""Build a kernel that checks: Linux 6.12 from Debian's linux-source, small, with lockdep, KASAN, UBSAN, kmemleak, …

Other variants: 64k (host pages of 64 KiB), scs (SHADOW_CALL_STACK). Each is built once, and again when its configuration
(tools/nestlab/setup/kconfig) changes; `build`, `shell` and the boot tests take it as a kernel of that name, and build
it themselves where it is missing.
"""

import argparse

from nestlab import say
from nestlab.setup import built, kernels


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--variant", choices=list(built.VARIANTS), default="debug", help="which one (default: debug)")


def run(args: argparse.Namespace) -> int:
    say.result(str(kernels.get(args.variant).folder))
    return 0
