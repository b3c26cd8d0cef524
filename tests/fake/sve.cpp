// SPDX-License-Identifier: GPL-2.0-only
#include <tests/fake/sve.hpp>

#include <arch/cpu.hpp>
#include <arch/registers.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tests/fake/port.hpp>
#include <vhe/sve_image.hpp>

namespace nest::test {
namespace {

// Quadwords by ZCR_EL2.LEN, rounded down to a length that the CPU has; 128 bits always are.
unsigned quadwords(u32 lengths) {
    const auto len = static_cast<unsigned>(arch::cpu().registers[arch::SysReg::ZCR_EL2] & 15);
    return vhe::longest_vq((lengths | 1) & vhe::lengths_up_to(len + 1));
}

void check_context() {
    if (!thread_context().irqs_off) {
        std::fprintf(stderr, "fake CPU: SVE's registers are used with interrupts on\n");
        std::abort();
    }
}

}  // namespace

unsigned long FakeSve::vector_bytes() const {
    check_context();
    return quadwords(lengths) * vhe::kSveQuadword;
}

void FakeSve::save(u8* to) {
    const size_t bytes = vector_bytes();
    saves++;
    for (unsigned n = 0; n < 32; n++)
        std::memcpy(to + n * bytes, z[n], bytes);
    for (unsigned n = 0; n < 17; n++)
        std::memcpy(to + 32 * bytes + n * bytes / 8, p[n], bytes / 8);
}

void FakeSve::load(const u8* from) {
    const size_t bytes = vector_bytes();
    loads++;
    std::memset(z, 0, sizeof(z));
    std::memset(p, 0, sizeof(p));
    for (unsigned n = 0; n < 32; n++)
        std::memcpy(z[n], from + n * bytes, bytes);
    for (unsigned n = 0; n < 17; n++)
        std::memcpy(p[n], from + 32 * bytes + n * bytes / 8, bytes / 8);
}

}  // namespace nest::test
