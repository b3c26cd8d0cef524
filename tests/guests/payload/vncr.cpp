// SPDX-License-Identifier: GPL-2.0-only
#include "vncr.hpp"

#include "cases.hpp"
#include "features.hpp"

namespace nest::guests {

void start_nv2() {
    if (!need::nv2())
        skip("no FEAT_NV2");
    use_stage2();
    build(own_stage1);
    own_stage1.set(kVncr, vncr_page(0) | kOwn | kPage);
    use_nv2();
}

void use_nv2() {
    use_tables(stage2, 1);
    use_own_stage1(own_stage1, 1);
    use_vncr(kVncr);
    set_hcr(kHcrNv2);
}

void use_vncr(u64 va) {
    WRITE("s3_4_c2_c2_0", va);
    isb();
}

void lands(u64 page, u64 value) {
    IS_HVC(write_tpidr_el2(value), kDone);
    EQUAL("TPIDR_EL2 in the page", memory64(page + kTpidr), value);
    memory64(page + kTpidr) = ~value;
    dsb();
    const Frame f = run_l2(l2_read_tpidr_el2);
    IS_HVC(f, kDone);
    EQUAL("TPIDR_EL2 in L2", f.x[0], ~value);
}

void is_vncr_abort(const Frame& f, Code code, Access access, u64 wanted_fsc, u64 va, int line) {
    check_equal("vector of an abort of L2", f.vector, kVectorLower, line);
    check_equal("ESR_EL2[31:0]", field(f.esr, 31, 0), esr_of(kEcData, kVncrAbort | u64(access) | wanted_fsc), line);
    check_equal("FAR_EL2", f.far, va + kTpidr, line);
    check_equal("ELR_EL2", f.elr, reinterpret_cast<u64>(code), line);
    check_equal("SPSR_EL2", state(f.spsr), kEl1h, line);
}

void is_vncr_external(const Frame& f, int line) {
    check_equal("vector of an external abort", f.vector, kVectorLower, line);
    check_equal("EC and VNCR", f.esr & (u64{0x3f} << 26 | kVncrAbort), kEcData << 26 | kVncrAbort, line);
    if (!is_external(fsc(f.esr)))
        check_equal("DFSC of an external abort", fsc(f.esr), 0x10, line);
}

void tlbi_vae2(u64 operand) { asm volatile("dsb sy\n\ttlbi vae2is, %0\n\tdsb sy\n\tisb" ::"r"(operand) : "memory"); }
void tlbi_alle2() { asm volatile("dsb sy\n\ttlbi alle2is\n\tdsb sy\n\tisb" ::: "memory"); }

}  // namespace nest::guests
