# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own KVM selftests in L0, one result each; results go to docs/conformance.md.

A test that takes the machine down fails; the next ones run in a fresh boot.
"""

import argparse
import fnmatch
import time
from collections.abc import Iterator
from dataclasses import replace

from nestlab import say
from nestlab.commands import options
from nestlab.errors import LabError
from nestlab.machine import campaign
from nestlab.machine.boot import Boot
from nestlab.tests import boottests, conformance, judge, results, selftest_plan, selftests
from nestlab.tests.results import SKIP, Result

L0S = ["6.12", "debug"]
SLOW = 8                                        # times as long as on Debian's kernel, at most, on the one that checks
HUGE_PAGE = "hugepagesz=1G hugepages=1"         # sea_to_user's memory


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", choices=selftests.SUITES, action="append", dest="suites",
                        help="the selftests of this kernel version only (default: all)")
    parser.add_argument("--only", metavar="GLOB", default="*", help="tests with such names only, for instance 'arm64/vgic*'; "
                        "docs/conformance.md keeps the others' results")
    parser.add_argument("--vel2", action="store_true", help="the guests of the tests of 7.2 and 7.3 run at virtual EL2")
    parser.add_argument("--l0", choices=L0S, default=L0S[0], help="L0's kernel: Debian's 6.12, or the one that checks "
                        "(tools/lab debug-kernel), on which nothing may stay allocated either (default: 6.12)")
    parser.add_argument("--list", action="store_true", help="say what would run, with limits and arguments")
    options.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    report = results.Report()
    if args.peer and args.l0 != L0S[0]:
        raise LabError("--l0 is a kernel for the module; Linux's own KVM is that of Linux 7.2")
    if args.vel2 and "6.12" in (args.suites or []):
        raise LabError("the tests of 6.12 know no virtual EL2: --vel2 goes with --kernel 7.2 or 7.3")
    for suite in args.suites or [suite for suite in selftests.SUITES if not (args.vel2 and suite == "6.12")]:
        plans = [plan for plan in selftest_plan.plans(suite, selftests.tests(suite)) if matches(plan.name, args.only)]
        if args.list:
            for plan in plans:
                say.result(f"{suite} {plan.name} {plan.args} ({plan.skip or f'{plan.limit:g} s'})")
            continue
        one_suite(args, suite, plans, report)
    if args.list:
        return 0
    if not report.results:
        raise LabError(f"no selftest has a name like {args.only}")
    say.step(f"wrote {conformance.write()}")
    return report.close()


def matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.rsplit("/", 1)[-1], pattern)


def one_suite(args: argparse.Namespace, suite: str, plans: list[selftest_plan.Plan], report: results.Report) -> None:
    """Run a suite; the JSON file grows with each result, so that a broken-off run still counts."""
    kernel, file = options.l0(args.peer, None if args.peer else args.l0)
    run = conformance.Run(suite, "peer" if args.peer else "ours", args.cpu, args.vel2, args.l0)
    machine = options.machine(args)
    machine = replace(machine, append=f"{HUGE_PAGE} {machine.append}".strip())
    # The suites expect Linux's choice: HCR_EL2.E2H is RES1 for a guest hypervisor.
    boot = Boot(machine, kernel, file, parameters="e2h0=0", share=selftests.get(suite), scripts=boottests.scripts())
    header = {"kernel": kernel.version, "machine": f"-cpu {args.cpu}, {args.smp} CPUs", "date": time.strftime("%Y-%m-%d")}
    say.step(f"{len(plans)} selftests of {suite} under Linux {kernel.version}" + ("" if args.peer else " and the module"))
    before = (results.load(run.file) or {"results": []})["results"] if args.only != "*" else []
    done = []
    for result in outcomes(suite, plans, boot, run):
        done.append(result)
        report.add(result)
        results.save(run.file, header, [*done, *(old for old in before if old.name not in {new.name for new in done})])


def outcomes(suite: str, plans: list[selftest_plan.Plan], boot: Boot, run: conformance.Run) -> Iterator[Result]:
    for plan in plans:
        if plan.skip:
            yield Result(SKIP, plan.name, plan.skip)
    items = [selftest_plan.item(suite, plan, run.vel2) for plan in plans if not plan.skip]
    if run.l0 == "debug":
        items = [replace(item, limit=SLOW * item.limit) for item in items] + [campaign.Item("nothing-left-behind", "leaks.sh", 300)]
    for outcome in campaign.run(items, boot, run.file.stem):
        # A selftest prints much; its exit status and the kernel log decide.
        outcome.output = [line for line in outcome.output if not judge.LINE.match(line)]
        yield from judge.verdicts(outcome, outcome.item.name)
