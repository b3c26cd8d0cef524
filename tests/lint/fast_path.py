#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""fast_path.py CORE.o: checks which functions tier 0's loops call.

run_in_guest_flat() and run_in_guest_nested()'s stay_in_guest() (kvm/tier0/) are meant to hold all that a frequent exit does: a call costs its
prologue, some ten instructions. EXPECTED has the calls that may leave them, each with the reason. Prints each other one, and
each that no compiler of this list makes any more. What the loops take in as inline code is marked NEST_TIER0 (base/tier0.hpp)
in the sources: prints each marked function that is called all the same, and each inline one of a lower room that kvm/tier0/
calls and that has no mark. Exit status 1 if a call is not expected, or a mark wrong.
"""

import bisect
import re
import sys
from pathlib import Path

from symbols import PREFIX, output

LOOPS = ("nest::kvm::run_in_guest_flat", "nest::kvm::stay_in_guest<true>", "nest::kvm::stay_in_guest<false>")

# Without parameters.
EXPECTED = {
    # the machine
    "nest_enter_guest": "the guest runs",
    "nest_at_s1e1r": "rare: a fault without HPFAR_EL2, by the vectors that survive an abort of the walk",
    "nest_port_raw_spin_trylock_quiet": "an alarm is set while the worlds change",
    "nest_port_raw_spin_unlock_quiet": "the same",
    # other exits than a change of worlds: each is a piece of work
    "nest::kvm::handle_el1_exit": "what nesting has no part in",
    "nest::kvm::other_vel2_sysreg": "a system register of virtual EL2",
    "nest::kvm::NestedMmu::resolve_in_tier0": "a stage-2 fault of L2",
    "nest::kvm::NestedMmu::find_shadow": "L1 has changed its stage 2",
    "nest::kvm::NestedVncr::access": "L2 is a hypervisor, and its VNCR page is not known",
    "nest::kvm::inject_undefined": "UNDEFINED at virtual EL2",
    "nest::nested::route_sysreg": "whose system register, by table",
    "nest::nested::detail::route_in_guest": "the same for L2",
    # rare states
    "nest::kvm::refresh_changed_debug": "a debug register has changed",
    "nest::kvm::detail::forward_while_stepped": "the VMM steps the guest",
    "nest::kvm::return_while_stepped<true>": "the same",
    "nest::kvm::return_while_stepped<false>": "the same, without E2H",
    "nest::kvm::forward_with_address": "L1's guest meets a watchpoint",
    "nest::kvm::refuse_eret": "an ERET of L1's that is UNDEFINED or forged",
    "nest::kvm::detail::record_eret": "the vCPU's trace is on",
    "nest::kvm::detail::record_forward": "the same",
    "nest::nested::detail::authenticate": "ERETAA, ERETAB",
    "nest::nested::answer_at_once": "the few registers that a hypervisor writes at each world switch",
    "nest::nested::load_l2_vncr": "L2 is a hypervisor",
    "nest::nested::follow_zcr": "SVE's registers are loaded",
    "nest::kvm::forward_fp_access": "L1 traps FP/SIMD of L2, not SVE, and L2 uses SVE",
    "nest::nested::detail::write_l2_serror": "L1 has pended an SError for L2, or L2 has deferred one",
    "nest::nested::WorldTraps::change_l2": "L1 has changed L2's trap controls",
    "nest::stage2::VmidAllocator::publish": "a VMID that this CPU has not run since it was loaded",
    "nest::stage2::drop_stage1_here": "another vCPU ran with these tables on this CPU",
    "nest::timer::VcpuTimers::set_l1_controls": "L1 has changed L2's timer traps",
    "nest::kvm::execute_again": "L1 has changed HCR_EL2.E2H",
    "nest::nested::RegisterMasks::apply_without_e2h": "virtual EL2 without E2H",
    "nest::timer::VcpuTimers::share_el1_pair": "the same",
    "nest::vhe::load_vel2_banked_without_e2h": "the same",
    "nest::vhe::save_vel2_banked_without_e2h": "the same",
    "nest::vhe::read_vel2": "an exception to virtual EL2 from virtual EL2",
    "nest::vhe::write_vel2": "the same",
    # interrupts in flight
    "nest::vgic::Distributor::note_split_eoi": "the guest has changed EOImode",
    "nest::vgic::fill_nested": "L1 has filled list registers",
    "nest::vgic::fold_nested": "L2 has used list registers",
    "nest::vgic::fold_ended_list_registers": "L1's handlers have ended all that was in list registers",
    "nest::vgic::nested_misr": "L1 has asked for maintenance interrupts",
}


def plain(symbol: str) -> str:
    """A demangled name without its parameters and what the compiler adds to a clone's."""
    name = re.sub(r" \[clone [^]]*\]", "", symbol).replace("(anonymous namespace)::", "")
    depth = 0
    for at, char in enumerate(name):
        depth += (char == "<") - (char == ">")
        if char == "(" and not depth:
            return name[:at].split(" ")[-1]
    return name


