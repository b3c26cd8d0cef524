// SPDX-License-Identifier: GPL-2.0-only
// Every syndrome, register file and device answer: what a load leaves and a store sends, against a machine that moves
// single bytes through a fake bus, as the architecture describes the instructions.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <kvm/devices/mmio.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/kvm/devices/cpu_fixture.hpp>

namespace {
using namespace nest;
using namespace nest::kvm::abi;
using Outcome = kvm::Mmio::Outcome;

void require(bool ok, const char* what) {
    if (ok)
        return;
    std::fprintf(stderr, "mmio: %s\n", what);
    std::abort();
}

struct Device final : kvm::MmioDevices {
    bool takes = false;
    u64 answer = 0, written = 0;
    bool mmio_read(arch::Ipa, unsigned, u64& value) override {
        value = answer;
        return takes;
    }
    Written mmio_write(arch::Ipa, unsigned, u64 value) override {
        written = value;
        return takes ? Written::kDone : Written::kNobody;
    }
};

struct Case {
    u64 esr, ipa, sctlr, pstate, gpr, answer;
    u8 flags;  // 0 in a slot, 1 NISV to user, 2 a device takes it, 3 abandon
};

// What a short input leaves open is drawn from its bytes, so that every input is a whole case.
Case make_case(const u8* data, size_t size) {
    u64 random = 0x9e37'79b9'7f4a'7c15;
    for (size_t i = 0; i < size; i++)
        random = (random ^ data[i]) * 0x100'0000'01b3;
    u64 words[7];
    for (u64& word : words) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        word = random;
    }
    Case c{words[0], words[1], words[2], words[3], words[4], words[5], static_cast<u8>(words[6])};
    std::memcpy(&c, data, size < sizeof(c) ? size : sizeof(c));
    c.pstate &= ~u64{0xf} | 5;  // EL0t or EL1; with bit 4 AArch32
    return c;
}

// MemSingle of the guest: byte i of memory is byte i of a little-endian register, or from the other end.
u64 model_load(const u8* memory, unsigned bytes, bool big, bool sign, bool wide) {
    u64 value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= u64{memory[big ? bytes - 1 - i : i]} << (8 * i);
    if (sign && value >> (8 * bytes - 1))
        for (unsigned i = bytes; i < 8; i++)
            value |= u64{0xff} << (8 * i);
    return wide ? value : static_cast<u32>(value);
}

bool model_big(const Case& c) {
    if (c.pstate & 0x10)
        return c.pstate >> 9 & 1;
    return c.sctlr >> ((c.pstate & 0xf) == 0 ? 24 : 25) & 1;
}

void check_access(const Case& c, kvm::CpuState& state, const kvm::CpuState& before, const Device& device,
                  const Run& run, kvm::Mmio& mmio, Outcome outcome) {
    unsigned bytes = 1u << (c.esr >> 22 & 3), rt = c.esr >> 16 & 31;
    bool write = c.esr >> 6 & 1, big = model_big(c), user = outcome == Outcome::kUser;
    require(outcome == (device.takes ? Outcome::kDone : Outcome::kUser), "the wrong place answered");
    u8 memory[8] = {};
    if (write) {
        for (unsigned i = 0; i < bytes; i++)
            memory[big ? bytes - 1 - i : i] = static_cast<u8>((rt == 31 ? 0 : c.gpr) >> (8 * i));
        u64 value = 0;
        std::memcpy(&value, memory, bytes);
        require(device.written == value, "a store sent something else");
        require(!user || std::memcmp(run.mmio.data, memory, bytes) == 0, "kvm_run has something else");
    }
    if (user) {
        require(run.exit_reason == KVM_EXIT_MMIO && run.mmio.phys_addr == c.ipa && run.mmio.len == bytes &&
                    run.mmio.is_write == write,
                "kvm_run is filled in wrongly");
        require(state.context.pc == before.context.pc, "stepped before the answer");
        Run answer = run;
        std::memcpy(answer.mmio.data, &c.answer, 8);
        answer.mmio.len = 0;
        if (c.flags & 8) {
            mmio.abandon();
            mmio.complete(state, answer);
            require(state.context.pc == before.context.pc, "an abandoned access was finished");
            return;
        }
        mmio.complete(state, answer);
    }
    require(!mmio.pending(), "still waiting");
    std::memcpy(memory, &c.answer, 8);
    for (unsigned i = 0; i < 31; i++) {
        u64 want = before.context.x[i];
        if (!write && i == rt)
            want = model_load(memory, bytes, big, c.esr >> 21 & 1, c.esr >> 15 & 1);
        require(state.context.x[i] == want, "a register has something else");
    }
    require(state.context.pc != before.context.pc, "not stepped over");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Case c = make_case(data, size);
    test::port().reset();
    test::TestCpu cpu, old;
    for (unsigned i = 0; i < 31; i++)
        cpu.state.context.x[i] = c.gpr;
    cpu.state.context.pstate = c.pstate;
    cpu.state.context.pc = 0x4000;
    cpu.state.context.esr = c.esr;
    old.state.context = cpu.state.context;
    kvm::IoBus bus;
    kvm::Mmio mmio;
    kvm::VcpuStats stats{};
    Device device;
    device.takes = c.flags & 4;
    device.answer = c.answer;
    Run run{};
    bool in_slot = c.flags & 1, nisv = c.flags & 2;
    const kvm::Mmio::Abort abort{c.esr, arch::Ipa(c.ipa), c.sctlr, in_slot, nisv};
    Outcome outcome = mmio.handle(cpu.state, abort, device, bus, run, stats);

    unsigned code = c.esr & 0x3f;
    bool typed = (code >= 4 && code <= 15) || (code & 0x3e) == 0x2a;
    if (c.esr >> 7 & 1) {
        require(outcome == Outcome::kExternalAbort, "a table walk");
    } else if (!in_slot && c.esr >> 8 & 1) {
        require(outcome == Outcome::kDone && cpu.state.context.pc != 0x4000, "cache maintenance");
    } else if (!(c.esr >> 24 & 1)) {
        require(outcome == (nisv ? Outcome::kUser : Outcome::kNoSyndrome), "no syndrome");
        require(!nisv || (run.exit_reason == KVM_EXIT_ARM_NISV && run.arm_nisv.esr_iss == (c.esr & 0x17f)), "NISV");
    } else if (typed && c.esr >> 11 & 3) {
        require(outcome == Outcome::kUser && run.exit_reason == KVM_EXIT_ARM_LDST64B, "64 bytes");
    } else {
        check_access(c, cpu.state, old.state, device, run, mmio, outcome);
        return 0;
    }
    require(!mmio.pending(), "nothing to wait for");
    return 0;
}
