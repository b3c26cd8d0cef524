# SPDX-License-Identifier: GPL-2.0-only
"""The declared slips (tests/mutants/*.toml): read, checked against the sources, and put into a copy of them."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from nestlab import paths
from nestlab.errors import LabError

LIST = paths.REPO / "tests" / "mutants"
LOCK = "@nobody's"      # as `with`: the lock named by `text` is not taken


@dataclass(frozen=True)
class Slip:
    """One realistic mistake. README of the folder: head of each TOML file."""

    file: str
    text: str               # what stands there
    to: str                 # `with` in the file: what stands there after the slip
    why: str                # what goes wrong then
    near: str = ""          # a longer passage, found once in the file, that holds `text` once; `text` itself if that is unique
    equal: str = ""         # why it cannot matter; such a slip need not be noticed
    number: int = -1        # of its switch: thousands by file, so that an entry more there leaves the other files' code as it is

    @property
    def place(self) -> str:
        return self.near or self.text

    def switched(self) -> str:
        """The code with the slip behind its switch."""
        made = f"NEST_SLIP({self.number})"
        if self.to == LOCK:
            return f"::nest::slips::lock_or_none({made}, {self.text})"
        if self.text.rstrip().endswith((";", "}")):
            return f"if ({made}) {{ {self.to} }} else {{ {self.text} }}"
        return f"({made} ? ({self.to}) : ({self.text}))"

    def span(self, source: str) -> tuple[int, int]:
        """Where `text` begins and ends in `source`."""
        if source.count(self.place) != 1:
            raise LabError(f"{self.file}: found {source.count(self.place)} times: {self.place!r}")
        if self.place.count(self.text) != 1:
            raise LabError(f"{self.file}: {self.text!r} is {self.place.count(self.text)} times in {self.place!r}")
        start = source.index(self.place) + self.place.index(self.text)
        return start, start + len(self.text)


def read(folder: Path = LIST) -> list[Slip]:
    """All slips, in the order of files. A misspelt field is an error."""
    slips = []
    known = {field.name for field in fields(Slip)} - {"to", "number"} | {"with"}
    for thousands, listing in enumerate(sorted(folder.glob("*.toml"))):
        try:
            entries = tomllib.loads(listing.read_text()).get("slip", [])
        except tomllib.TOMLDecodeError as error:
            raise LabError(f"{listing}: {error}") from None
        for place, entry in enumerate(entries):
            if unknown := set(entry) - known:
                raise LabError(f"{listing}: no such field: {' '.join(sorted(unknown))}")
            if missing := {"file", "text", "with", "why"} - set(entry):
                raise LabError(f"{listing}: an entry lacks {' '.join(sorted(missing))}: {entry}")
            values = {"to" if key == "with" else key: value for key, value in entry.items()}
            slips.append(Slip(**values, number=1000 * thousands + place))
    return slips


def switch_all(slips: list[Slip], top: Path = paths.REPO) -> dict[str, str]:
    """File → its source with every slip of the list behind its switch. No slip may lie within another."""
    changed = {}
    for file in dict.fromkeys(slip.file for slip in slips):
        source = (top / file).read_text()
        places = sorted((slip.span(source), slip.number, slip) for slip in slips if slip.file == file)
        parts, done = [], 0
        for (start, end), _, slip in places:
            if start < done:
                raise LabError(f"{file}: two slips overlap at {slip.text!r}")
            parts += [source[done:start], slip.switched()]
            done = end
        changed[file] = "".join([*parts, source[done:]])
    return changed
