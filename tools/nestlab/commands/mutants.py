# SPDX-License-Identifier: GPL-2.0-only
"""Makes realistic mistakes in the core, one at a time (tests/mutants/), and asks whether the host tests notice.

On two cores the first build takes 10 to 30 minutes, the slips themselves 3 to 5. The result of a whole run goes to docs/testing.md. Exit status 1 when fewer than 95 % of those that matter are noticed.
"""

import argparse
import fnmatch

from nestlab import say
from nestlab.errors import LabError
from nestlab.tests import mutants, mutants_doc, slips

ENOUGH = 95     # per cent


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="GLOB", default="*", help="slips in such files only, as in 'stage2/*'; the document stays as it is")
    parser.add_argument("--check", action="store_true", help="only check that each slip is found in the sources")


def run(args: argparse.Namespace) -> int:
    listed = slips.read()
    if args.check:
        slips.switch_all(listed)
        say.result(f"{len(listed)} slips, each found in the sources")
        return 0
    wanted = [slip for slip in listed if fnmatch.fnmatch(slip.file, args.only)]
    if not wanted:
        raise LabError(f"no slip is in a file {args.only}")
    done = []
    for outcome in mutants.outcomes(listed, wanted):
        done.append(outcome)
        by = f" by {outcome.by}" if outcome.by else ""
        say.result(f"{outcome.verdict}{by}: {outcome.slip.file}: {mutants_doc.flat(outcome.slip.text)} -> {mutants_doc.flat(outcome.slip.to)}")
    share = mutants_doc.share(done)
    if args.only == "*":
        say.step(f"wrote {mutants_doc.write(done)}")
    say.result(f"{len(done)} slips, {share:.1f} % of those that matter noticed")
    return int(share < ENOUGH)
