# SPDX-License-Identifier: GPL-2.0-only
"""Which Debian mirror this machine uses: read from its own apt sources, deb822 and one-line format."""

import re
from dataclasses import dataclass
from pathlib import Path

from nestlab.errors import LabError


@dataclass(frozen=True)
class Source:
    """One archive entry."""

    uri: str
    suites: tuple[str, ...]
    signed_by: str


def parse_deb822(text: str) -> list[Source]:
    """The `deb` stanzas of a .sources file."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields, last = {}, None
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace() and last:
                fields[last] += "\n" + line.strip()
            elif ":" in line:
                last, value = (part.strip() for part in line.split(":", 1))
                last = last.lower()
                fields[last] = value
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            key = fields.get("signed-by", "")
            for uri in fields.get("uris", "").split():
                found.append(Source(uri, tuple(fields.get("suites", "").split()), key if key.startswith("/") else ""))
    return found


def parse_one_line(text: str) -> list[Source]:
    """The `deb` lines of a sources.list."""
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", line.split("#")[0].strip())
        if match:
            key = re.search(r"signed-by=(\S+)", match[1] or "")
            found.append(Source(match[2], (match[3],), key[1] if key else ""))
    return found


def find(suite: str, etc: Path = Path("/etc/apt")) -> Source:
    """The entry that serves `suite`, by its code name or as stable or oldstable; archives with other suites fall out."""
    names = {suite, *(re.sub(r"^[a-z]+", alias, suite) for alias in ("stable", "oldstable"))}
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list")),
             *sorted((etc / "sources.list.d").glob("*.sources"))]
    for file in files:
        if file.is_file():
            text = file.read_text(errors="replace")
            for source in parse_deb822(text) if file.suffix == ".sources" else parse_one_line(text):
                if names & set(source.suites):
                    return source
    raise LabError(f"no apt source of this machine names the suite {suite}; add Debian's archive to /etc/apt")
