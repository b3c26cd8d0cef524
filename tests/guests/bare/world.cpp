// SPDX-License-Identifier: GPL-2.0-only
#include "world.hpp"

#include "stubs.hpp"

extern "C" void enter_l2(nest::guests::u64 entry, nest::guests::u64 spsr, nest::guests::u64 x0, nest::guests::u64 x1,
                         nest::guests::u64 x3);
extern "C" void resume_l2(const nest::guests::Frame* frame);
extern "C" void enter_el2(nest::guests::Code function);

namespace nest::guests {

namespace {

PerCpu per_cpu[2];
Frame spare[2];     // for an exception that no one expects

}  // namespace

void use_world(u64 number, const char* first_vectors) {
    per_cpu[number] = {.resume_sp = 0, .frame = &spare[number], .number = number};
    set_hcr(kHcr);  // E2H first: it decides what the other names mean
    WRITE("tpidr_el2", &per_cpu[number]);
    set_vectors(first_vectors);
    reset_l2();
}

void set_vectors(const char* at) {
    WRITE("vbar_el2", at);
    isb();
}

PerCpu& this_cpu() { return *reinterpret_cast<PerCpu*>(READ("tpidr_el2")); }

void set_hcr(u64 value) {
    WRITE("hcr_el2", value);
    isb();
}

Frame run_l2_at(u64 entry, const Start& start) {
    Frame frame = {};
    frame.vector = kNoException;
    this_cpu().frame = &frame;
    enter_l2(entry, start.spsr, start.x0, start.x1, start.x3);
    asm volatile("" : "+m"(frame));
    return frame;
}

Frame run_l2(Code entry, const Start& start) { return run_l2_at(reinterpret_cast<u64>(entry), start); }

Frame go_on(const Frame& from) {
    Frame frame = {};
    frame.vector = kNoException;
    this_cpu().frame = &frame;
    resume_l2(&from);
    asm volatile("" : "+m"(frame));
    return frame;
}

Frame protect(Code function) {
    Frame frame = {};
    frame.vector = kNoException;
    this_cpu().frame = &frame;
    enter_el2(function);
    asm volatile("" : "+m"(frame));
    return frame;
}

void reset_l2() {
    WRITE("sctlr_el12", kSctlrOff);
    WRITE("vbar_el12", l2_vectors);
    WRITE("cpacr_el12", 3 << 20);
    WRITE("tcr_el12", 0);
    WRITE("cntv_ctl_el02", 0);
    WRITE("cntp_ctl_el02", 0);
    // With E2H these are the formats that CPACR_EL1 and CNTKCTL_EL1 have. Nothing traps.
    WRITE("cptr_el2", 3 << 20 | 3 << 16);
    WRITE("cnthctl_el2", 3 << 10);
    WRITE("mdcr_el2", READ("mdcr_el2") & 0x1f);
    WRITE("cntvoff_el2", 0);
    WRITE("vpidr_el2", READ("midr_el1"));
    WRITE("vmpidr_el2", READ("mpidr_el1"));
    WRITE("hstr_el2", 0);
    // HCRX_EL2.MSCEn: hypervisors let their guests copy where the CPU can. Otherwise each change of worlds writes the register.
    if (field(READ("id_aa64mmfr1_el1"), 43, 40) && field(READ("id_aa64isar2_el1"), 19, 16))
        WRITE("s3_4_c1_c2_2", bit(11));
    set_hcr(kHcr);
}

}  // namespace nest::guests
