# SPDX-License-Identifier: GPL-2.0-only
"""Every test that fits in 45 minutes on two CPUs, set-up included: the lab itself, host tests, the module, boot tests.

Stages: lab (tools/tests), host (CMake, ctest), build (nestvisor.ko for each kernel, the kernel that checks, the Debian
packages), boot (tests/boot/tests.toml). Builds for other kernels than the tests' own go on beside the boot tests.
Closes with one line `N passed, N failed, N skipped`; exit status 1 if anything failed.
"""

import argparse
import time
from collections.abc import Callable, Iterable

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import module
from nestlab.tests import boottests, hosttests, results, selfcheck, sidebuilds
from nestlab.tests.results import FAIL, PASS, Result

STAGES = ["lab", "host", "build", "boot"]


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", choices=STAGES, action="append", help="this stage only (may be given more than once)")
    parser.add_argument("--only", metavar="GLOB", default="*", help="only the boot tests with such names")


def add_each(report: results.Report, found: Iterable[Result]) -> None:
    """As they come."""
    for result in found:
        report.add(result)


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


def build(report: results.Report) -> bool:
    """The module for the tests' own kernel. False: it does not build."""
    good = timed(report, "module-build", module.build)
    for lint in ("symbols", "fast_path") if good else ():
        timed(report, f"lint_{lint}", lambda: module.lint(lint))
    return good


def boot(report: results.Report, tests: list[boottests.BootTest], only: str, builds: sidebuilds.SideBuilds) -> None:
    """The boot tests; those that want a kernel which is being built, last."""
    own = boottests.own_kernels(tests, only)
    add_each(report, boottests.run([test for test in tests if test.kernel not in own], only))
    add_each(report, builds.results())
    add_each(report, boottests.run([test for test in tests if test.kernel in own], only, "boot-own"))


def run(args: argparse.Namespace) -> int:
    stages = args.stage or STAGES
    report = results.Report()
    tests = boottests.read(paths.BOOT_TESTS / "tests.toml")
    if "lab" in stages:
        report.add(*selfcheck.run())
    if "host" in stages:
        add_each(report, hosttests.run())
    built = build(report) if "build" in stages else True
    beside = [sidebuilds.module(kernel) for kernel in boottests.own_kernels(tests, args.only)]
    if args.only == "*":
        beside += [*map(sidebuilds.module, sidebuilds.DEBIANS), sidebuilds.PACKAGES]
    with sidebuilds.SideBuilds(beside if built and "build" in stages else []) as builds:
        if "boot" not in stages:
            add_each(report, builds.results())
        elif built:
            boot(report, tests, args.only, builds)
        else:
            report.add(Result(FAIL, "boot-tests", f"{len(tests)} tests not run: the module did not build"))
    say.step(f"all of it took {say.elapsed() / 60:.0f} minutes, set-up included (on two CPUs and a fresh machine: at most 45)")
    return report.close()
