// SPDX-License-Identifier: GPL-2.0-only
// True Random Number Generator firmware interface, Arm DEN0098 1.0, from the host's generator.
#include <kvm/firmware/smccc_handlers.hpp>
#include <port/port.h>

namespace nest::kvm {
namespace {

constexpr u64 kVersion_1_0 = 0x10000;
// The interface's own status codes, which are not those of the calling convention.
constexpr u64 kInvalidParameter = static_cast<u64>(-2);
constexpr u32 kWordsOfResult = 3;

// Clears the random bits on the stack. The compiler drops ordinary stores to an array that is not read any more.
void forget(u64 (&bits)[kWordsOfResult]) {
    for (u64& word : bits)
        word = 0;
    asm volatile("" : : "r"(bits) : "memory");
}

}  // namespace

void answer_trng_version(SmcccAnswer& a) { a.returns(kVersion_1_0); }

void answer_trng_features(SmcccAnswer& a) {
    switch (a.x[1]) {
    case TRNG_VERSION:
    case TRNG_FEATURES:
    case TRNG_GET_UUID:
    case TRNG_RND32:
    case TRNG_RND64: return a.returns(kSmcccSuccess);
    default: return a.returns(kSmcccNotSupported);
    }
}

// 0d21e000-4384-11eb-8070-5244555e5a4c: what KVM's guests have always seen.
void answer_trng_uuid(SmcccAnswer& a) { a.returns(0x00e0'210d, 0xeb11'8443, 0x4452'7080, 0x4c5a'4e55); }

// Up to three registers of entropy; x3 has the least significant bits.
vhe::Next act_trng_rnd(SmcccCall& call) {
    const bool wide = call.fid == TRNG_RND64;
    const u32 wanted = static_cast<u32>(call.arg(1));
    if (wanted > kWordsOfResult * (wide ? 64 : 32))
        return call.returns(kInvalidParameter);
    u64 bits[kWordsOfResult] = {};
    nest_port_random(bits, (wanted + 63) / 64 * 8);
    if (wanted % 64)
        bits[wanted / 64] &= (u64{1} << (wanted % 64)) - 1;
    const vhe::Next next =
        wide ? call.returns(kSmcccSuccess, bits[2], bits[1], bits[0])
             : call.returns(kSmcccSuccess, static_cast<u32>(bits[1]), bits[0] >> 32, static_cast<u32>(bits[0]));
    forget(bits);
    return next;
}

}  // namespace nest::kvm
