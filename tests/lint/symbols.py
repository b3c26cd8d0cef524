#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""symbols.py CORE.o: checks what the folded core asks of the kernel, on any PC with the cross binutils.

Undefined symbols may only be the operating system behind port/port.h, the assembly of vhe/, and the compiler's four
memory functions; sections of dynamic initialisers, exceptions and thread-local storage must not exist: the module loader
would ignore or refuse them. Exit status 1, and a line for each offence.
"""

import os
import subprocess
import sys

ALLOWED = {"memcpy", "memset", "memmove", "memcmp", "__stack_chk_fail", "__stack_chk_guard"}
ASSEMBLY = {"nest_at_s1e1r", "nest_enter_guest", "nest_guest_vectors", "nest_fpsimd_save", "nest_fpsimd_load",
            "nest_sve_save", "nest_sve_load", "nest_sve_vector_bytes"}
FORBIDDEN = (".init_array", ".fini_array", ".ctors", ".eh_frame", ".gcc_except_table", ".tdata", ".tbss")
PREFIX = os.environ.get("CROSS_COMPILE", "aarch64-linux-gnu-")


def output(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0])
        return 2
    core = sys.argv[1]
    undefined = [line.split()[-1] for line in output(PREFIX + "nm", "-u", core)]
    bad = [f"undefined: {s}" for s in undefined if not s.startswith("nest_port_") and s not in ALLOWED | ASSEMBLY]
    for line in output(PREFIX + "readelf", "-SW", core):
        fields = line.replace("[ ", "[").split()
        if len(fields) > 5 and fields[1].removeprefix(".rela").startswith(FORBIDDEN) and int(fields[5], 16):
            bad.append(f"section: {fields[1]}")
    print("\n".join(bad) if bad else f"{len(undefined)} undefined symbols, all of the port")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
