# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages, in build/package/: a source tree with what they are made of, and the distribution's own tools on it."""

import shutil
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import hosttools, module, staging

TOOLS = ["dpkg-dev", "debhelper", "dh-dkms", "dh-python", "bash-completion", "lintian"]
WHERE = paths.BUILD / "package"
FILES = ["VERSION", "LICENSE"]
FOLDERS = ["packaging", "tools/nestvisor"]


def version(top: Path = paths.REPO) -> str:
    """The project's."""
    return (top / "VERSION").read_text().strip()


def names(number: str) -> list[str]:
    """Of the packages' files."""
    return [f"nestvisor-dkms_{number}_all.deb", f"nestvisor-tools_{number}_arm64.deb"]


def stage(top: Path, where: Path) -> None:
    """A source tree as dpkg-buildpackage wants it, with the module's sources and without its tests."""
    for file in [*module.sources(top), *map(Path, FILES)]:
        (where / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(top / file, where / file)
    for folder in FOLDERS:
        if not (top / folder).is_dir():
            raise LabError(f"{top / folder} is missing: it is a part of the packages")
        shutil.copytree(top / folder, where / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (where / "packaging" / "debian").rename(where / "debian")


def build(top: Path = paths.REPO) -> list[Path]:
    """The packages. LabError where one cannot be built or lintian has an error or a warning about it."""
    hosttools.need(TOOLS)
    number = version(top)
    WHERE.mkdir(parents=True, exist_ok=True)
    with staging.locked(WHERE):
        for old in [*WHERE.glob("nestvisor*.deb"), *WHERE.glob("nestvisor*.changes"), *WHERE.glob("nestvisor*.buildinfo")]:
            old.unlink()
        source = WHERE / "source"
        shutil.rmtree(source, ignore_errors=True)
        stage(top, source)
        say.step(f"building the packages of version {number}")
        # -d: what is needed on a machine of another architecture, too, is in TOOLS; nothing is compiled.
        proc.run(["nice", "dpkg-buildpackage", "--build=binary", "--host-arch=arm64", "-Pnocheck", "-d", "-us", "-uc"], "dpkg-buildpackage",
                 cwd=source, log=WHERE / "build.log")
        made = [WHERE / name for name in names(number)]
        if missing := [file.name for file in made if not file.exists()]:
            raise LabError(f"dpkg-buildpackage made no {' '.join(missing)}; do VERSION and packaging/debian/changelog agree?")
        check(WHERE / f"nestvisor_{number}_arm64.changes")
    return made


def check(changes: Path) -> None:
    """Ask lintian. Its words are shown where it has something to say."""
    say.step("asking lintian")
    log = WHERE / "lintian.log"
    try:
        proc.run(["nice", "lintian", "--fail-on=error,warning", "--tag-display-limit=0", str(changes)], "lintian", log=log)
    except LabError as error:
        say.result(log.read_text(errors="replace").rstrip())
        raise LabError(f"lintian is not content with {changes.name}: {error}") from None
