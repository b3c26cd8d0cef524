// SPDX-License-Identifier: GPL-2.0-only
// FakeCpu: the hardware as a register map plus an ordered log of everything done to it.
#pragma once
#include <arch/cpu.hpp>
#include <map>
#include <string>
#include <vector>

namespace nest::test {

struct Event {
    enum Kind { kRead, kWrite, kIsb, kDsb, kTlbi, kAt, kCache } kind;
    u64 what = 0;     // SysReg, Barrier, Tlbi, AddressTranslation or CacheOp
    u64 operand = 0;  // value written, or the instruction's operand
    bool operator==(const Event&) const = default;
};

class FakeCpu {
public:
    std::map<arch::SysReg, u64> registers;
    std::vector<Event> log;
    bool log_reads = false;

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
    template <arch::Barrier B>
    void dsb() { log.push_back({Event::kDsb, static_cast<u64>(B)}); }
    template <arch::Tlbi Op>
    void tlbi(u64 operand = 0) { log.push_back({Event::kTlbi, static_cast<u64>(Op), operand}); }
    template <arch::AddressTranslation Op>
    void at(u64 va) { log.push_back({Event::kAt, static_cast<u64>(Op), va}); }
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
