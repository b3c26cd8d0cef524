# SPDX-License-Identifier: GPL-2.0-only
"""Debian's flavours of one kernel, and how they are named: in full, and shortly as 6.12-rt."""

import re

from nestlab.errors import LabError

FLAVOURS = {"cloud": "cloud-arm64", "rt": "rt-arm64", "16k": "arm64-16k"}      # beside arm64 itself
FULL = re.compile(r"(\d[\d.]*(?:\+deb[\d.]+|-\d+))-(" + "|".join(["arm64", *FLAVOURS.values()]) + ")")


def is_full(version: str) -> bool:
    """Does it name one build, as 6.12.95+deb12-rt-arm64 does?"""
    return FULL.fullmatch(version) is not None


def short(wanted: str, default: str) -> tuple[str, str]:
    """(6.12, rt-arm64) for 6.12-rt; without a flavour the default's."""
    number, dash, name = wanted.partition("-")
    if not dash:
        return wanted, default
    if name not in FLAVOURS:
        raise LabError(f"{wanted} is no kernel: after the number comes one of {', '.join(FLAVOURS)}, or nothing")
    return number, FLAVOURS[name]


def headers(version: str) -> list[str]:
    """The packages that a module for this full version is built with. PREEMPT_RT has common headers of its own; up to 6.1 all
    builds of one kernel, which a number tells apart, have one kbuild."""
    base, flavour = FULL.fullmatch(version).groups()
    kbuild = re.sub(r"^(\d+\.\d+)\.0-\d+$", r"\1", base)
    common = "common-rt" if flavour == "rt-arm64" else "common"
    return [f"linux-headers-{version}:arm64", f"linux-headers-{base}-{common}:all", f"linux-kbuild-{kbuild}:amd64"]
