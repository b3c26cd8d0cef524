#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Proves of vhe/enter.S that what the kernel's C may keep across a call is the host's again after a guest has run.

That is x19 to x30 and sp (AAPCS64), x18 (the shadow call stack), and SP_EL0 (the running task). The assembly is executed
with symbols for values, along every branch: from nest_enter_guest to its ERET, and from each of the guest's vectors to
leave_guest's RET, with all of the guest's registers unknown. A memory slot of the frame keeps what was stored there.

Without an argument it also takes out each load and store of the frame in turn, and expects to notice. Exit status 1 and a
line for each fault.
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "vhe/enter.S"
KEPT = [f"x{n}" for n in range(18, 31)] + ["sp", "sp_el0"]
SETS_NO_REGISTER = {"msr", "isb", "dsb", "hint", "nop", "cbz", "cbnz", "tbz", "tbnz", "b", "ret", "eret", "cmp", "tst"}


class Fault(Exception):
    pass


def preprocess(text: str) -> list[str]:
    """Lines without comments, with #define's numbers in their places; .inst and .S directives stay."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    numbers = dict(re.findall(r"^#define\s+(\w+)\s+(\d+)\s*$", text, re.M))
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for name, value in numbers.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def program_of(lines: list[str]) -> tuple[list[tuple[str, list[str]]], dict[str, list[int]]]:
    """Instructions with their operands, and where each label is. guest_slot is expanded where it is used."""
    macros: dict[str, list[str]] = {}
    flat: list[str] = []
    name = None
    for line in lines:
        if m := re.match(r"\.macro (\w+)", line):
            name = m[1]
            macros[name] = []
        elif line == ".endm":
            name = None
        elif name:
            macros[name].append(line)
        elif (m := re.match(r"(\w+)\s+(\d+)$", line)) and m[1] in macros:
            flat.append(f"{m[1]}_{m[2]}:")
            flat += [inner.replace("\\index", m[2]) for inner in macros[m[1]]]
        else:
            flat.append(line)
    code: list[tuple[str, list[str]]] = []
    labels: dict[str, list[int]] = {}
    for line in flat:
        if m := re.match(r"([\w.]+):$", line):
            labels.setdefault(m[1], []).append(len(code))
        elif not line.startswith(".") or line.startswith(".inst"):
            op, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
            code.append((op, re.findall(r"\[[^\]]*\]!?|[^,\s\[][^,\[]*", rest)))
    return code, labels


def evaluate(expression: str) -> int:
    return eval(expression.lstrip("#"), {"__builtins__": {}})  # digits and + - * only, out of our own source


class State:
    def __init__(self, registers: dict[str, object], stack: dict[int, object], depth: int):
        self.registers, self.stack, self.depth = registers, stack, depth

    def copy(self) -> "State":
        return State(dict(self.registers), dict(self.stack), self.depth)

    def key(self):
        return self.depth, tuple(sorted(self.registers.items())), tuple(sorted(self.stack.items()))


def address(state: State, operands: list[str]) -> int | None:
    """The byte of the stack, counted from the caller's sp, that an access touches first; None: not the stack."""
    memory = next(o for o in operands if o.startswith("["))
    inside = [p.strip() for p in memory.strip("[]!").split(",")]
    after = operands[operands.index(memory) + 1 :]
    if inside[0] != "sp":
        return None
    offset = evaluate(inside[1]) if len(inside) > 1 else 0
    if memory.endswith("!"):
        state.depth += offset
        return state.depth
    at = state.depth + offset
    if after:
        state.depth += evaluate(after[0])
    return at