def calls(core: str) -> set[str]:
    """The functions that LOOPS call or jump to."""
    places, names = [], []
    for line in sorted(output(PREFIX + "nm", "-C", core)):
        found = re.fullmatch(r"([0-9a-f]+) [tTwW] (.+)", line)
        if found:
            places.append(int(found[1], 16))
            names.append(plain(found[2]))
    found, current, loops, branch = set(), "", set(), ""
    for line in output(PREFIX + "objdump", "-drC", "--no-show-raw-insn", core):
        relocation = re.search(r"R_AARCH64_(?:CALL|JUMP)26\s+(.+)", line)
        # A branch within one object needs no relocation; where there is one, objdump's own target means nothing.
        if branch and not relocation and branch != current:
            found.add(branch)
        branch = ""
        if head := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
            current = plain(head[1])
        elif current in LOOPS:
            loops.add(current)
            if relocation:
                local = re.fullmatch(r"\.noinstr\.text(?:\+0x([0-9a-f]+))?", relocation[1])
                place = int(local[1] or "0", 16) if local else None
                name = names[bisect.bisect_right(places, place) - 1] if local else plain(relocation[1])
                found |= {name} - {current}
            elif target := re.search(r"\t(?:b|bl)\t[0-9a-f]+ <(.+)>", line):
                branch = plain(re.sub(r"\+0x[0-9a-f]+$", "", target[1]))
            elif re.search(r"\tblr\t", line):
                found.add("an indirect call")
    if loops != set(LOOPS):
        raise SystemExit(f"{core} has no {', '.join(set(LOOPS) - loops)}")
    return found


REPO = Path(__file__).resolve().parents[2]
# A definition at the left margin or in a class, of more than one line.
DEFINITION = re.compile(r"^ *(NEST_TIER0 )?((?:\[\[.*?\]\] )?(?:inline )?(?:const )?[\w:]+(?:<.*>)?[ &*]+(?:\w+::)?(\w+))\((?!.*[;}]$)", re.M)


def marks() -> tuple[set[str], set[str]]:
    """The functions that are marked, and those that lack the mark: inline ones of other rooms that kvm/tier0/ calls freely."""
    loops = "".join(file.read_text() for file in (REPO / "kvm/tier0").glob("*.?pp"))
    called = set(re.findall(r"(?<![.>\w])(\w+)(?:<\w[^<>()]*>)?\(", re.sub(r"\b[A-Z]\w*::\w+", "", loops)))   # no members
    marked, lacking = set(), set()
    for room in ("kvm", "nested", "vhe", "vgic", "timer", "stage2"):
        for file in (REPO / room).rglob("*.hpp"):
            for mark, head, name in DEFINITION.findall(file.read_text()):
                if mark:
                    marked.add(name)
                elif name in called and head.startswith(("inline ", "[[")) and "kvm/tier0" not in str(file):
                    lacking.add(f"{file.relative_to(REPO)}: {name}")
    return marked, lacking


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0])
        return 2
    found = calls(sys.argv[1])
    unexpected = sorted(found - EXPECTED.keys())
    marked, lacking = marks()
    wrong = sorted(name for name in found if name.split("::")[-1] in marked)
    for name in wrong:
        print(f"marked NEST_TIER0 and called: {name}")
    for name in sorted(lacking):
        print(f"not marked NEST_TIER0: {name}")
    for name in unexpected:
        print(f"tier 0's loops call {name}")
    for name in sorted(EXPECTED.keys() - found):
        print(f"not called here: {name}")
    print(f"{len(found)} functions called, {len(unexpected)} not expected; {len(marked)} marked, {len(wrong) + len(lacking)} wrongly")
    return 1 if unexpected or wrong or lacking or not marked else 0


if __name__ == "__main__":
    sys.exit(main())
