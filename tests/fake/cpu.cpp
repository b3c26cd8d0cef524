// SPDX-License-Identifier: GPL-2.0-only
#include <arch/cpu.hpp>
#include <cstdlib>

namespace nest::test {

using arch::SysReg;

void FakeCpu::note(const Event& event) {
    if (record == Record::kNothing)
        return;
    tlbis += event.kind == Event::kTlbi;
    const bool cleaning = event.kind == Event::kCache && event.what == static_cast<u64>(arch::CacheOp::CIVAC);
    lines_cleaned += cleaning;
    if (record == Record::kOrder && (log_cleaning || !cleaning))
        log.push_back(event);
    if (after)
        after(event);
}

u64 FakeCpu::read_register(SysReg reg) {
    const auto found = registers.find(reg);
    const u64 kept = found == registers.end() ? 0 : found->second;
    const u64 value = reads_as ? reads_as(reg, kept) : kept;
    if (log_reads)
        note({Event::kRead, static_cast<u64>(reg), value});
    return value;
}

void FakeCpu::write_register(SysReg reg, u64 value) {
    if (record == Record::kNothing)
        std::abort();
    registers[reg] = value;
    note({Event::kWrite, static_cast<u64>(reg), value});
}

void FakeCpu::esb() {
    if (deferred_serror)
        registers[SysReg::DISR_EL1] = deferred_serror;
    deferred_serror = 0;
    note({Event::kEsb});
}

bool FakeCpu::translate(const Event& at) {
    note(at);
    return !translation || translation(at.operand, registers[SysReg::PAR_EL1]);
}

u64 FakeCpu::pacga(u64 address, u64 modifier, const u64 (&key)[2]) {
    if (authentication_code)
        return authentication_code(address, modifier, key);
    return (address ^ modifier * 0x9e37'79b9'7f4a'7c15 ^ key[0] ^ (key[1] << 1)) & 0xffff'ffff'0000'0000;
}

int FakeCpu::position_of_write(SysReg reg) const {
    for (size_t i = 0; i < log.size(); i++)
        if (log[i].kind == Event::kWrite && log[i].what == static_cast<u64>(reg))
            return static_cast<int>(i);
    return -1;
}

}  // namespace nest::test

namespace nest::arch {

Cpu& cpu() {
    static Cpu the_cpu;
    return the_cpu;
}

}  // namespace nest::arch
