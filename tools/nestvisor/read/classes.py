# SPDX-License-Identifier: GPL-2.0-only
"""Names of the exception classes, ESR_EL2.EC; those without a name here are EC0x…."""

NAMES = {
    0x00: "Unknown",
    0x01: "WFx",
    0x03: "CP15",
    0x04: "CP15-64",
    0x05: "CP14",
    0x06: "CP14-LDC",
    0x07: "FP",
    0x08: "VMRS",
    0x09: "PAuth",
    0x0a: "LS64",
    0x0c: "CP14-64",
    0x0d: "BTI",
    0x0e: "Illegal",
    0x11: "SVC32",
    0x12: "HVC32",
    0x13: "SMC32",
    0x15: "SVC",
    0x16: "HVC",
    0x17: "SMC",
    0x18: "SysReg",
    0x19: "SVE",
    0x1a: "ERET",
    0x1c: "FPAC",
    0x1d: "SME",
    0x20: "InstAbort",
    0x21: "InstAbortEL2",
    0x22: "PCAlign",
    0x24: "DataAbort",
    0x25: "DataAbortEL2",
    0x26: "SPAlign",
    0x27: "MOPS",
    0x28: "FPTrap32",
    0x2c: "FPTrap",
    0x2f: "SError",
    0x30: "Breakpoint",
    0x32: "Step",
    0x34: "Watchpoint",
    0x38: "BKPT32",
    0x3a: "VectorCatch32",
    0x3c: "BRK",
}

KINDS = {"irq": "IRQ", "fiq": "FIQ", "serror": "SError"}


def name(ec: int) -> str:
    return NAMES.get(ec) or f"EC{ec:#04x}"


def of_exit(kind: str, esr: int) -> str:
    """What an exit is called: only a synchronous one has a class in its syndrome."""
    return name(esr >> 26 & 0x3f) if kind == "sync" else KINDS.get(kind, kind)
