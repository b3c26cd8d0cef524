// SPDX-License-Identifier: GPL-2.0-only
// NativeCpu: the machine itself. AArch64 only; any EL that may access the register.
#pragma once
#include <arch/operations.hpp>
#include <arch/errata.hpp>

#ifndef __aarch64__
#error "NativeCpu is the Arm machine; the host build uses FakeCpu"
#endif

// AT S1E1R in vhe/enter.S, whose vectors survive an external abort on the walk; false: there was one.
extern "C" bool nest_at_s1e1r(nest::u64 va);

namespace nest::arch {

class NativeCpu {
public:
    template <typename R>
    R read() const {
        constexpr Encoding e = encoding_of(R::kReg);
        u64 value;
        asm volatile("mrs %0, s%c1_%c2_c%c3_c%c4_%c5"
                     : "=r"(value)
                     : "i"(e.op0()), "i"(e.op1()), "i"(e.crn()), "i"(e.crm()), "i"(e.op2()));
        return R::of(value);
    }
    template <typename R>
    void write(R reg) const {
        constexpr Encoding e = encoding_of(R::kReg);
        constexpr bool kHcr = R::kReg == SysReg::HCR_EL2;
        const bool drain = kHcr && has_erratum(Erratum::kDrainHcr);
        if (drain) [[unlikely]]
            dsb<Barrier::NSH>();
        asm volatile("msr s%c1_%c2_c%c3_c%c4_%c5, %x0"
                     :
                     : "rZ"(reg.raw), "i"(e.op0()), "i"(e.op1()), "i"(e.crn()), "i"(e.crm()), "i"(e.op2())
                     : "memory");
        if (drain) [[unlikely]]
            isb();
    }
    void isb() const { asm volatile("isb" ::: "memory"); }
    template <Barrier B>
    void dsb() const {
        if constexpr (B == Barrier::NSH)
            asm volatile("dsb nsh" ::: "memory");
        else if constexpr (B == Barrier::ISH)
            asm volatile("dsb ish" ::: "memory");
        else if constexpr (B == Barrier::ISHST)
            asm volatile("dsb ishst" ::: "memory");
        else if constexpr (B == Barrier::NSHST)
            asm volatile("dsb nshst" ::: "memory");
        else
            asm volatile("dsb sy" ::: "memory");
    }
    template <Tlbi Op>
    void tlbi(u64 operand = 0) const {
        if constexpr (Op == Tlbi::VMALLE1IS)
            asm volatile("tlbi vmalle1is" ::: "memory");
        else if constexpr (Op == Tlbi::VMALLS12E1IS)
            asm volatile("tlbi vmalls12e1is" ::: "memory");
        else if constexpr (Op == Tlbi::ALLE1)
            asm volatile("tlbi alle1" ::: "memory");
        else if constexpr (Op == Tlbi::ALLE1IS)
            asm volatile("tlbi alle1is" ::: "memory");
        else if constexpr (Op == Tlbi::IPAS2E1IS)
            asm volatile("tlbi ipas2e1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::IPAS2LE1IS)
            asm volatile("tlbi ipas2le1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::IPAS2E1)
            asm volatile("tlbi ipas2e1, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::RIPAS2E1IS)  // by its encoding: the assembler may not know Armv8.4
            asm volatile("sys #4, c8, c0, #2, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::VAE1IS)
            asm volatile("tlbi vae1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::ASIDE1IS)
            asm volatile("tlbi aside1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::VAAE1IS)
            asm volatile("tlbi vaae1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::VALE1IS)
            asm volatile("tlbi vale1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::VAALE1IS)
            asm volatile("tlbi vaale1is, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::RVAE1IS)
            asm volatile("sys #0, c8, c2, #1, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::RVAAE1IS)
            asm volatile("sys #0, c8, c2, #3, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::RVALE1IS)
            asm volatile("sys #0, c8, c2, #5, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::RVAALE1IS)
            asm volatile("sys #0, c8, c2, #7, %0" ::"r"(operand) : "memory");
        else if constexpr (Op == Tlbi::VMALLE1)
            asm volatile("tlbi vmalle1" ::: "memory");
        else
            asm volatile("tlbi vae2is, %0" ::"r"(operand) : "memory");
    }
    void esb() const { asm volatile("hint #16" ::: "memory"); }
    template <AddressTranslation Op>
    bool at(u64 va) const {
        static_assert(Op == AddressTranslation::S1E1R);
        return nest_at_s1e1r(va);
    }
    template <CacheOp Op>
    void cache(u64 va = 0) const {
        if constexpr (Op == CacheOp::CVAC)
            asm volatile("dc cvac, %0" ::"r"(va) : "memory");
        else if constexpr (Op == CacheOp::CIVAC)
            asm volatile("dc civac, %0" ::"r"(va) : "memory");
        else if constexpr (Op == CacheOp::CVAU)
            asm volatile("dc cvau, %0" ::"r"(va) : "memory");
        else if constexpr (Op == CacheOp::IVAU)
            asm volatile("ic ivau, %0" ::"r"(va) : "memory");
        else
            asm volatile("ic ialluis" ::: "memory");
    }
    // With FEAT_PAuth only, interrupts off. APGAKey is swapped meanwhile; the kernel signs no return address with it.
    u64 pacga(u64 address, u64 modifier, const u64 (&key)[2]) const {
        const auto low = read<APGAKeyLo_EL1>();
        const auto high = read<APGAKeyHi_EL1>();
        write(APGAKeyLo_EL1::of(key[0]));
        write(APGAKeyHi_EL1::of(key[1]));
        isb();
        // pacga x0, x0, x1 by its encoding: the assembler's default architecture may not know it.
        register u64 x0 asm("x0") = address;
        register u64 x1 asm("x1") = modifier;
        asm volatile(".inst 0x9ac13000" : "+r"(x0) : "r"(x1));
        const u64 code = x0;
        isb();
        write(low);
        write(high);
        return code;
    }
};
static_assert(CpuOperations<NativeCpu>);

}  // namespace nest::arch
