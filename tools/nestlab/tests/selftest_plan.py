# SPDX-License-Identifier: GPL-2.0-only
"""tests/boot/selftests.toml: which selftests want more time, smaller arguments, or to be left out, and why."""

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path

from nestlab import paths
from nestlab.errors import LabError
from nestlab.machine import campaign

FILE = paths.BOOT_TESTS / "selftests.toml"
FIELDS = {"name", "suite", "limit", "args", "skip", "why"}


@dataclass(frozen=True)
class Plan:
    """How one test is run."""

    name: str               # as the source names it: arm64/psci_test
    limit: float
    args: str = ""
    skip: str = ""          # the reason for leaving it out


def plans(suite: str, names: list[str], file: Path = FILE) -> list[Plan]:
    """A plan for each of `names`; entries match by the name's last part and, where given, the suite."""
    try:
        table = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise LabError(f"{file}: {error}") from None
    default = float(table.get("limit", 90))
    found = {name: Plan(name, default) for name in names}
    for entry in table.get("selftest", []):
        if bad := set(entry) - FIELDS:
            raise LabError(f"{file}: {entry.get('name')}: no such field: {' '.join(bad)}")
        if not entry.get("why"):
            raise LabError(f"{file}: {entry.get('name')}: needs a why")
        if entry.get("suite", suite) != suite:
            continue
        for name in names:
            if fnmatch.fnmatch(name.rsplit("/", 1)[-1], entry["name"]):
                found[name] = Plan(name, float(entry.get("limit", default)), entry.get("args", ""),
                                   entry["why"] if entry.get("skip") else "")
    return list(found.values())


def exceptions(file: Path = FILE) -> dict[str, str]:
    """Tests that the peer passes and we are known not to, by the name's last part, with the reason."""
    return {entry["name"]: entry["why"] for entry in tomllib.loads(file.read_text()).get("exception", [])}


def item(suite: str, plan: Plan, vel2: bool = False) -> campaign.Item:
    """The command in L0."""
    return campaign.Item(plan.name, f"NV={int(vel2)} selftest.sh {suite} {plan.name} {plan.args}".strip(), plan.limit)
