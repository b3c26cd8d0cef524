# SPDX-License-Identifier: GPL-2.0-only
"""Repetitions and long loads: soak.toml's entries as boot tests, with a memory of what is already done."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from nestlab import paths
from nestlab.errors import LabError
from nestlab.tests import boottests, results
from nestlab.tests.results import FAIL, PASS, SKIP, Result

LIST = paths.BOOT_TESTS / "soak.toml"
STATE = paths.BUILD / "soak" / "state.json"
FEW_PARTS = 12          # more than these a reader of the document would not read one by one


def stamp(artefact: Path) -> str:
    """What the results belong to; another module starts the soak anew."""
    return f"{artefact} {int(artefact.stat().st_mtime)}" if artefact.exists() else "peer"


def hosts() -> list[boottests.BootTest]:
    """Its entries that are one for each kind of host."""
    return [test for test in boottests.read(LIST) if test.name.startswith("host-")]


def done(belongs_to: str) -> dict[str, list[Result]]:
    """Entry on a CPU model → its results, from an earlier run that was broken off. What failed there is run again."""
    data = results.load(STATE)
    if not data or data.get("stamp") != belongs_to:
        return {}
    found = {entry: [result for result in data["results"] if owner(result) == entry] for entry in data["entries"]}
    return {entry: kept for entry, kept in found.items() if all(result.verdict != FAIL for result in kept)}


def owner(result: Result) -> str:
    """The entry that a result comes from, with its CPU model where it has several: the name without the part."""
    return result.name.split("/")[0]


def names(only: str = "*") -> list[str]:
    """The entries that such a pattern names, each with its CPU model where it has several; LabError if there is none."""
    found = [name for name, _, _ in boottests.selected(boottests.read(LIST), only)]
    if not found:
        raise LabError(f"{LIST} has no entry {only}")
    return found


def run(entries: list[str], belongs_to: str, fresh: bool, jobs: int) -> Iterator[tuple[str, list[Result], bool]]:
    """(entry, results, were they remembered) for each as it ends, `jobs` machines at a time; the state is written after each."""
    tests = boottests.read(LIST)
    before = {} if fresh else done(belongs_to)
    through = [entry for entry in entries if entry in before]
    kept = [result for entry in through for result in before[entry]]
    for entry in through:
        yield entry, before[entry], True
    # Processes, as a machine's console minds signals.
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(run_one, tests, entry): entry for entry in entries if entry not in before}
        for end in as_completed(running):
            through.append(running[end])
            kept += end.result()
            results.save(STATE, {"stamp": belongs_to, "entries": through}, kept)
            yield running[end], end.result(), False


def run_one(tests: list[boottests.BootTest], entry: str) -> list[Result]:
    return list(boottests.run(tests, entry, log=entry))


def summed(ran: list[Result]) -> list[Result]:
    """Each entry of more than FEW_PARTS as one result: how many of its parts passed and were skipped, and which failed."""
    found: dict[str, list[Result]] = {}
    for result in ran:
        found.setdefault(owner(result), []).append(result)
    return [result for entry, parts in found.items() for result in (parts if len(parts) <= FEW_PARTS else [in_sum(entry, parts)])]


def in_sum(entry: str, parts: list[Result]) -> Result:
    verdicts = Counter(part.verdict for part in parts)
    reasons = [f"{verdicts[PASS]} passed, {verdicts[SKIP]} skipped"]
    reasons += [f"{part.name.removeprefix(entry + '/')}: {part.reason}" for part in parts if part.verdict == FAIL]
    return Result(FAIL if verdicts[FAIL] else PASS if verdicts[PASS] else SKIP, entry, "; ".join(reasons), sum(part.seconds for part in parts))


def merged(file: Path, ran: list[str], new: list[Result]) -> list[Result]:
    """What the document says: new results, and the last ones of entries that did not run now, in the list's order."""
    order = names()
    kept = [result for result in (results.load(file) or {"results": []})["results"] if owner(result) not in ran]
    return sorted((result for result in [*kept, *summed(new)] if owner(result) in order), key=lambda result: order.index(owner(result)))


def finished() -> None:
    """All entries are through: the next soak starts from the beginning."""
    STATE.unlink(missing_ok=True)
