// SPDX-License-Identifier: GPL-2.0-only
// A guest for QEMU's virt board under KVM: what an exit to QEMU itself costs, and for comparison one that the hypervisor
// answers. Prints one line of JSON and powers off.
#include "sampling.hpp"

namespace nest::qemu_guest {
namespace {

// The first virtio-mmio transport. QEMU emulates it in user space, whether or not a device is behind it; kvm-unit-tests
// reads the same register.
constexpr u64 kVirtio = 0x0a00'0000;
constexpr u64 kMagic = kVirtio, kDeviceId = kVirtio + 8;
constexpr u32 kMagicValue = 0x7472'6976;

constexpr u64 kSmcccVersion = 0x8000'0000, kSystemOff = 0x8400'0008;

inline u32 load(u64 address) { return memory32(address); }

// By HVC: the conduit of a VM without virtual EL2.
inline u64 call(u64 function) {
    register u64 x0 asm("x0") = function;
    asm volatile("hvc #0" : "+r"(x0)::"memory", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                 "x13", "x14", "x15", "x16", "x17");
    return x0;
}

[[noreturn]] void power_off() {
    call(kSystemOff);
    for (;;)
        asm volatile("wfi");
}

[[noreturn]] void fail(const char* what, u64 got) {
    put("\nqemu_guest: ");
    put(what);
    put(": 0x");
    put(got, 16);
    put("\n");
    power_off();
}

}  // namespace
}  // namespace nest::qemu_guest

extern "C" void guest_main() {
    using namespace nest::qemu_guest;
    enable_console();
    if (const u32 magic = load(kMagic); magic != kMagicValue)
        fail("no virtio-mmio at its address, magic", magic);
    if (const u64 version = call(kSmcccVersion); version < 0x1'0000 || version > 0xffff'ffff)
        fail("SMCCC_VERSION", version);
    put("\n{\"benchmarks\": [");
    measure("mmio-user-qemu", [] { load(kDeviceId); });
    put(", ");
    measure("hypercall-qemu", [] { call(kSmcccVersion); });
    put("]}\n");
    power_off();
}

extern "C" void unexpected_exception(nest::guests::u64 vector, nest::guests::u64 syndrome, nest::guests::u64 address) {
    using namespace nest::qemu_guest;
    put("\nqemu_guest: exception at vector 0x");
    put(vector, 16);
    put(", ELR 0x");
    put(address, 16);
    put(", ESR 0x");
    put(syndrome, 16);
    put("\n");
    power_off();
}
