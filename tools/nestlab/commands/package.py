# SPDX-License-Identifier: GPL-2.0-only
"""Build the Debian packages: build/package/nestvisor-{dkms,tools}_V_*.deb.

V is what VERSION says. They are for arm64, on Debian 12 and 13, and are built on any machine that the lab runs on. lintian
looks at them; an error or a warning of it is a failure.

With --test they are installed, used and purged again on an installed Debian, which takes an hour or two.
"""

import argparse

from nestlab import say
from nestlab.setup import package
from nestlab.tests import packagetest, results


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--test", metavar="RELEASE", choices=packagetest.SUITES, help="try them on Debian 12 or 13")


def run(args: argparse.Namespace) -> int:
    if not args.test:
        for file in package.build():
            say.result(str(file))
        return 0
    report = results.Report()
    for result in packagetest.run(f"package-debian{args.test}", packagetest.SUITES[args.test]):
        report.add(result)
    return report.close()
