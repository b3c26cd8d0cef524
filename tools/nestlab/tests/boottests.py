# SPDX-License-Identifier: GPL-2.0-only
"""The declarative boot tests: tests.toml read, grouped by machine, run and judged."""

import fnmatch
import functools
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.machine import campaign
from nestlab.machine.boot import Boot
from nestlab.machine.machine import FIRMWARES, KVM_MODES, Disk, Machine
from nestlab.setup import built, clients, firmware, kernels, module, staging, xen
from nestlab.tests import census, fuzz_kvm, guests, judge, packagetest, partition, selftests
from nestlab.tests.results import FAIL, SKIP, Result


# What a test may need, and who makes the folder that it sees at /mnt/share.
SHARES = {"selftests": selftests.get, "guests": guests.get, "fuzz-kvm": fuzz_kvm.get,
          "census": census.get, "partition": partition.get, "guest-module": lambda: guest_module(), "command": lambda: paths.TOOLS,
          "firmware": firmware.for_l1}
# And who makes the disk that it finds at /run/lab/disk.
DISKS = {"clients": clients.image, "xen": xen.image}

@dataclass(frozen=True)
class BootTest:
    """One entry of tests.toml; the file's head explains each field."""

    name: str
    run: str
    limit: float = 60
    cpu: tuple[str, ...] = ("max",)
    smp: int = 2
    mem: str = "4G"
    el2: bool = True
    kvm_mode: str = "none"
    firmware: str = "none"
    append: str = ""
    icount: bool = False
    kernel: str = "6.12"
    module: str = "loaded"          # loaded | carried | none
    parameters: str = ""            # of the module
    debian: str = ""                # 12 | 13: not in L0, but on that release, installed
    needs: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    must_not: str = judge.ALARMS
    alone: bool = False
    enabled: bool = True
    why: str = ""                   # why it is switched off

    def machines(self) -> Iterator[tuple[str, Machine]]:
        """(name of the test there, machine) for each CPU model."""
        for cpu in self.cpu:
            name = f"{self.name}@{cpu}" if len(self.cpu) > 1 else self.name
            yield name, Machine(cpu=cpu, smp=self.smp, mem=self.mem, el2=self.el2, kvm_mode=self.kvm_mode, append=self.append,
                                icount=self.icount, firmware=self.firmware)


def read(file: Path) -> list[BootTest]:
    """The entries. A misspelt field or a missing reason is an error, not something to ignore."""
    try:
        data = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{file}: {error}") from None
    known = {field.name for field in fields(BootTest)} | {"parts"}
    tests = []
    for entry in data.get("test", []):
        entry = {**data.get("defaults", {}), **entry}
        entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        if isinstance(entry.get("cpu"), str):
            entry["cpu"] = (entry["cpu"],)
        test = f"{file}: {entry.get('name', 'a test without a name')}"
        if unknown := set(entry) - known:
            raise LabError(f"{test}: no such field: {' '.join(sorted(unknown))}")
        if not {"name", "run"} <= set(entry):
            raise LabError(f"{test}: needs name and run")
        if not entry.get("enabled", True) and not entry.get("why"):
            raise LabError(f"{test}: is switched off without a why")
        if entry.get("module", "loaded") not in ("loaded", "carried", "none") or entry.get("kvm_mode", "none") not in KVM_MODES:
            raise LabError(f"{test}: module is loaded, carried or none; kvm_mode is {', '.join(KVM_MODES)}")
        if entry.get("debian", "") not in ["", *packagetest.SUITES]:
            raise LabError(f"{test}: debian is {' or '.join(packagetest.SUITES)}")
        if entry.get("firmware", "none") not in FIRMWARES:
            raise LabError(f"{test}: firmware is {' or '.join(FIRMWARES)}")
        tests += parts(entry)
    names = [test.name for test in tests]
    if twice := {name for name in names if names.count(name) > 1}:
        raise LabError(f"{file}: two tests have the name {' '.join(twice)}")
    return tests


