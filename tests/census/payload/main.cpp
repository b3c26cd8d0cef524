// SPDX-License-Identifier: GPL-2.0-only
// Every system register and system instruction once, read and written, at the level of the pass.
#include "../../guests/bare/check.hpp"
#include "../../guests/bare/stubs.hpp"
#include "../outcome.hpp"

extern "C" const char census_vectors[];

namespace nest::census {
namespace {

using namespace guests;

struct Frame {
    u64 x0, vector, esr, elr;
};
extern "C" void probe(u64 entry, u64 spsr, u64 x0, Frame* frame);

// One after the other so that a page is written while none of its code has run: emulators take that best.
constexpr u64 kStubs = 256, kStubBytes = 16;
alignas(4096) u32 stubs[kStubs * kStubBytes / 4];
alignas(4096) char scratch[4096];

constexpr u32 kSvc = 0xd400'00e1, kHvc = 0xd400'00e2;   // #7
constexpr u64 kMostTraps = bit(16) | bit(17) | bit(18) | bit(20) | bit(21) | bit(22) | bit(23) | bit(24) | bit(25) | bit(26) |
                           bit(28) | bit(30) | bit(35) | bit(36) | bit(44) | bit(49) | bit(50) | bit(52) | bit(54) | bit(55);

struct Excluded {
    u32 encoding;
    bool read, write;
};
constexpr u32 encoding_of(u32 op0, u32 op1, u32 crn, u32 crm, u32 op2) {
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}
constexpr Excluded kExcluded[] = {
#define EXCLUDED(op0, op1, crn, crm, op2, read, write) {encoding_of(op0, op1, crn, crm, op2), read, write},
#include "../excluded.def"
#undef EXCLUDED
};

bool is_excluded(u32 encoding, bool is_read) {
    for (const Excluded& it : kExcluded)
        if (it.encoding == encoding && (is_read ? it.read : it.write))
            return true;
    return false;
}

bool is_l2(Pass pass) { return pass == Pass::l2 || pass == Pass::l2_el0 || pass == Pass::l2_traps; }
bool is_el0(Pass pass) { return pass == Pass::el0 || pass == Pass::vel2_el0 || pass == Pass::l2_el0; }

u64 spsr_of(Pass pass) { return is_el0(pass) ? kEl0t : pass == Pass::vel2 ? kEl2h : kEl1h; }

// Everything that EL0 may be allowed.
constexpr u64 kForUserSpace = bit(60) | bit(26) | bit(15) | bit(14) | bit(10) | bit(9);  // SCTLR_EL1.EnTP2, UCI, UCT, DZE, EnRCTX, UMA
constexpr u64 kAgainstUserSpace = bit(20);                              // SCTLR_EL1.TSCXT
constexpr u64 kVectors = 3 << 24 | 3 << 20 | 3 << 16;                   // CPACR_EL1.SMEN, FPEN, ZEN: what the VM lacks, too
constexpr u64 kCounters = bit(9) | bit(8) | bit(1) | bit(0);            // CNTKCTL_EL1

void prepare(Pass pass) {
    if (is_l2(pass)) {
        reset_l2();
        WRITE("sctlr_el12", (READ("sctlr_el12") | kForUserSpace) & ~kAgainstUserSpace);
        WRITE("cpacr_el12", kVectors);
        WRITE("cntkctl_el12", kCounters);
        WRITE("ich_hcr_el2", 1);
        set_hcr(kHcr | kImo | kFmo);
    } else {
        WRITE("sctlr_el1", (READ("sctlr_el1") | kForUserSpace) & ~kAgainstUserSpace);
        WRITE("cpacr_el1", READ("cpacr_el1") | kVectors);
        WRITE("cntkctl_el1", READ("cntkctl_el1") | kCounters);
        isb();
    }
    if (pass == Pass::vel2_el0)
        set_hcr(kHcr | kTge);
    if (pass != Pass::l2_traps)
        return;
    WRITE("mdcr_el2", READ("mdcr_el2") | bit(27) | bit(11) | bit(10) | bit(9) | bit(6) | bit(5));
    WRITE("cptr_el2", READ("cptr_el2") | bit(31));
    WRITE("cnthctl_el2", bit(13) | bit(14));
    WRITE("ich_hcr_el2", 1 | bit(10) | bit(11) | bit(12) | bit(14));
    if (field(READ("id_aa64mmfr0_el1"), 59, 56)) {
        WRITE("s3_4_c1_c1_4", ~u64{0});     // HFGRTR_EL2, HFGWTR_EL2, HFGITR_EL2, HDFGRTR_EL2, HDFGWTR_EL2
        WRITE("s3_4_c1_c1_5", ~u64{0});
        WRITE("s3_4_c1_c1_6", ~u64{0});
        WRITE("s3_4_c3_c1_4", ~u64{0});
        WRITE("s3_4_c3_c1_5", ~u64{0});
    }
    set_hcr((kHcr | kImo | kFmo | kMostTraps) & ~(kApk | kApi));
}

void write_stubs(Pass pass, u32 first, bool is_read) {
    const u32 last = is_el0(pass) || !is_l2(pass) ? kSvc : kHvc;
    for (u32 i = 0; i < kStubs; i++) {
        stubs[i * 4] = 0xd500'0000 | u32{is_read} << 21 | (first + i) << 5;     // Rt is x0
        stubs[i * 4 + 1] = last;
    }
    for (u64 at = reinterpret_cast<u64>(stubs); at < reinterpret_cast<u64>(stubs) + sizeof stubs; at += 16)
        asm volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" ::"r"(at) : "memory");
    asm volatile("dsb ish\n\tisb" ::: "memory");
}

Outcome outcome_of(Pass pass, const Frame& frame, u64 stub) {
    const u64 last = stub + 8;
    const u64 ec = guests::ec(frame.esr);
    if (is_l2(pass) && ec == kEcHvc && (frame.esr & 0xf000) == kL2Vector) {
        const u64 esr = READ("esr_el12");
        const bool end = guests::ec(esr) == kEcSvc && READ("elr_el12") == last;
        return {frame.x0, static_cast<u32>(esr), end ? How::done : How::taken_by_l2};
    }
    if ((ec == kEcSvc || ec == kEcHvc) && frame.elr == last)
        return {frame.x0, 0, How::done};
    return {frame.x0, static_cast<u32>(frame.esr), How::taken};
}

Outcome& result(u32 encoding, bool is_read) { return reinterpret_cast<Outcome*>(kResults)[index_of(encoding, is_read)]; }

u64 operand(u32 encoding) {
    if (encoding >> 14 == 1)
        return (encoding >> 7 & 15) == 7 && (encoding & 7) == 2 ? 0 : reinterpret_cast<u64>(scratch);   // DC by set and way
    const Outcome& read = result(encoding, true);
    return read.how == How::done ? read.value : 0;
}

void try_block(Pass pass, u32 first, bool is_read) {
    write_stubs(pass, first, is_read);
    for (u32 i = 0; i < kStubs; i++) {
        const u32 encoding = first + i;
        if (is_excluded(encoding, is_read))
            continue;
        const u64 stub = reinterpret_cast<u64>(stubs) + i * kStubBytes;
        Frame frame = {};
        probe(stub, spsr_of(pass), is_read ? 0x5eed'5eed'5eed'5eed : operand(encoding), &frame);
        asm volatile("" : "+m"(frame));
        result(encoding, is_read) = outcome_of(pass, frame, stub);
    }
}

}  // namespace
}  // namespace nest::census

extern "C" void payload_main(nest::census::u64, nest::census::u64 argument) {
    using namespace nest::census;
    using namespace nest::guests;
    const auto pass = static_cast<Pass>(argument);
    if (at_el2())
        use_world(0, census_vectors);
    WRITE("vbar_el1", census_vectors);
    isb();
    prepare(pass);
    for (u32 first = 1 << 14; first < 4 << 14; first += kStubs) {
        try_block(pass, first, true);
        try_block(pass, first, false);
        if (first % (8 * kStubs) == 0)
            write_report(report::kVerdict, u64(Verdict::pass));
    }
    write_report(report::kVerdict, u64(Verdict::end));
}

extern "C" void census_lost(nest::census::u64 esr, nest::census::u64 elr) {
    nest::guests::fail("an exception that no probe has made, ESR (expected: ELR)", esr, elr, 0);
}
extern "C" void unexpected_exception(const nest::guests::Frame*) {}
