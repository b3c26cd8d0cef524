// SPDX-License-Identifier: GPL-2.0-only
// Pieces of L2: a few instructions that end in HVC #kDone. STUB defines one, at file scope.
#pragma once

#define STUB_TEXT(label, instructions)                                                              \
    asm(".pushsection .text.l2, \"ax\"\n.balign 16\n.global " label "\n" label ":\n\t" instructions \
        "\n\thvc #7\n\tb .\n.popsection")
#define STUB(name, instructions)     \
    extern "C" void name();          \
    STUB_TEXT(#name, instructions)

extern "C" {
extern const char l2_vectors[];
void l2_hvc();          // nothing but the last HVC
void l2_load();         // x0 = 32 bits at x3
void l2_store();        // 32 bits at x3 = w0
void l2_spin();         // for ever
void l2_svc();          // SVC #0x2a
void l2_wfi();
void l2_ack_eoi();      // acknowledges and ends a group 1 interrupt; x0 = INTID
void l2_ack();          // x0 = INTID, stays active
void l2_end();          // ends INTID x0
void l2_undefined();
void l2_read_tpidr_el2();   // x0 = TPIDR_EL2, should L2 have an EL2
void l2_write_tpidr_el2();  // TPIDR_EL2 = x1
}