def parts(entry: dict) -> list[BootTest]:
    """The entry, or as many as its `parts` says: name-1, name-2, …, each with its number for $PART in `run`."""
    count = entry.pop("parts", None)
    if count is None:
        return [BootTest(**entry)]
    return [BootTest(**{**entry, "name": f"{entry['name']}-{part}", "run": entry["run"].replace("$PART", str(part))}) for part in range(1, count + 1)]


def selected(tests: list[BootTest], only: str) -> Iterator[tuple[str, BootTest, Machine]]:
    """(name there, test, machine) of all that such a pattern names."""
    for test in tests:
        for name, machine in test.machines():
            if fnmatch.fnmatch(name, only) or fnmatch.fnmatch(test.name, only):
                yield name, test, machine


def own_kernels(tests: list[BootTest], only: str = "*") -> list[str]:
    """The kernels, of those that the lab builds itself, that such tests need."""
    return sorted({test.kernel for _, test, _ in selected(tests, only) if test.enabled and built.variant(test.kernel)})


def run(tests: list[BootTest], only: str = "*", log: str = "boot") -> Iterator[Result]:
    """Results as they come; tests with equal machines share a boot. The consoles' logs have names that begin with `log`."""
    groups: dict[tuple, list[tuple[str, BootTest]]] = {}
    for name, test, machine in selected(tests, only):
        if not test.enabled:
            yield Result(SKIP, name, test.why)
            continue
        if test.debian:
            yield from packagetest.run(name, packagetest.SUITES[test.debian])
            continue
        key = (machine, test.kernel, (test.module, test.parameters), test.needs, name if test.alone else "")
        groups.setdefault(key, []).append((name, test))
    for number, ((machine, kernel, policy, needs, _), members) in enumerate(groups.items(), 1):
        say.step(f"boot {number} of {len(groups)}: Linux {kernel}, -cpu {machine.cpu}, {len(members)} tests")
        by_name = dict(members)
        items = [campaign.Item(name, test.run, test.limit) for name, test in members]
        try:
            for outcome in campaign.run(items, boot_for(machine, kernel, *policy, needs), f"{log}-{number}"):
                test = by_name.pop(outcome.item.name)
                yield from judge.verdicts(outcome, outcome.item.name, list(test.must), test.must_not)
        except LabError as error:
            for name in by_name:
                yield Result(FAIL, name, str(error))


def boot_for(machine: Machine, kernel: str, policy: str, parameters: str, needs: tuple[str, ...]) -> Boot:
    """The boot that such tests share, with all that has to be built for it. Of two that boot side by side one builds."""
    with staging.locked(paths.BUILD / "boot"):
        return built_boot(machine, kernel, policy, parameters, needs)


def built_boot(machine: Machine, kernel: str, policy: str, parameters: str, needs: tuple[str, ...]) -> Boot:
    flavour = "cloud-arm64" if machine.kvm_mode == "nested" else "arm64"
    chosen = kernels.get(kernel, flavour)
    if unknown := set(needs) - set(SHARES) - set(DISKS):
        raise LabError(f"needs knows {' and '.join([*SHARES, *DISKS])}, not {' '.join(unknown)}")
    shares, disks = [name for name in needs if name in SHARES], [name for name in needs if name in DISKS]
    if len(shares) > 1 or len(disks) > 1:
        raise LabError(f"a test needs one share and one disk at most, not {' and '.join(needs)}")
    return Boot(machine, chosen, module=None if policy == "none" else module_for(chosen.version), load=policy == "loaded", parameters=parameters,
                share=SHARES[shares[0]]() if shares else None,
                disk=Disk(DISKS[disks[0]](), "lab-disk") if disks else None, scripts=scripts())


@functools.cache
def module_for(version: str) -> Path:
    """The module for that kernel, built anew once in a run: what lies there may be older than the sources."""
    return module.build(version)


def guest_module() -> Path:
    """A folder with the module for Debian's cloud kernel, which the lab's guests run."""
    folder = paths.BUILD / "guest-module"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(module.build(kernels.get("6.12", "cloud-arm64").version), folder)
    return folder


def scripts() -> list[Path]:
    """What L0 finds on its PATH."""
    return sorted((paths.BOOT_TESTS / "scripts").glob("*.sh"))
