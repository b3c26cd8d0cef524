// SPDX-License-Identifier: GPL-2.0-only
// FakeCpu: the hardware as a register map plus an ordered log of everything done to it.
#pragma once
#include <arch/operations.hpp>
#include <functional>
#include <map>
#include <vector>

namespace nest::test {

struct Event {
    enum Kind { kRead, kWrite, kIsb, kDsb, kEsb, kTlbi, kAt, kCache } kind;
    u64 what = 0;     // SysReg, Barrier, Tlbi, AddressTranslation or CacheOp
    u64 operand = 0;  // value written, or the instruction's operand
    bool operator==(const Event&) const = default;
};

class FakeCpu {
public:
    std::map<arch::SysReg, u64> registers;
    std::vector<Event> log;

    // What becomes of an operation.
    enum class Record : u8 {
        kOrder,    // it goes into the log
        kCounts,   // it is counted: for so many that a log would take gigabytes
        kNothing,  // threads share this CPU: a write of a register aborts
    } record = Record::kOrder;
    bool log_reads = false;
    bool log_cleaning = true;  // DC CIVAC; else lines_cleaned alone counts them
    u64 tlbis = 0;
    u64 lines_cleaned = 0;

    // Called with each operation that is recorded, when it has had its effect.
    std::function<void(const Event&)> after;
    // What a register reads as that holds `kept`. Without it: just that.
    std::function<u64(arch::SysReg reg, u64 kept)> reads_as;
    // What an address translation does to PAR_EL1; false: its walk meets an external abort. Without it, PAR_EL1 stays.
    std::function<bool(u64 va, u64& par)> translation;
    // PACGA, in place of QARMA. Without it, a code that depends on every input.
    std::function<u64(u64 address, u64 modifier, const u64 (&key)[2])> authentication_code;
    u64 deferred_serror = 0;  // what an ESB finds pending, for DISR_EL1

    template <typename R>
    R read() { return R::of(read_register(R::kReg)); }
    template <typename R>
    void write(R reg) { write_register(R::kReg, reg.raw); }
    void isb() { note({Event::kIsb}); }
    void esb();
    template <arch::Barrier B>
    void dsb() { note({Event::kDsb, static_cast<u64>(B)}); }
    template <arch::Tlbi Op>
    void tlbi(u64 operand = 0) { note({Event::kTlbi, static_cast<u64>(Op), operand}); }
    template <arch::AddressTranslation Op>
    bool at(u64 va) { return translate({Event::kAt, static_cast<u64>(Op), va}); }
    template <arch::CacheOp Op>
    void cache(u64 va = 0) { note({Event::kCache, static_cast<u64>(Op), va}); }
    u64 pacga(u64 address, u64 modifier, const u64 (&key)[2]);

    // Where in the log the first write of this register is, or -1.
    int position_of_write(arch::SysReg reg) const;

private:
    u64 read_register(arch::SysReg reg);
    void write_register(arch::SysReg reg, u64 value);
    bool translate(const Event& at);
    void note(const Event& event);
};
static_assert(arch::CpuOperations<FakeCpu>);

}  // namespace nest::test
