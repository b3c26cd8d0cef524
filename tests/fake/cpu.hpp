// SPDX-License-Identifier: GPL-2.0-only
// FakeCpu: the hardware as a register map plus an ordered log of everything done to it.
#pragma once
#include <arch/cpu.hpp>
#include <functional>
#include <map>
#include <string>
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
    bool log_reads = false;
    // What an address translation does to PAR_EL1; false: its walk meets an external abort. Without it, PAR_EL1 stays.
    std::function<bool(u64 va, u64& par)> translation;
    u64 deferred_serror = 0;  // what an ESB finds pending, for DISR_EL1

    template <typename R>
    R read() {
        if (log_reads)
            log.push_back({Event::kRead, static_cast<u64>(R::kReg), registers[R::kReg]});
        return R::of(registers[R::kReg]);
    }
    template <typename R>
    void write(R reg) {
        registers[R::kReg] = reg.raw;
        log.push_back({Event::kWrite, static_cast<u64>(R::kReg), reg.raw});
    }
    void isb() { log.push_back({Event::kIsb}); }
    void esb() {
        log.push_back({Event::kEsb});
        if (deferred_serror)
            registers[arch::SysReg::DISR_EL1] = deferred_serror;
        deferred_serror = 0;
    }
    template <arch::Barrier B>
    void dsb() { log.push_back({Event::kDsb, static_cast<u64>(B)}); }
    template <arch::Tlbi Op>
    void tlbi(u64 operand = 0) { log.push_back({Event::kTlbi, static_cast<u64>(Op), operand}); }
    template <arch::AddressTranslation Op>
    bool at(u64 va) {
        log.push_back({Event::kAt, static_cast<u64>(Op), va});
        return !translation || translation(va, registers[arch::SysReg::PAR_EL1]);
    }
    template <arch::CacheOp Op>
    void cache(u64 va = 0) { log.push_back({Event::kCache, static_cast<u64>(Op), va}); }

    // Where in the log the first write of this register is, or -1.
    int position_of_write(arch::SysReg reg) const {
        for (size_t i = 0; i < log.size(); i++)
            if (log[i].kind == Event::kWrite && log[i].what == static_cast<u64>(reg))
                return static_cast<int>(i);
        return -1;
    }
};
static_assert(arch::Cpu<FakeCpu>);

}  // namespace nest::test
