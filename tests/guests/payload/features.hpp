// SPDX-License-Identifier: GPL-2.0-only
// What L1's ID registers say it has, as far as the table of traps asks.
#pragma once

#include "../bare/regs.hpp"

namespace nest::guests::need {

inline u64 id(u64 value, int low) { return value >> low & 15; }

inline bool always() { return true; }
inline bool nv() { return id(READ("id_aa64mmfr2_el1"), 24) || id(READ("s3_0_c0_c7_4"), 20); }
inline bool nv2() { return id(READ("id_aa64mmfr2_el1"), 24) >= 2 || id(READ("s3_0_c0_c7_4"), 20); }
inline bool lor() { return id(READ("id_aa64mmfr1_el1"), 16); }
inline bool sve() { return id(READ("id_aa64pfr0_el1"), 32); }
inline bool ras() { return id(READ("id_aa64pfr0_el1"), 28); }
inline bool pauth() {
    return id(READ("id_aa64isar1_el1"), 4) || id(READ("id_aa64isar1_el1"), 8) || id(READ("id_aa64isar2_el1"), 12);
}
inline bool pauth_generic() {
    return id(READ("id_aa64isar1_el1"), 24) || id(READ("id_aa64isar1_el1"), 28) || id(READ("id_aa64isar2_el1"), 8);
}
inline bool evt() { return id(READ("id_aa64mmfr2_el1"), 56); }
inline bool tlbios() { return id(READ("id_aa64isar0_el1"), 56); }
inline bool tlbi_range() { return id(READ("id_aa64isar0_el1"), 56) >= 2; }
inline bool dit() { return id(READ("id_aa64pfr0_el1"), 48); }
inline bool ssbs() { return id(READ("id_aa64pfr1_el1"), 4) >= 2; }
inline bool evt_tlb() { return id(READ("id_aa64mmfr2_el1"), 56) >= 2 && tlbios(); }
inline bool scxtnum() {
    return id(READ("id_aa64pfr0_el1"), 56) >= 2 ||
           (id(READ("id_aa64pfr0_el1"), 56) == 1 && id(READ("id_aa64pfr1_el1"), 32) >= 2);
}
inline bool pmu() { return id(READ("id_aa64dfr0_el1"), 8) - 1 < 14; }
inline bool ecv() { return id(READ("id_aa64mmfr0_el1"), 60); }
inline bool ecv_offset() { return id(READ("id_aa64mmfr0_el1"), 60) >= 2; }
inline bool hcx() { return id(READ("id_aa64mmfr1_el1"), 40); }
inline bool dirty_state() { return id(READ("id_aa64mmfr1_el1"), 0) >= 2; }
inline bool lpa2() { return id(READ("id_aa64mmfr0_el1"), 28) == 1 && id(READ("id_aa64mmfr0_el1"), 40) == 3; }
inline bool mops() { return id(READ("id_aa64isar2_el1"), 16); }
inline bool ttl() { return id(READ("id_aa64mmfr2_el1"), 48); }
inline bool fgt() { return id(READ("id_aa64mmfr0_el1"), 56); }
inline bool fgt_tlbios() { return fgt() && tlbios(); }
inline bool el3() { return id(READ("id_aa64pfr0_el1"), 12); }

}  // namespace nest::guests::need
