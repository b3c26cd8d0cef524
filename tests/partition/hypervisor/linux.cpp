// SPDX-License-Identifier: GPL-2.0-only
#include "linux.hpp"

#include "../../guests/bare/smp.hpp"
#include "console.hpp"
#include "images.hpp"
#include "tables.hpp"

namespace nest::partition {
namespace {

using namespace guests;

// PSCI 1.1 ([DEN0022]), for one CPU.
constexpr u32 kVersion = 0x8400'0000, kMigrateInfoType = 0x8400'0006, kSystemReset = 0x8400'0009;
constexpr u32 kFeatures = 0x8400'000a;
constexpr u64 kNotSupported = ~u64{0}, kNoMigration = 2;

u64 answer(u32 function, u64 argument) {
    switch (function) {
    case kVersion: return 1 << 16 | 1;
    case kMigrateInfoType: return kNoMigration;
    case kFeatures:
        switch (static_cast<u32>(argument)) {
        case kVersion: case kMigrateInfoType: case kSystemOff: case kSystemReset: case kFeatures: return 0;
        }
    }
    return kNotSupported;
}

// A data abort's access ([DDI0487] D24.2.40, ISS of EC 0x24), valid where the syndrome has ISV.
struct Access {
    bool valid, write;
    unsigned size, target;
    u64 address;
};
Access access_of(const Frame& f) {
    return {.valid = field(f.esr, 24, 24) != 0,
            .write = field(f.esr, 6, 6) != 0,
            .size = 1u << field(f.esr, 23, 22),
            .target = static_cast<unsigned>(field(f.esr, 20, 16)),
            .address = fault_ipa(f)};
}

u64 load(u64 address, unsigned size) {
    switch (size) {
    case 1: return *reinterpret_cast<volatile unsigned char*>(address);
    case 2: return *reinterpret_cast<volatile unsigned short*>(address);
    case 4: return memory32(address);
    default: return memory64(address);
    }
}
void store(u64 address, unsigned size, u64 value) {
    switch (size) {
    case 1: *reinterpret_cast<volatile unsigned char*>(address) = static_cast<unsigned char>(value); break;
    case 2: *reinterpret_cast<volatile unsigned short*>(address) = static_cast<unsigned short>(value); break;
    case 4: memory32(address) = static_cast<u32>(value); break;
    default: memory64(address) = value;
    }
}

// The distributor's first frame is Linux's but for GICD_CTLR, which would silence the RTOS's interrupts as well. (Of the interrupts
// there only SPIs act: those of a CPU are its redistributor's.)
void emulate(Frame& f, const Access& access, LinuxExits& exits) {
    const bool distributor = access.address >= kDistributor && access.address < kDistributor + 0x1000;
    ++(distributor ? exits.distributor : exits.others);
    if (access.write) {
        if (distributor && access.address != kDistributor)
            store(access.address, access.size, access.target == 31 ? 0 : f.x[access.target]);
    } else if (access.target != 31) {
        f.x[access.target] = distributor ? load(access.address, access.size) : 0;
    }
    f.elr += 4;
}

}  // namespace

LinuxEnd run_linux(LinuxExits& exits) {
    for (const Image& image : kLinuxImages)
        place(image);
    use_partition(Owner::kLinux);
    Frame f = {};
    f.x[0] = kDeviceTree;
    f.elr = kLinuxEntry;
    f.spsr = kEl1h;
    for (;;) {
        f = go_on(f);
        const Access access = access_of(f);
        if (f.vector == kVectorLower && ec(f.esr) == kEcHvc) {
            exits.calls++;
            if (f.x[0] == kSystemOff || f.x[0] == kSystemReset)
                return f.x[0] == kSystemOff ? LinuxEnd::kOff : LinuxEnd::kReset;
            f.x[0] = answer(static_cast<u32>(f.x[0]), f.x[1]);
        } else if (f.vector == kVectorLower && ec(f.esr) == kEcDataLower && access.valid && access.address < kLinuxRam) {
            emulate(f, access, exits);
        } else {
            print("linux: lost at vector ", f.vector, ", ESR_EL2 ");
            print_hex(f.esr);
            print(", ELR_EL2 ");
            print_hex(f.elr);
            print(", HPFAR_EL2 ");
            print_hex(f.hpfar);
            print("\n");
            return LinuxEnd::kLost;
        }
    }
}

}  // namespace nest::partition
