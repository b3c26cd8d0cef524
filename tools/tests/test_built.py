# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that the lab builds, as far as no compiler is needed."""

import tempfile
import unittest
from pathlib import Path

from nestlab.setup import built, kernels
from nestlab.tests import boottests, judge


class Variants(unittest.TestCase):
    def test_names(self):
        for name in built.VARIANTS:
            self.assertEqual(kernels.choose(name), built.version(name))
            self.assertEqual(kernels.choose(built.version(name)), built.version(name), "a full version stands for itself")
        for other in ("6.12", "7.2", "6.12.95+deb12-arm64", "6.12.95+deb12-cloud-arm64"):
            self.assertIsNone(built.variant(other))

    def test_no_fragment_contradicts_another(self):
        for name in built.VARIANTS:
            lines = [line for line in built.configuration(name).splitlines() if line.startswith("CONFIG_")]
            self.assertEqual(len(lines), len({line.split("=")[0] for line in lines}), name)

    def test_what_did_not_hold(self):
        self.assertEqual(built.unmet("# a word\nCONFIG_A=y\nCONFIG_B=2\n", "CONFIG_A=y\nCONFIG_B=3\n"), ["CONFIG_B=2"])

    def test_trim_keeps_what_modules_need(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            kept = [tree / "scripts/mod/modpost.o", tree / "Module.symvers", tree / "include/generated/autoconf.h"]
            gone = [tree / "mm/slub.o", tree / "mm/.slub.o.cmd", tree / "mm/built-in.a", tree / "vmlinux"]
            for file in kept + gone:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            built.trim(tree)
            self.assertTrue(all(file.exists() for file in kept))
            self.assertFalse(any(file.exists() for file in gone))


class Tests(unittest.TestCase):
    def test_only_what_is_asked_for_is_built(self):
        tests = boottests.read(boottests.paths.BOOT_TESTS / "tests.toml")
        self.assertIn("debug", boottests.own_kernels(tests))
        self.assertEqual(boottests.own_kernels(tests, "debug-*"), ["debug"])
        self.assertEqual(boottests.own_kernels(tests, "linux-*"), [])


class Alarms(unittest.TestCase):
    def test_what_checkers_say(self):
        for line in ("UBSAN: shift-out-of-bounds in kvm/vm/vm.cpp:7:3", "BUG: KASAN: slab-use-after-free in nest_vm_release",
                     "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)", "WARNING: suspicious RCU usage",
                     "INFO: trying to register non-static key.", "BUG: sleeping function called from invalid context at x.c:1",
                     "kmemleak: Kernel memory leak detector disabled", "turning off the locking correctness validator.",
                     "INFO: task fail_nth:77 blocked for more than 120 seconds.", "[ BUG: Invalid wait context ]"):
            self.assertTrue(judge.alarm([line]), line)

    def test_what_they_say_when_all_is_well(self):
        for line in ("kmemleak: Kernel memory leak detector initialized (mem pool available: 39000)",
                     "kasan: KernelAddressSanitizer initialized (generic)", "Lock dependency validator: Copyright (c) 2006"):
            self.assertFalse(judge.alarm([line]), line)


if __name__ == "__main__":
    unittest.main()
