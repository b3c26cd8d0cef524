# SPDX-License-Identifier: GPL-2.0-only
"""Repetitions and long loads: soak.toml's entries as boot tests, with a memory of what is already done."""

from collections.abc import Iterator
from pathlib import Path

from nestlab import boottests, paths, results
from nestlab.results import Result

LIST = paths.BOOT_TESTS / "soak.toml"
STATE = paths.BUILD / "soak" / "state.json"


def stamp(artefact: Path) -> str:
    """What the results belong to; another module starts the soak anew."""
    return f"{artefact} {int(artefact.stat().st_mtime)}" if artefact.exists() else "peer"


def hosts() -> list[boottests.BootTest]:
    """Its entries that are one for each kind of host."""
    return [test for test in boottests.read(LIST) if test.name.startswith("host-")]


def done(belongs_to: str) -> dict[str, list[Result]]:
    """Entry name → its results, from an earlier run that was broken off."""
    data = results.load(STATE)
    if not data or data.get("stamp") != belongs_to:
        return {}
    return {entry: [result for result in data["results"] if owner(result) == entry] for entry in data["entries"]}


def owner(result: Result) -> str:
    """The entry that a result comes from: the name without CPU model and part."""
    return result.name.split("/")[0].split("@")[0]


def run(tests: list[boottests.BootTest], belongs_to: str, fresh: bool) -> Iterator[tuple[Result, bool]]:
    """(result, was it remembered) for each; the state is written after each entry."""
    before = {} if fresh else done(belongs_to)
    names, kept = [], []
    for test in tests:
        remembered = before.get(test.name)
        for result in remembered if remembered is not None else boottests.run([test]):
            kept.append(result)
            yield result, remembered is not None
        names.append(test.name)
        results.save(STATE, {"stamp": belongs_to, "entries": names}, kept)


def merged(file: Path, ran: list[boottests.BootTest], new: list[Result]) -> list[Result]:
    """What the document says: new results, and the last ones of entries that did not run now, in the list's order."""
    names = {test.name for test in ran}
    kept = [result for result in (results.load(file) or {"results": []})["results"] if owner(result) not in names]
    order = [test.name for test in boottests.read(LIST)]
    return sorted((result for result in [*kept, *new] if owner(result) in order), key=lambda result: order.index(owner(result)))


def finished() -> None:
    """All entries are through: the next soak starts from the beginning."""
    STATE.unlink(missing_ok=True)
