# SPDX-License-Identifier: GPL-2.0-only
"""The cache under several users at once: one lock per item, made aside, renamed when whole."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nestlab.errors import LabError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path`.lock; others wait."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path.with_name(path.name + ".lock"), "w")
    except OSError as error:
        raise LabError(f"cannot write to {path.parent}: {error.strerror}; set NESTVISOR_CACHE to a folder you own") from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`; what the block leaves there under `path`'s name appears at `path`, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=path.parent))
    try:
        yield work
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(work / path.name, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def need_space(path: Path, gigabytes: float) -> None:
    """Refuse early, in one line, what would fill the disk."""
    there = path
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free / 2**30
    if free < gigabytes:
        raise LabError(f"{path} needs {gigabytes:g} GB of disk space, {free:.1f} GB are free; make room or set NESTVISOR_CACHE")
