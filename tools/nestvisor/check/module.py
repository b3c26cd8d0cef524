# SPDX-License-Identifier: GPL-2.0-only
"""The module: the boot parameter that makes room for it, whether it is installed, loaded, signed."""

import re

from nestvisor.check.line import NO, OK, UNKNOWN, Line
from nestvisor.check.refusals import PARAMETER, SIGN, Refusal
from nestvisor.machine.sources import Sources

GRUB = "etc/default/grub.d/nestvisor.cfg"
LOCKDOWN = "sys/kernel/security/lockdown"
ENFORCED = "sys/module/module/parameters/sig_enforce"
INSTALL = "apt install nestvisor-dkms linux-headers-$(uname -r); if it is there: dkms status"


def boot_parameter(sources: Sources) -> Line:
    """The last one counts, and Linux takes - and _ in it for the same."""
    name = "boot parameter"
    modes = re.findall(r"(?:^|\s)kvm[-_]arm\.mode=(\S+)", sources.text("proc/cmdline") or "")
    if modes and modes[-1] == "none":
        return Line(name, OK, "kvm-arm.mode=none")
    found = f"kvm-arm.mode={modes[-1]}" if modes else "kvm-arm.mode is not given"
    if sources.loaded():
        return Line(name, OK, f"{found}, and not needed: the module is loaded")
    if sources.path(GRUB).exists():
        return Line(name, NO, f"{found}, but set for the next boot in /{GRUB}", "reboot; if it is missing then: update-grub")
    return Line(name, NO, found, f"{PARAMETER}: README.Debian of nestvisor-dkms says how")


def module(sources: Sources, refusal: Refusal | None) -> Line:
    version = (sources.system.output(["modinfo", "-F", "version", "nestvisor"]) or "").strip()
    named = f"version {version}" if version else "no version"
    if sources.loaded():
        # What is on disk may be newer than what runs.
        running = (sources.text("sys/module/nestvisor/version") or "").strip()
        return Line("module", OK, f"loaded, version {running}" if running else "loaded")
    if not sources.system.output(["modinfo", "-F", "filename", "nestvisor"]):
        return Line("module", NO, "not installed for this kernel", INSTALL)
    if refusal:
        return Line("module", NO, f"did not load: {refusal.line}", refusal.advice)
    return Line("module", NO, f"installed, {named}, not loaded", "modprobe nestvisor; if it does not load: this again as root")


def signature(sources: Sources) -> Line:
    name = "signature"
    signer = (sources.system.output(["modinfo", "-F", "signer", "nestvisor"]) or "").strip()
    signed = f"the module is signed by {signer}" if signer else "the module is not signed"
    if sources.loaded():
        return Line(name, OK, f"{signed}; it is loaded")
    text = sources.text(LOCKDOWN)
    chosen = re.search(r"\[(\w+)\]", text or "")
    lockdown = f"lockdown: {chosen[1] if chosen else 'unknown'}"
    enforced = (chosen is not None and chosen[1] != "none") or (sources.text(ENFORCED) or "").strip() in ("Y", "1")
    if enforced:
        found = f"{lockdown}; this kernel loads signed modules only, and {signed}"
        return Line(name, OK, found) if signer else Line(name, NO, found, SIGN)
    if chosen is None and sources.path(LOCKDOWN).exists():
        return Line(name, UNKNOWN, f"{lockdown}; {signed}", "run this as root, or load the module: it tells")
    return Line(name, OK, f"{lockdown if chosen else 'no lockdown'}; {signed}, nor need it be" if not signer else
                f"{lockdown if chosen else 'no lockdown'}; {signed}")
