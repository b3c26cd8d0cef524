// SPDX-License-Identifier: GPL-2.0-only
// Stage 2 that L1 makes for L2: faults and what EL2 is told of them.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"
#include "l2_memory.hpp"

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x5000;
constexpr u64 kWrite = bit(6), kOnWalk = bit(7);

// A fault of L2 at stage 2. HPFAR_EL2 is architecturally unknown for a permission fault: no check then.
void faulted(const Frame& f, u64 wanted_ec, u64 code, u64 iss_bits, u64 ipa, u64 elr) {
    IS_ABORT(f, wanted_ec, code);
    EQUAL("ESR_EL2 WnR, S1PTW", f.esr & (kWrite | kOnWalk), iss_bits);
    EQUAL("ELR_EL2", f.elr, elr);
    EQUAL("FAR_EL2", f.far, (iss_bits & kOnWalk) ? f.far : ipa);
    if ((code & ~u64{3}) != kPermission)
        EQUAL("HPFAR_EL2", f.hpfar & ~bit(63), ipa >> 12 << 4);
    EQUAL("SPSR_EL2", state(f.spsr), kEl1h);
}

void reads(u64 ipa, u64 code) {
    faulted(load(ipa), kEcDataLower, code, 0, ipa, reinterpret_cast<u64>(l2_load));
}
void writes(u64 ipa, u64 code) {
    faulted(run_l2(l2_store, {.x3 = ipa}), kEcDataLower, code, kWrite, ipa, reinterpret_cast<u64>(l2_store));
}
void fetches(u64 ipa, u64 code) { faulted(run_l2_at(ipa), kEcFetchLower, code, 0, ipa, ipa); }

}  // namespace

void case_s2_read_fault() { use_stage2(), reads(kIpa + 0x124, kTranslation | 3); }
void case_s2_write_fault() { use_stage2(), writes(kIpa + 0x128, kTranslation | 3); }
void case_s2_fetch_fault() { use_stage2(), fetches(kIpa + 0x12c, kTranslation | 3); }
void case_s2_level2_fault() { use_stage2(), reads(kRam + (14 << 20) + 0x130, kTranslation | 2); }
void case_s2_level1_fault() { use_stage2(), reads(0x1'4000'1134, kTranslation | 1); }
void case_s2_beyond_fault() { use_stage2(), reads(bit(39) + 0x138, kTranslation | 0); }

void case_s2_permission_write() {
    use_stage2();
    stage2.set(kIpa, kPageA | (kAll & ~kWritable) | kPage);
    sees(kIpa, kValueA);
    writes(kIpa, kPermission | 3);
    EQUAL("value after the fault", memory64(kPageA), kValueA);
}

void case_s2_permission_read() {
    use_stage2();
    stage2.set(kIpa, kPageA | (kAll & ~kReadable) | kPage);
    reads(kIpa, kPermission | 3);
}

void case_s2_permission_fetch() {
    use_stage2();
    stage2.set(kIpa, kPageA | kAll | kExecuteNever | kPage);
    fetches(kIpa, kPermission | 3);
}

void case_s2_af_fault() {
    use_stage2();
    stage2.set(kIpa, kPageA | (kAll & ~kAccessed) | kPage);
    reads(kIpa + 8, kAccessFlag | 3);
}

// FEAT_HAFDBS: a store to a page with DBM makes hardware clear the way, and so tells L1 that the page is dirty.
void case_s2_dirty_state() {
    if (!need::dirty_state())
        skip("the dirty state is software's");
    constexpr u64 kDbm = bit(51), kClean = kPageA | (kAll & ~kWritable) | kDbm | kPage;
    use_stage2();
    const volatile u64& entry = memory64(reinterpret_cast<u64>(&stage2.window(kIpa)));
    stage2.set(kIpa, kClean);
    writes(kIpa, kPermission | 3);
    WRITE("vtcr_el2", READ("vtcr_el2") | 3 << 21);  // HD, HA
    tlbi_guest();
    for (const u64 value : {u64{0x1111}, u64{0x2222}}) {
        sees(kIpa, memory64(kPageA));
        EQUAL("the entry after a load", entry, kClean);
        IS_HVC(run_l2(l2_store, {.x0 = value, .x3 = kIpa}), kDone);
        EQUAL("the entry after a store", entry, kClean | kWritable);
        EQUAL("what is stored", memory64(kPageA) & 0xffff'ffff, value);
        stage2.set(kIpa, kClean);
        tlbi_ipa(kIpa);
    }
    stage2.set(kIpa, kClean & ~kDbm);
    tlbi_ipa(kIpa);
    writes(kIpa, kPermission | 3);
}

// L2's own stage-1 table lies where stage 2 has nothing.
void case_s2_s1_walk_fault() {
    use_stage2();
    use_stage1();
    WRITE("ttbr0_el12", kIpa);
    isb();
    const u64 code = reinterpret_cast<u64>(l2_hvc);
    const Frame f = run_l2(l2_hvc);
    faulted(f, kEcFetchLower, kTranslation | 3, kOnWalk, kIpa, code);
    EQUAL("FAR_EL2", f.far, code);
}

void case_s2_address_size() {
    use_stage2();
    WRITE("vtcr_el2", vtcr(1, 25, 0));      // 32 bits of output
    isb();
    stage2.window(kIpa) = 0x1'0000'0000 | kAll | kPage;
    tlbi_guest();
    reads(kIpa, 3);
}

void case_s2_maps() {
    use_stage2();
    stage2.set(kIpa, kPageA | kAll | kPage);
    sees(kIpa, kValueA);
    const Frame write = run_l2(l2_store, {.x0 = 0x1357'9bdf, .x3 = kIpa + 4});
    IS_HVC(write, kDone);
    EQUAL("value that L2 wrote", memory64(kPageA), u64{0x1357'9bdf} << 32 | kValueA);
}

// A block of 2 MiB that leads elsewhere.
void case_s2_block() {
    use_stage2();
    stage2.level2[kWindow >> 21 & 511] = kPageA | kAll | kBlock;
    tlbi_guest();
    sees(kWindow + 0x1000, kValueB);
}

}  // namespace nest::guests
