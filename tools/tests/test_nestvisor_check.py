# SPDX-License-Identifier: GPL-2.0-only
"""nestvisor check on machines of many kinds."""

import json
import re
import struct
import unittest
from pathlib import Path

from nestvisor.check import refusals
from nestvisor.check.line import NO, OK, UNKNOWN
from test_nestvisor_sources import LOADED, machine, run

REPO = Path(__file__).resolve().parents[2]
BOOT = "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x000f0510]\n"
VHE = BOOT + ("[    0.000000] CPU features: detected: Virtualization Host Extensions\n"
              "[    0.268123] CPU: All CPU(s) started at EL2\n[    1.834518] kvm [1]: KVM disabled from command line\n")
INTERRUPTS = "           CPU0\n 11:    1054     GICv3  26 Level     arch_timer\n"
QEMU_11 = "QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-2~bpo13+1)\n"
INSTALLED = {"modinfo -F filename nestvisor": "/lib/modules/x/updates/dkms/nestvisor.ko.xz\n",
             "modinfo -F version nestvisor": "0.9.0\n", "modinfo -F signer nestvisor": "DKMS module signing key\n"}
READY = LOADED | {"proc/cmdline": "root=/dev/vda1 kvm-arm.mode=none quiet\n", "proc/interrupts": INTERRUPTS,
                  "sys/kernel/security/lockdown": "[none] integrity confidentiality\n", "sys/module/nestvisor/version": "0.9.0\n"}
NOT_LOADED = {name: text for name, text in READY.items() if not name.startswith(("sys/module/nestvisor", "sys/class", "dev"))}
OWN_KVM = {name: text for name, text in READY.items() if not name.startswith("sys/module/nestvisor")}


class Check(unittest.TestCase):
    def judge(self, files: dict, outputs: dict[str, str] = {}, **system) -> tuple[int, dict[str, dict]]:
        """Exit status, and the lines by name."""
        with machine(files, outputs=outputs, **system) as sources:
            status, out, err = run("check --json", sources)
        found = json.loads(out)
        self.assertEqual((found["status"], err), (status, ""))
        for line in found["lines"]:
            self.assertEqual(bool(line["advice"]), line["verdict"] != OK, line)
        return status, {line["name"]: line for line in found["lines"]}

    def verdicts(self, lines: dict[str, dict], verdict: str) -> set[str]:
        return {name for name, line in lines.items() if line["verdict"] == verdict}


