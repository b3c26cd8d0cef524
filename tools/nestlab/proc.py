# SPDX-License-Identifier: GPL-2.0-only
"""Running other programs."""

import re
import shutil
import subprocess
from pathlib import Path

from nestlab.errors import LabError


def run(argv: list[str], what: str, cwd: Path | None = None, env: dict | None = None, log: Path | None = None) -> str:
    """Run to the end and return stdout. A failure is a LabError: `what`, then the program's last telling line.

    With `log`, all output goes to that file and the error names it.
    """
    try:
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("w") as out:
                done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            text = ""
        else:
            done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  errors="replace")
            text = done.stdout
    except FileNotFoundError:
        raise LabError(f"{what}: {argv[0]} is not installed") from None
    if done.returncode:
        said = log.read_text(errors="replace") if log else (done.stderr or done.stdout)
        where = f" (all of it: {log})" if log else ""
        raise LabError(f"{what} failed: {telling_line(said)}{where}")
    return text


def telling_line(output: str) -> str:
    """The line that most likely says why: the first with an error in it, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        if re.search(r"^E:|\berror:|\bError:|undefined reference|No space left", line):
            return line
    return lines[-1] if lines else "it printed nothing"


def have(program: str) -> bool:
    """Is the program on PATH?"""
    return shutil.which(program) is not None
