# SPDX-License-Identifier: GPL-2.0-only
"""From what a test printed to PASS, FAIL or SKIP."""

import re

from nestlab.machine.campaign import Outcome
from nestlab.tests.results import FAIL, PASS, SKIP, Result

# Kernel-log lines that fail any test. The second half is what only a kernel that checks says, and not all of it with BUG or
# WARNING before: UBSAN, kmemleak, a lock without a class, a checker that has switched itself off.
ALARMS = (r"BUG|WARNING|lockup|refcount|Unable to handle|Internal error"
          r"|KASAN|UBSAN|ODEBUG|kmemleak: [1-9]|kmemleak: .*disabled|suspicious RCU|sleeping function|detected stalls"
          r"|INFO: (trying to register|lockdep|possible|inconsistent|rcu|task)|locking correctness validator")
LINE = re.compile(r"^(PASS|FAIL|SKIP) (\S+)(?: (.*))?$")
SKIPPED = 4         # kselftest's exit status for it


def alarm(lines: list[str], pattern: str = ALARMS) -> str | None:
    """The first alarming line."""
    return next((line.strip() for line in lines if pattern and re.search(pattern, line)), None)


def trouble(outcome: Outcome, must: list[str], must_not: str) -> str | None:
    """Why the test failed, None where it did not."""
    output = "\n".join(outcome.output)
    if outcome.status is None:
        said = alarm(outcome.log, must_not) or ""
        return outcome.lost + (f": {said}" if said else "")
    if outcome.timed_out:
        return f"no end within {outcome.item.limit:g} s"
    if line := alarm(outcome.log, must_not):
        return f"kernel log: {line}"
    if outcome.status not in (0, SKIPPED):
        return f"exit status {outcome.status}: {last(outcome)}"
    if outcome.status != SKIPPED:
        for pattern in must:
            if not re.search(pattern, output, re.M):
                return f"did not print {pattern}"
    return None


def verdicts(outcome: Outcome, name: str, must: list[str] = [], must_not: str = ALARMS) -> list[Result]:
    """The test's results: one, or one for each protocol line that it printed."""
    lines = [match.groups() for match in map(LINE.match, outcome.output) if match]
    results = [Result(verdict, f"{name}/{part}", reason or ("no reason given" if verdict != PASS else ""))
               for verdict, part, reason in lines]
    why = trouble(outcome, must, must_not)
    if why and not (outcome.status and any(result.verdict == FAIL for result in results) and "kernel log" not in why):
        return [*results, Result(FAIL, name, why, outcome.seconds)]
    if results:
        return results
    if outcome.status == SKIPPED:
        return [Result(SKIP, name, last(outcome), outcome.seconds)]
    return [Result(PASS, name, "", outcome.seconds)]


def last(outcome: Outcome) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(outcome.output) if line.strip()), "it printed nothing")