def step(state: State, op: str, args: list[str]) -> None:
    regs = state.registers
    if op in ("stp", "str", "ldp", "ldr"):
        names = [a for a in args[: 2 if op.endswith("p") else 1]]
        at = address(state, args)
        for i, name in enumerate(names):
            if op.startswith("s"):
                if at is not None:
                    state.stack[at + 8 * i] = regs.get(name, "?")
            else:
                regs[name] = "?" if at is None else state.stack.get(at + 8 * i, "?")
    elif op == "mrs":
        regs[args[0]] = regs["sp_el0"] if args[1] == "sp_el0" else "?"
    elif op == "msr":
        if args[0] == "sp_el0":
            regs["sp_el0"] = regs.get(args[1], "?")
    elif op == "mov" and args[1] in regs:
        regs[args[0]] = regs[args[1]] if args[1] != "sp" else "?"
    elif op == "smc":
        for n in range(4):
            regs[f"x{n}"] = "?"
    elif op not in SETS_NO_REGISTER and op != ".inst":
        if args[0] == "sp":
            raise Fault(f"{op} {', '.join(args)}: sp by other means than the frame's own")
        regs["x" + args[0][1:] if args[0][0] == "w" else args[0]] = "?"


def targets(labels: dict[str, list[int]], here: int, name: str) -> int | None:
    if m := re.fullmatch(r"(\d+)([bf])", name):
        places = labels[m[1]]
        return max(p for p in places if p <= here) if m[2] == "b" else min(p for p in places if p > here)
    if re.fullmatch(r"\. \+ 4", name):
        return here + 1
    return labels[name][0] if name in labels else None


def run(code, labels, start: int, state: State, end: str, finish) -> int:
    """Along every branch until the instruction `end`, where finish(state) looks at what is left. Ends seen."""
    seen, todo, ends = set(), [(start, state)], 0
    while todo:
        here, now = todo.pop()
        if (here, now.key()) in seen:
            continue
        seen.add((here, now.key()))
        op, args = code[here]
        if op == end:
            finish(now)
            ends += 1
            continue
        if op in ("b", "cbz", "cbnz", "tbz", "tbnz") or op.startswith("b."):
            target = targets(labels, here, args[-1])
            if target is None:
                raise Fault(f"{op} to {args[-1]}, which is elsewhere")
            todo.append((target, now.copy()))
            if op == "b":
                continue
        elif op in ("ret", "eret", "bl", "blr", "br"):
            raise Fault(f"{op} before the {end}")
        else:
            step(now, op, args)
        todo.append((here + 1, now))
    return ends


def check(lines: list[str]) -> None:
    """Raises Fault."""
    code, labels = program_of(lines)
    host = {name: f"host {name}" for name in KEPT if name != "sp"}
    frames: list[State] = []
    run(code, labels, labels["nest_enter_guest"][0], State(dict(host), {}, 0), "eret", frames.append)
    slots = [name for name in labels if name.startswith("guest_slot_")]
    if not frames or len(slots) != 4 or any(len(labels[s]) != 2 for s in slots):
        raise Fault("no way into the guest, or not its eight vectors")

    def is_the_hosts(state: State) -> None:
        wrong = [n for n in host if state.registers.get(n) != host[n]]
        if state.depth:
            wrong.append("sp")
        if wrong:
            raise Fault(f"after an exit not the host's: {', '.join(wrong)}")

    for frame in frames:
        for slot in slots:
            for start in labels[slot]:
                guest = {name: "guest" for name in [f"x{n}" for n in range(31)] + ["sp_el0"]}
                if not run(code, labels, start, State(guest, dict(frame.stack), frame.depth), "ret", is_the_hosts):
                    raise Fault(f"{slot} does not return")


def notices_each_loss(lines: list[str]) -> list[str]:
    """The accesses of the frame that could be taken out unnoticed. Guest's x0 to x3, and who they are for, are others'."""
    missed = []
    for i, line in enumerate(lines):
        saved = re.match(r"(stp|str|ldp|ldr)\s+(.*?),\s*\[sp", line)
        if not saved or not set(re.split(r",\s*", saved[2])) & set(KEPT):
            continue
        try:
            check(lines[:i] + lines[i + 1 :])
            missed.append(line)
        except Fault:
            pass
    return missed


def main() -> int:
    lines = preprocess(SOURCE.read_text())
    try:
        check(lines)
    except Fault as fault:
        print(f"{SOURCE.name}: {fault}")
        return 1
    missed = notices_each_loss(lines)
    for line in missed:
        print(f"this check would not notice the loss of: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
