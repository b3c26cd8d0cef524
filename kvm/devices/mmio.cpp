// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/devices/mmio.hpp>

namespace nest::kvm {
namespace {

using arch::AbortIss;

constexpr u64 kPstateE = u64{1} << 9;  // AArch32

constexpr u64 low_bytes(u64 value, unsigned bytes) {
    return bytes >= 8 ? value : value & ((u64{1} << (8 * bytes)) - 1);
}
// Reverses the low `bytes`; the rest is zero.
constexpr u64 reversed(u64 value, unsigned bytes) { return __builtin_bswap64(value) >> (64 - 8 * bytes); }

// LD64B and ST64B*: with these fault codes, ISS[12:11] is the load/store type ([DDI0487] ISS of a data abort, LST).
bool is_64_byte_access(AbortIss iss) {
    u64 code = iss.get<AbortIss::FSC>();
    bool has_type = (code >= 0x04 && code <= 0x0f) || code == 0x2a || code == 0x2b;
    return has_type && iss.get<AbortIss::SET>() != 0;
}

void nisv_exit(abi::Run& run, u32 reason, u64 iss, arch::Ipa ipa) {
    run.exit_reason = reason;
    run.arm_nisv.esr_iss = iss;
    run.arm_nisv.fault_ipa = ipa.raw;
}

void mmio_exit(abi::Run& run, const MmioAccess& access) {
    run.exit_reason = abi::KVM_EXIT_MMIO;
    run.mmio.phys_addr = access.ipa.raw;
    run.mmio.len = access.bytes;
    run.mmio.is_write = access.write;
    if (access.write)
        for (unsigned i = 0; i < access.bytes; i++)
            run.mmio.data[i] = static_cast<u8>(access.value >> (8 * i));
}

}  // namespace

bool data_big_endian(const CpuState& state, u64 sctlr) {
    using S = arch::SCTLR_EL1;
    if (state.aarch32())
        return state.context.pstate & kPstateE;
    return sctlr & (state.at_el0() ? S::E0E::kMask : S::EE::kMask);
}

MmioAccess decode_mmio(AbortIss iss, arch::Ipa ipa, const CpuState& state, u64 sctlr) {
    MmioAccess access;
    access.ipa = ipa;
    access.bytes = static_cast<u8>(1u << iss.get<AbortIss::SAS>());
    access.gpr = static_cast<u8>(iss.get<AbortIss::SRT>());
    access.write = iss.get<AbortIss::WnR>();
    access.sign_extend = iss.get<AbortIss::SSE>();
    access.sixty_four = iss.get<AbortIss::SF>();
    access.big_endian = data_big_endian(state, sctlr);
    if (access.write) {
        u64 value = low_bytes(state.gpr(access.gpr), access.bytes);
        access.value = access.big_endian ? reversed(value, access.bytes) : value;
    }
    return access;
}

u64 loaded_value(const MmioAccess& access, u64 bus_value) {
    u64 value = low_bytes(bus_value, access.bytes);
    if (access.big_endian)
        value = reversed(value, access.bytes);
    // The sign bit is that of the value as the guest sees it, so the bytes are put into the guest's order first.
    if (access.sign_extend && access.bytes < 8) {
        u64 sign = u64{1} << (8 * access.bytes - 1);
        value = (value ^ sign) - sign;
    }
    return access.sixty_four ? value : value & 0xffff'ffff;
}

Mmio::Outcome Mmio::handle(CpuState& state, const Abort& abort, MmioDevices& devices, IoBus& bus, abi::Run& run,
                           VcpuStats& stats) {
    auto iss = AbortIss::of(abort.esr);
    if (iss.get<AbortIss::S1PTW>())
        return Outcome::kExternalAbort;
    // Cache maintenance of an address without memory: no cache holds anything of it, so there is nothing to do.
    if (!abort.in_slot && iss.get<AbortIss::CM>()) {
        skip_instruction(state);
        return Outcome::kDone;
    }
    if (!iss.get<AbortIss::ISV>()) {
        if (!abort.nisv_to_user)
            return Outcome::kNoSyndrome;
        constexpr u64 kVisible = AbortIss::mask<AbortIss::CM, AbortIss::WnR, AbortIss::FSC>();
        nisv_exit(run, abi::KVM_EXIT_ARM_NISV, abort.esr & kVisible, abort.ipa);
        return Outcome::kUser;
    }
    if (is_64_byte_access(iss)) {
        nisv_exit(run, abi::KVM_EXIT_ARM_LDST64B, abort.esr & ~AbortIss::FSC::kMask, abort.ipa);
        return Outcome::kUser;
    }

    MmioAccess access = decode_mmio(iss, abort.ipa, state, abort.sctlr);
    u64 value = 0;
    bool done;
    if (access.write) {
        const MmioDevices::Written written = devices.mmio_write(access.ipa, access.bytes, access.value);
        if (written == MmioDevices::Written::kAgain)
            return Outcome::kAgain;
        done = written == MmioDevices::Written::kDone;
        if (!done && bus.write(access.ipa, access.bytes, access.value)) {
            bus_page_ = access.ipa.align_down(arch::kPageSize);
            done = true;
        }
    } else {
        done = devices.mmio_read(access.ipa, access.bytes, value);
    }
    if (done) {
        stats.mmio_exit_kernel++;
        finish_mmio(state, access, value);
        return Outcome::kDone;
    }
    stats.mmio_exit_user++;
    mmio_exit(run, access);
    access_ = access;
    pending_ = true;
    return Outcome::kUser;
}

bool Mmio::ring(CpuState& state, const Abort& abort, IoBus& bus, VcpuStats& stats) {
    const auto iss = AbortIss::of(abort.esr);
    constexpr u64 kStore = AbortIss::mask<AbortIss::ISV, AbortIss::WnR>();
    if ((iss.raw & (kStore | AbortIss::mask<AbortIss::S1PTW, AbortIss::CM, AbortIss::SET>())) != kStore)
        return false;
    const MmioAccess access = decode_mmio(iss, abort.ipa, state, abort.sctlr);
    if (!bus.write(access.ipa, access.bytes, access.value))
        return false;
    stats.mmio_exit_kernel++;
    finish_mmio(state, access, 0);
    return true;
}

void Mmio::complete(CpuState& state, const abi::Run& run) {
    if (!pending_)
        return;
    pending_ = false;
    // Width and address come from access_, as the VMM may have changed kvm_run; only the data is read from there.
    u64 value = 0;
    for (unsigned i = 0; i < access_.bytes; i++)
        value |= u64{static_cast<volatile const u8&>(run.mmio.data[i])} << (8 * i);
    finish_mmio(state, access_, value);
}

}  // namespace nest::kvm
