// SPDX-License-Identifier: GPL-2.0-only
// What a CPU can be told to do: the operations of arch::Cpu (arch/cpu.hpp), and their operands.
#pragma once
#include <arch/registers.hpp>
#include <concepts>

namespace nest::arch {

// [DDI0487] C5.5. The operand is Xt in the instruction's own format (IPA[51:12] in bits 39:0, TTL in 47:44).
// R…: a range (FEAT_TLBIRANGE), TG 47:46, SCALE 45:44, NUM 43:39, TTL 38:37, BADDR 36:0.
enum class Tlbi : u8 {
    VMALLE1IS, VMALLS12E1IS, ALLE1, ALLE1IS, IPAS2E1IS, IPAS2LE1IS, VMALLE1, VAE2IS, IPAS2E1, RIPAS2E1IS,
    VAE1IS, ASIDE1IS, VAAE1IS, VALE1IS, VAALE1IS, RVAE1IS, RVAAE1IS, RVALE1IS, RVAALE1IS
};
enum class Barrier : u8 { NSH, ISH, ISHST, SY, NSHST };
enum class AddressTranslation : u8 { S1E1R };
enum class CacheOp : u8 { CVAC, CIVAC, CVAU, IVAU, IALLUIS };

// What NativeCpu and FakeCpu have in common.
template <typename C>
concept CpuOperations = requires(C& cpu, u64 operand, const u64 (&key)[2]) {
    { cpu.template read<HCR_EL2>() } -> std::same_as<HCR_EL2>;
    cpu.write(HCR_EL2{});
    cpu.isb();
    cpu.template dsb<Barrier::ISH>();
    cpu.template tlbi<Tlbi::IPAS2E1IS>(operand);
    cpu.esb();
    // False: the walk met an external abort, and PAR_EL1 was not written.
    { cpu.template at<AddressTranslation::S1E1R>(operand) } -> std::same_as<bool>;
    cpu.template cache<CacheOp::CIVAC>(operand);
    // PACGA of (operand, modifier) with that key: a code in the upper half of the result.
    { cpu.pacga(operand, operand, key) } -> std::same_as<u64>;
};

}  // namespace nest::arch
