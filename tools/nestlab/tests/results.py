# SPDX-License-Identifier: GPL-2.0-only
"""What a test came to, and the sum of many."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from nestlab import say

SIDES = {"ours": "Nestvisor", "peer": "Linux's own KVM"}       # whose results they are
PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"


@dataclass(frozen=True)
class Result:
    """One test's outcome. FAIL and SKIP have a reason, always."""

    verdict: str
    name: str
    reason: str = ""
    seconds: float = 0

    def __str__(self) -> str:
        details = ", ".join(filter(None, [self.reason, f"{self.seconds:.1f} s" if self.seconds else ""]))
        return f"{self.verdict} {self.name}" + (f" ({details})" if details else "")


class Report:
    """Collects results and says each as it comes."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def add(self, *results: Result) -> None:
        for result in results:
            self.results.append(result)
            say.result(str(result))

    def count(self, verdict: str) -> int:
        return Counter(result.verdict for result in self.results)[verdict]

    def close(self) -> int:
        """The closing line, and the exit status: 1 if anything failed, or if nothing was tested at all."""
        for result in self.results:
            if result.verdict == FAIL:
                say.step(f"failed: {result}")
        say.result(f"{self.count(PASS)} passed, {self.count(FAIL)} failed, {self.count(SKIP)} skipped")
        return int(self.count(FAIL) > 0 or self.count(PASS) == 0)


def save(file: Path, header: dict, results: list[Result]) -> None:
    """As JSON: the header's keys and `results`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps({**header, "results": [asdict(result) for result in results]}, indent=1) + "\n")
    aside.rename(file)


def load(file: Path) -> dict | None:
    """What save() wrote, with Result objects; None where there is no such file."""
    if not file.exists():
        return None
    data = json.loads(file.read_text())
    data["results"] = [Result(**result) for result in data["results"]]
    return data
