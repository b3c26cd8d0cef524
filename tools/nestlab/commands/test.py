# SPDX-License-Identifier: GPL-2.0-only
"""Every test that fits in 45 minutes on two CPUs, set-up included: the lab itself, host tests, the module, boot tests.

Stages: lab (tools/tests), host (CMake, ctest), build (nestvisor.ko, the kernel that checks), boot (tests/boot/tests.toml).
Closes with one line `N passed, N failed, N skipped`; exit status 1 if anything failed.
"""

import argparse
import time
from collections.abc import Callable

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import kernels, module
from nestlab.tests import boottests, hosttests, results, selfcheck
from nestlab.tests.results import FAIL, PASS, Result

STAGES = ["lab", "host", "build", "boot"]


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", choices=STAGES, action="append", help="this stage only (may be given more than once)")
    parser.add_argument("--only", metavar="GLOB", default="*", help="only the boot tests with such names")


def timed(report: results.Report, name: str, make: Callable[[], object]) -> bool:
    """Build something, as one test."""
    started = time.monotonic()
    try:
        make()
    except LabError as error:
        report.add(Result(FAIL, name, str(error)))
        return False
    report.add(Result(PASS, name, "", time.monotonic() - started))
    return True


def build(report: results.Report, own_kernels: list[str]) -> bool:
    """The module, and for the kernels that the lab builds itself these and theirs. False: the module does not build."""
    good = timed(report, "module-build", module.build)
    for lint in ("symbols", "fast_path") if good else ():
        timed(report, f"lint_{lint}", lambda: module.lint(lint))
    for name in own_kernels:
        if timed(report, f"kernel-build-{name}", lambda: kernels.get(name)):
            timed(report, f"module-build-{name}", lambda: module.build(name))
    return good


def run(args: argparse.Namespace) -> int:
    stages = args.stage or STAGES
    report = results.Report()
    tests = boottests.read(paths.BOOT_TESTS / "tests.toml")
    if "lab" in stages:
        report.add(*selfcheck.run())
    if "host" in stages:
        for result in hosttests.run():
            report.add(result)
    built = build(report, boottests.own_kernels(tests, args.only)) if "build" in stages else True
    if "boot" in stages:
        if built:
            for result in boottests.run(tests, args.only):
                report.add(result)
        else:
            report.add(Result(FAIL, "boot-tests", f"{len(tests)} tests not run: the module did not build"))
    say.step(f"all of it took {say.elapsed() / 60:.0f} minutes, set-up included (on two CPUs and a fresh machine: at most 45)")
    return report.close()
