# SPDX-License-Identifier: GPL-2.0-only
"""A private apt: own sources, lists and archives. It fetches by name; the host's own apt state is never changed."""

import re
import time
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import host, mirror, staging

SUITES = ["bookworm", "bookworm-updates", "bookworm-backports", "trixie", "trixie-updates", "trixie-backports"]
DAY = 24 * 3600

CONF = """\
Dir::State "{root}"; Dir::State::lists "{root}/lists"; Dir::State::status "{root}/status";
Dir::Cache "{root}"; Dir::Cache::archives "{root}/archives"; Dir::Cache::pkgcache "pkgcache.bin"; Acquire::GzipIndexes "false";
Dir::Etc::sourcelist "{root}/sources.list"; Dir::Etc::sourceparts "{root}/none";
Dir::Etc::preferences "{root}/preferences"; Dir::Etc::preferencesparts "{root}/none";
APT::Architectures {{ "amd64"; "arm64"; }}; APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3";
"""


def root() -> Path:
    return paths.cache("apt")


def entries(suites: list[str], archs: str) -> str:
    """sources.list lines for `suites`, on the mirror that this machine already uses."""
    return lines(mirror.find(host.release().name), suites, archs)


def security(archs: str) -> str:
    """The line for security updates of this machine's release, nothing where the machine has none. A machine that is up to date
    has versions from there, and Debian's libraries and their development files want to be of one version."""
    suite = f"{host.release().name}-security"
    try:
        return lines(mirror.find(suite), [suite], archs)
    except LabError:
        return ""


def lines(source: mirror.Source, suites: list[str], archs: str) -> str:
    """sources.list lines for `suites` of one archive."""
    options = f"arch={archs}" + (f" signed-by={source.signed_by}" if source.signed_by else "")
    return "".join(f"deb [{options}] {source.uri} {suite} main\n" for suite in suites)


def configured() -> list[str]:
    """Write the private configuration and return the options that select it."""
    here = root()
    for folder in ("lists/partial", "archives/partial", "none"):
        (here / folder).mkdir(parents=True, exist_ok=True)
    for name, text in (("status", ""), ("preferences", ""), ("sources.list", entries(SUITES, "amd64,arm64") + security("amd64")),
                       ("apt.conf", CONF.format(root=here))):
        file = here / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    return ["-c", str(here / "apt.conf")]


def refresh(force: bool = False) -> None:
    """Have package lists, not older than a day. Old lists and no network: go on with the old ones."""
    stamp = root() / "updated"
    with staging.locked(root() / "lists"):
        options = configured()
        newest = max(time.time() - DAY, (root() / "sources.list").stat().st_mtime)
        if stamp.exists() and not force and stamp.stat().st_mtime > newest:
            return
        staging.need_space(root(), 1)
        say.step("reading the package lists of Debian's suites")
        try:
            proc.run(["apt-get", *options, "update", "-qq", "--error-on=any"], "apt-get update")
        except LabError as error:
            if not stamp.exists():
                raise LabError(f"cannot read Debian's package lists, check the network ({error})") from None
            say.step("no network; going on with the package lists of an earlier day")
            return
        stamp.touch()


def names(prefix: str) -> list[str]:
    """All package names that begin so."""
    refresh()
    return proc.run(["apt-cache", *configured(), "pkgnames", prefix], "apt-cache").split()


def fetch(packages: list[str]) -> list[Path]:
    """Download packages, each `name:arch` or `name:arch/suite`; what is there already is not fetched again."""
    refresh()
    staging.need_space(root(), 1)       # again: the lists may be a day old
    archives = root() / "archives"
    with staging.locked(archives):
        try:
            listed = proc.run(["apt-get", *configured(), "download", "--print-uris", *packages], "looking up packages")
            files = [archives / name for name in re.findall(r"^'\S+' (\S+\.deb) ", listed, re.M)]
            missing = [p.name for p in files if not p.exists()]
            if missing:
                say.step("fetching " + " ".join(name.split("_")[0] for name in missing))
                proc.run(["apt-get", *configured(), "download", "-qq", *packages], "apt-get download", cwd=archives)
        except LabError as error:
            raise LabError(f"cannot fetch {' '.join(packages)}: check the network ({error})") from None
    return [archives / p.name.replace("%3a", ":") if not p.exists() else p for p in files]


def unpack(debs: list[Path], where: Path) -> None:
    """Unpack into `where`; nothing is configured and no maintainer script runs."""
    where.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        proc.run(["dpkg", "-x", str(deb), str(where)], f"unpacking {deb.name}")