class WholeMachines(Check):
    def test_all_is_there(self):
        status, lines = self.judge(READY, {**INSTALLED, "dmesg": VHE, "qemu-system-aarch64": QEMU_11}, el2=1)
        self.assertEqual((status, self.verdicts(lines, OK)), (0, set(lines)))
        self.assertEqual(lines["module"]["found"], "loaded, version 0.9.0")

    def test_the_text_has_a_line_each_and_the_meaning(self):
        with machine(READY, outputs={**INSTALLED, "qemu-system-aarch64": QEMU_11}, el2=0) as sources:
            status, out, _ = run("check", sources)
        self.assertEqual(status, 1)
        self.assertRegex(out, r"(?m)^nesting +NO +/dev/kvm offers no virtual EL2\n +do: a CPU with FEAT_NV2")
        self.assertTrue(out.endswith("\nThis machine runs guests, but no nested ones.\n"))

    def test_an_old_qemu_does_not_nest(self):
        status, lines = self.judge(READY, {"qemu-system-aarch64": "QEMU emulator version 10.0.2 (Debian)\n"}, el2=1)
        self.assertEqual((status, self.verdicts(lines, NO)), (1, {"nesting VMM"}))
        status, lines = self.judge(READY, {"qemu-system-aarch64": "QEMU emulator version 10.1.0\n"}, el2=1)
        self.assertEqual(status, 0)

    def test_without_a_vmm_there_are_no_guests(self):
        status, lines = self.judge(READY, el2=1)
        self.assertEqual((status, self.verdicts(lines, NO)), (2, {"VMM"}))
        status, lines = self.judge(READY, {"lkvm": ""}, el2=1)
        self.assertEqual((status, self.verdicts(lines, UNKNOWN)), (3, {"nesting VMM"}))

    def test_a_pc(self):
        status, lines = self.judge({}, machine="x86_64")
        self.assertEqual((status, set(lines)), (2, {"architecture"}))

    def test_a_fresh_debian(self):
        """The kernel's own KVM is on, nothing of ours is installed."""
        log = BOOT + VHE.replace("KVM disabled from command line", "VHE mode initialized successfully")
        status, lines = self.judge(OWN_KVM | {"proc/cmdline": "quiet\n"}, {"dmesg": log, "qemu-system-aarch64": QEMU_11}, el2=0)
        self.assertEqual(status, 2)
        self.assertEqual(self.verdicts(lines, NO), {"boot parameter", "module", "/dev/kvm"})
        self.assertEqual(self.verdicts(lines, UNKNOWN), {"nesting"})
        self.assertIn("kvm-arm.mode=none", lines["/dev/kvm"]["advice"])
        self.assertIn("nestvisor-dkms", lines["module"]["advice"])

    def test_a_kernels_own_kvm_that_nests_tells_of_the_cpu(self):
        _, lines = self.judge(OWN_KVM | {"proc/cmdline": "kvm-arm.mode=nested"}, el2=1)
        self.assertEqual(lines["nesting"]["verdict"], OK)

    def test_installed_but_not_rebooted(self):
        files = OWN_KVM | {"proc/cmdline": "quiet", "etc/default/grub.d/nestvisor.cfg": "x"}
        status, lines = self.judge(files, INSTALLED)
        self.assertEqual((status, lines["boot parameter"]["advice"]), (2, "reboot; if it is missing then: update-grub"))

    def test_a_user_who_may_not_open_it(self):
        status, lines = self.judge(READY, {"qemu-system-aarch64": QEMU_11}, user="ada", may_open=False)
        self.assertEqual((status, lines["access"]["advice"]), (2, "adduser ada kvm, as root, and log in again"))
        self.assertEqual(lines["nesting"]["verdict"], UNKNOWN)
        _, lines = self.judge(READY | {"etc/group": "root:x:0:\nkvm:x:106:bob,ada\n"}, user="ada", may_open=False)
        self.assertIn("log in again", lines["access"]["advice"])

    def test_what_cannot_be_told(self):
        """A KVM of ours that may be opened, but does not answer: nothing is missing for certain."""
        status, lines = self.judge(READY, {"qemu-system-aarch64": QEMU_11}, el2=None)
        self.assertEqual((status, self.verdicts(lines, UNKNOWN)), (3, {"nesting"}))

    def test_doubt_about_guests_counts_more_than_no_nesting(self):
        status, lines = self.judge(READY, {"qemu-system-aarch64": "QEMU, of some version\n"}, el2=0)
        self.assertEqual((status, self.verdicts(lines, UNKNOWN), self.verdicts(lines, NO)), (3, {"VMM"}, {"nesting"}))

    def test_a_loaded_module_without_its_device(self):
        files = {name: text for name, text in READY.items() if not name.startswith("sys/class")}
        status, lines = self.judge(files, {"qemu-system-aarch64": QEMU_11}, el2=1)
        self.assertEqual((status, self.verdicts(lines, NO)), (2, {"/dev/kvm"}))

    def test_a_device_file_alone_is_nobodys(self):
        files = {name: text for name, text in OWN_KVM.items() if not name.startswith("sys/class")}
        _, lines = self.judge(files, el2=1)
        self.assertEqual(lines["/dev/kvm"]["found"], "nobody has it")
        self.assertEqual(lines["nesting"]["verdict"], UNKNOWN)

    def test_nv2_off_is_said(self):
        _, lines = self.judge(READY | {"sys/module/nestvisor/parameters/nv2": "N\n"}, el2=1)
        self.assertIn("slow", lines["nesting"]["found"])


class Platform(Check):
    def level(self, log: str, **more) -> tuple[str, str]:
        _, lines = self.judge(NOT_LOADED | more.pop("files", {}), {"dmesg": log}, **more)
        return lines["EL2"]["verdict"], lines["VHE"]["verdict"]

    def test_the_log_tells_of_el2_and_vhe(self):
        self.assertEqual(self.level(VHE), (OK, OK))
        self.assertEqual(self.level(BOOT + "[0.2] CPU: All CPU(s) started at EL2\n"), (OK, NO))
        self.assertEqual(self.level(BOOT + "[0.2] CPU: All CPU(s) started at EL1\n"), (NO, NO))
        self.assertEqual(self.level("[0.2] CPU: All CPU(s) started at EL2\n"), (OK, UNKNOWN))
        self.assertEqual(self.level(""), (UNKNOWN, UNKNOWN))

    def test_other_modes_of_kvm_are_not_vhe(self):
        for mode in ("Protected nVHE", "Protected hVHE", "Hyp"):
            self.assertEqual(self.level(VHE + f"[1.8] kvm [1]: {mode} mode initialized successfully\n")[1], NO, mode)

    def test_the_gic(self):
        def gic(**files) -> tuple[str, str]:
            plain = {name: text for name, text in NOT_LOADED.items() if name != "proc/interrupts"}
            _, lines = self.judge(plain | files)
            return lines["GIC"]["verdict"], lines["GIC"]["found"]

        def madt(version: int) -> bytes:
            entry = struct.pack("<BBHIQIB3x", 0x0c, 24, 0, 0, 0x8000000, 0, version)
            return b"APIC".ljust(44, b"\0") + struct.pack("<BB78x", 0x0b, 80) + entry

        tree = {"proc/device-tree/intc@8000000/compatible": b"arm,gic-v3\0"}
        self.assertEqual(gic(**tree), (OK, "arm,gic-v3, says the device tree"))
        self.assertEqual(gic(**{"proc/device-tree/soc/intc@1/compatible": b"arm,cortex-a15-gic\0"})[0], NO)
        self.assertEqual(gic(**{"sys/firmware/acpi/tables/APIC": madt(4)}), (OK, "GICv4, says the MADT"))
        self.assertEqual(gic(**{"sys/firmware/acpi/tables/APIC": madt(2)})[0], NO)
        self.assertEqual(gic(**{"sys/firmware/acpi/tables/APIC": madt(3)[:60]})[0], UNKNOWN)
        self.assertEqual(gic(**{"proc/interrupts": " 1:  3  GIC-0  27 Level  arch_timer\n"})[0], NO)
        self.assertEqual(gic()[0], UNKNOWN)

    def test_pages(self):
        _, lines = self.judge(NOT_LOADED, pages=65536)
        self.assertEqual((lines["page size"]["verdict"], lines["page size"]["found"]), (OK, "64 KiB"))


class Module(Check):
    def module(self, outputs: dict[str, str] = INSTALLED, log: str = "", **files) -> dict:
        _, lines = self.judge(NOT_LOADED | files, {**outputs, "dmesg": log})
        return lines

    def test_not_installed_installed_refused(self):
        self.assertIn("apt install nestvisor-dkms", self.module({})["module"]["advice"])
        self.assertIn("modprobe nestvisor", self.module()["module"]["advice"])
        lines = self.module(log="[ 5.0] nestvisor: no GICv3 system registers: Nestvisor needs a GICv3\n")
        self.assertTrue(lines["module"]["found"].startswith("did not load: no GICv3 system registers"))
        self.assertEqual([lines[name]["verdict"] for name in ("EL2", "VHE", "GIC")], [OK, OK, NO])

    def test_the_last_spelling_of_the_parameter_counts(self):
        for words, verdict in (("kvm_arm.mode=none", OK), ("kvm-arm.mode=none kvm-arm.mode=nested", NO), ("xkvm-arm.mode=none", NO)):
            _, lines = self.judge(NOT_LOADED | {"proc/cmdline": words})
            self.assertEqual(lines["boot parameter"]["verdict"], verdict, words)

    def test_a_refusal_before_a_success_is_history(self):
        self.assertIsNone(refusals.last(["nestvisor: the kernel does not run at EL2: boot", "[ 9.0] nestvisor: ready"]))
        self.assertIsNotNone(refusals.last(["[ 9.0] nestvisor: ready", "nestvisor: the kernel does not run at EL2: boot"]))

    def test_signatures(self):
        unsigned = {name: text for name, text in INSTALLED.items() if "signer" not in name}

        def signature(outputs: dict[str, str], **files) -> str:
            return self.module(outputs, **files)["signature"]["verdict"]

        locked = {"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}
        self.assertEqual([signature(INSTALLED, **locked), signature(unsigned, **locked), signature(unsigned)], [OK, NO, OK])
        self.assertEqual(signature(unsigned, **{"sys/module/module/parameters/sig_enforce": "Y\n"}), NO)


class Refusals(unittest.TestCase):
    def messages(self) -> list[str]:
        """What the module may say when it refuses to load, with numbers in place of the formats."""
        text = re.sub(r'"\s*\n\s*"', "", "".join(file.read_text() for file in sorted((REPO / "linux").glob("*.c"))))
        found = re.findall(r'pr_err\("((?:[^"\\]|\\.)*?)(?:\\n)?"', text)
        core = (REPO / "kvm/vm/machine.cpp").read_text()
        found += re.findall(r'return "([^"]+)"', core[core.index("refusal()"):core.index("init_machine")])
        # A CPU that comes up later is refused by a module that stays; the bare %s is a refusal of the core's.
        return [text.replace("%u", "42").replace("%d", "-12").replace("%s", "name") for text in found
                if text != "%s" and "CPU %u is refused" not in text]

    def test_each_message_of_the_module_has_one_row(self):
        messages = self.messages()
        self.assertGreater(len(messages), 10)
        for message in messages:
            line = f"[    5.1] nestvisor: {message}"
            rows = [advice for pattern, advice, _ in refusals.ROWS if pattern.search(line)]
            self.assertEqual(len(rows), 1, message)
            self.assertTrue(rows[0], message)
            self.assertEqual(refusals.last([line]).line, message)

    def test_each_row_is_some_message(self):
        ours = [f"nestvisor: {message}" for message in self.messages()]
        kernels = ["nestvisor: version magic '6.1' should be '6.12'", "Lockdown: modprobe: unsigned module loading is restricted; see",
                   "Loading of unsigned module is rejected"]
        for pattern, _, _ in refusals.ROWS:
            self.assertTrue(any(pattern.search(line) for line in ours + kernels), pattern.pattern)


if __name__ == "__main__":
    unittest.main()
