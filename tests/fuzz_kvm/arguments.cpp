// SPDX-License-Identifier: GPL-2.0-only
#include "arguments.hpp"

#include <algorithm>
#include <cstring>

#include <arch/sysreg.hpp>
#include <kvm/abi/coalesced.hpp>
#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <kvm/abi/memory.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/abi/run.hpp>

namespace nest::fuzz_kvm::argument {
namespace {

namespace abi = nest::kvm::abi;

// The argument's place: scratch memory, at times so near its end that a copy breaks off. `tail`: behind the structure.
u64 place(World& world, Random& r, const void* argument, size_t size, size_t tail = 0) {
    char* at = here().scratch;
    if (r.percent(3))
        at = here().scratch + kScratch - r.below(size + tail + 1);
    if (r.percent(2))
        return reinterpret_cast<u64>(world.user_address(r));
    std::memcpy(at, argument, std::min<size_t>(size, static_cast<size_t>(here().scratch + kScratch - at)));
    return reinterpret_cast<u64>(at);
}

// One bit or one word of it wrong, now and then.
template <typename T>
u64 put(World& world, Random& r, T argument, size_t tail = 0) {
    auto* bytes = reinterpret_cast<u8*>(&argument);
    if (r.percent(8))
        bytes[r.below(sizeof argument)] ^= static_cast<u8>(1u << r.below(8));
    if (r.percent(6)) {
        const u64 odd = r.number();
        std::memcpy(bytes + r.below(sizeof argument / 4) * 4, &odd, 4);
    }
    return place(world, r, &argument, sizeof argument, tail);
}

u64 user(World& world, Random& r) { return reinterpret_cast<u64>(world.user_address(r)); }
u32 descriptor(World& world, Random& r, Kind kind) { return static_cast<u32>(world.pick(r, kind)); }
u32 memory_slot(Random& r) { return static_cast<u32>(r.percent(95) ? r.below(4) : r.number()); }

}  // namespace

u64 plain(World&, Random& r, size_t) { return r.percent(80) ? 0 : r.number(); }

u64 bytes(World& world, Random& r, size_t size) {
    u64 words[108];
    for (u64& word : words)
        word = r.number();
    return place(world, r, words, std::min(size, sizeof words));
}

u64 vm_type(World&, Random& r, size_t) { return r.percent(80) ? r.of({u64{0}, u64{40}, u64{36}, u64{32}, u64{48}}) : r.number(); }
u64 capability(World&, Random& r, size_t) { return r.percent(90) ? r.below(260) : r.number(); }
u64 vcpu_id(World&, Random& r, size_t) { return r.percent(80) ? r.below(4) : r.number() & (r.percent(50) ? 0x3ff : ~u64{0}); }

u64 dirty_log(World& world, Random& r, size_t) {
    return put(world, r, abi::DirtyLog{memory_slot(r), 0, user(world, r)});
}

u64 clear_dirty_log(World& world, Random& r, size_t) {
    const u64 pages = kExtraSize / kPage;
    const u64 first = r.percent(70) ? r.below(pages / 64 + 1) * 64 : r.number();
    return put(world, r, abi::ClearDirtyLog{memory_slot(r), static_cast<u32>(r.percent(70) ? pages - first : r.number()), first,
                                            user(world, r)});
}

u64 memory_region(World& world, Random& r, size_t) {
    const u32 flags = static_cast<u32>(r.percent(85) ? r.of({0, 1, 2, 1, 0, 3}) : r.number());
    abi::UserMemoryRegion2 region{};
    region.slot = memory_slot(r);
    region.flags = flags;
    struct {
        u64 at, size;
        char* user;
    } const known[] = {{kRam, kRamSize, world.ram()}, {kReadOnly, kExtraSize, world.read_only()},
                       {kShared, kExtraSize, world.shared()}};
    const auto& one = known[region.slot < 3 ? region.slot : r.below(3)];
    region.guest_phys_addr = one.at;
    region.memory_size = one.size;
    region.userspace_addr = reinterpret_cast<u64>(one.user);
    switch (r.below(7)) {
    case 0: region.memory_size = 0; break;
    case 1: region.guest_phys_addr = guest_address(r) & ~(kPage - 1); break;
    case 2: region.memory_size = r.below(one.size / kPage + 1) * kPage; break;
    case 3: region.userspace_addr = user(world, r) & ~(kPage - 1); break;
    case 4: region.memory_size = r.number() & ~(kPage - 1); break;
    }
    return put(world, r, region);
}

u64 irq_level(World& world, Random& r, size_t) {
    const u32 irq = static_cast<u32>(r.percent(90) ? r.below(3) << 24 | r.below(3) << 16 | r.below(r.percent(60) ? 40 : 300)
                                                   : r.number());
    return put(world, r, abi::IrqLevel{irq, static_cast<u32>(r.percent(90) ? r.below(2) : r.number())});
}

u64 coalesced_zone(World& world, Random& r, size_t) {
    const u64 address = r.percent(80) ? kNothing + r.below(16) * 0x100 : guest_address(r);
    return put(world, r, abi::CoalescedMmioZone{address, static_cast<u32>(r.percent(80) ? r.of({8, 0x100, 0x1000}) : r.number()),
                                                r.percent(90) ? 0u : 1u});
}

u64 gsi_routing(World& world, Random& r, size_t) {
    constexpr u32 kMost = 40;
    const u32 count = static_cast<u32>(r.below(kMost));
    char* entries = here().scratch + sizeof(abi::IrqRouting);
    for (u32 i = 0; i < count; i++) {
        abi::IrqRoutingEntry entry{};
        entry.gsi = static_cast<u32>(r.percent(95) ? r.below(64) : r.number());
        entry.type = static_cast<u32>(r.percent(98) ? r.of({1, 1, 1, 2}) : r.number());
        if (entry.type == abi::KVM_IRQ_ROUTING_MSI) {
            entry.flags = r.percent(90) ? abi::KVM_MSI_VALID_DEVID : 0;
            entry.u.msi = {static_cast<u32>(kIts + 0x1'0040), 0, static_cast<u32>(r.below(64)), static_cast<u32>(r.below(16))};
        } else {
            entry.u.irqchip = {0, static_cast<u32>(r.percent(95) ? r.below(64) : r.number())};
        }
        std::memcpy(entries + i * sizeof entry, &entry, sizeof entry);
    }
    return put(world, r, abi::IrqRouting{static_cast<u32>(r.percent(95) ? count : r.number()), 0}, count * sizeof(abi::IrqRoutingEntry));
}

u64 irqfd(World& world, Random& r, size_t) {
    abi::Irqfd args{};
    args.fd = descriptor(world, r, Kind::event);
    args.gsi = static_cast<u32>(r.percent(90) ? r.below(64) : r.number());
    args.flags = static_cast<u32>(r.percent(95) ? r.of({0, 0, 0, 1, 2, 1}) : r.number());
    args.resamplefd = descriptor(world, r, Kind::event);
    return put(world, r, args);
}

u64 ioeventfd(World& world, Random& r, size_t) {
    abi::Ioeventfd args{};
    args.datamatch = r.percent(80) ? r.below(4) : r.number();
    args.addr = r.percent(80) ? kNothing + r.below(16) * 8 : guest_address(r);
    args.len = static_cast<u32>(r.percent(90) ? r.of({0, 1, 2, 4, 8}) : r.number());
    args.fd = static_cast<nest::s32>(descriptor(world, r, Kind::event));
    args.flags = static_cast<u32>(r.percent(95) ? r.of({0, 1, 4, 5}) : r.number());
    return put(world, r, args);
}

// Whatever is wrong with it, it leaves SIGALRM alone: nothing else ends KVM_RUN.
u64 signal_mask(World&, Random& r, size_t) {
    if (r.percent(40))
        return 0;
    if (r.percent(5))
        return reinterpret_cast<u64>(here().scratch + kScratch);
    constexpr u64 kAlarm = u64{1} << 13;
    const u64 mask = r.percent(70) ? 0 : r.number() & ~kAlarm;
    const u32 length = r.percent(90) ? 8 : static_cast<u32>(r.number());
    std::memcpy(here().scratch, &length, sizeof length);
    std::memcpy(here().scratch + sizeof(abi::SignalMask), &mask, sizeof mask);
    return reinterpret_cast<u64>(here().scratch);
}

u64 mp_state(World& world, Random& r, size_t) {
    return put(world, r, abi::MpState{static_cast<u32>(r.percent(90) ? r.of({0, 0, 0, 5, 10}) : r.number())});
}

u64 guest_debug(World& world, Random& r, size_t) {
    abi::GuestDebug debug{};
    debug.control = static_cast<u32>(r.percent(90) ? r.of({0, 1, 3, 0x10001, 0x20001, 0x30003}) : r.number());
    for (unsigned i = 0; i < 16; i++) {
        debug.bcr[i] = r.percent(60) ? 0x1e5 : r.number();
        debug.bvr[i] = guest_address(r);
        debug.wcr[i] = r.percent(60) ? 0x1ffd : r.number();
        debug.wvr[i] = guest_address(r);
    }
    return put(world, r, debug);
}

u64 vcpu_events(World& world, Random& r, size_t) {
    abi::VcpuEvents events{};
    events.serror_pending = r.percent(30);
    events.serror_has_esr = r.percent(20);
    events.ext_dabt_pending = r.percent(20);
    events.serror_esr = r.percent(80) ? r.below(0x1000000) : r.number();
    return put(world, r, events);
}

u64 enable_cap(World& world, Random& r, size_t) {
    struct {
        u32 cap, flags;
        u64 args[4];
        u8 pad[64];
    } cap{};
    cap.cap = static_cast<u32>(r.percent(70) ? r.of({168, 177, 216, 213, 116, 228, 205, 182, 240, 239, 245, 223, 225}) : r.below(260));
    cap.args[0] = r.percent(60) ? r.below(4) : r.percent(40) ? u64{1} << r.below(24) : r.number();
    return put(world, r, cap);
}

u64 msi(World& world, Random& r, size_t) {
    abi::Msi args{};
    args.address_lo = static_cast<u32>(r.percent(70) ? kIts + 0x1'0040 : guest_address(r));
    args.devid = static_cast<u32>(r.percent(90) ? r.below(16) : r.number());
    args.data = static_cast<u32>(r.below(64));
    args.flags = r.percent(50) ? 1 : 0;
    return put(world, r, args);
}

// One of Z, P, FFR and the lengths, or nearly.
u64 sve_id(Random& r) {
    constexpr u64 kGroup = abi::KVM_REG_ARM64 | abi::KVM_REG_ARM64_SVE;
    const u64 slice = r.one_in(10) ? r.below(32) : 0;
    switch (r.below(5)) {
    case 0: return kGroup | abi::KVM_REG_SIZE_U512 | abi::KVM_REG_ARM64_SVE_VLS;
    case 1: return kGroup | abi::KVM_REG_SIZE_U256 | (abi::KVM_REG_ARM64_SVE_PREG_BASE + r.below(20) * 32 + slice);
    case 2: return kGroup | r.below(16) << abi::KVM_REG_SIZE_SHIFT | r.below(0x10000);
    default: return kGroup | abi::KVM_REG_SIZE_U2048 | (abi::KVM_REG_ARM64_SVE_ZREG_BASE + r.below(32) * 32 + slice);
    }
}

// A register that exists, or nearly; its value, of which the first 128 bits are new, where it may be 2048 bits wide.
u64 one_reg(World& world, Random& r, size_t) {
    u64 id;
    switch (r.below(6)) {
    case 5: id = sve_id(r); break;
    case 0: id = abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | r.below(0xd8) / 2 * 2; break;
    case 1: id = abi::KVM_REG_ARM64 | (r.of({2ull, 3ull, 4ull}) << 52) | (r.of({0x10ull, 0x11ull, 0x14ull, 0x15ull, 0x16ull}) << 16) |
                 r.below(0x100); break;
    case 2: id = r.number(); break;
    default:
        id = abi::sysreg_id(static_cast<arch::SysReg>(r.below(arch::kSysRegCount)));
        if (r.percent(10))
            id ^= u64{1} << r.below(64);
    }
    const u64 value[2] = {r.percent(50) ? guest_address(r) : r.number(), r.number()};
    std::memcpy(here().scratch + kPage, value, sizeof value);
    return put(world, r, abi::OneReg{id, reinterpret_cast<u64>(r.percent(92) ? here().scratch + kPage : world.user_address(r))});
}

u64 vcpu_init(World& world, Random& r, size_t) {
    abi::VcpuInit init{};
    init.target = r.percent(95) ? abi::KVM_ARM_TARGET_GENERIC_V8 : static_cast<u32>(r.number());
    init.features[0] = r.of({0x04u, 0x05u, 0x64u, 0x84u, 0xe4u, 0xe5u, 0x14u, 0x74u, 0xf4u, 0x00u}) ^ (r.percent(10) ? 1u << r.below(32) : 0);
    return put(world, r, init);
}

u64 reg_list(World& world, Random& r, size_t) {
    return put(world, r, abi::RegList{r.percent(60) ? 400 : r.number()}, 400 * 8);
}

u64 counter_offset(World& world, Random& r, size_t) {
    const u64 offset[2] = {r.number(), r.percent(95) ? 0 : r.number()};
    return place(world, r, offset, sizeof offset);
}

u64 mask_range(World& world, Random& r, size_t) {
    abi::RegMaskRange range{};
    range.addr = user(world, r);
    return put(world, r, range);
}

u64 finalize(World& world, Random& r, size_t) {
    const u32 feature = static_cast<u32>(r.percent(80) ? r.below(9) : r.number());
    return place(world, r, &feature, sizeof feature);
}

u64 create_device(World& world, Random& r, size_t) {
    return put(world, r, abi::CreateDevice{static_cast<u32>(r.percent(80) ? r.of({7, 8, 8}) : r.below(20)), 0, r.percent(80) ? 0u : 1u});
}

u64 device_attr(World& world, Random& r, size_t) {
    abi::DeviceAttr attr{};
    attr.group = static_cast<u32>(r.percent(95) ? r.below(10) : r.number());
    switch (r.below(6)) {
    case 0: attr.attr = r.below(8); break;
    case 1: attr.attr = r.below(2) << 32 | (r.below(0x10000) & ~u64{3}); break;      // a vCPU's affinity, a register
    case 5: attr.attr = r.of({0x0, 0x4, 0x8, 0x80, 0x88, 0x90, 0x100, 0x108, 0xffe8}); break;   // the ITS's
    case 2: attr.attr = r.below(2) << 32 | arch::kSysRegs[r.below(arch::kSysRegCount)].encoding.raw; break;
    case 3: attr.attr = r.below(2) << 32 | r.below(4) << 10 | r.below(96) / 32 * 32; break;   // level info
    default: attr.attr = r.number();
    }
    const u64 value = r.percent(40) ? r.of({kDistributor, kRedistributor, kIts, u64{64}, u64{25}, u64{0x0010'0000'080a'0000}})
                                    : r.percent(50) ? guest_address(r) : r.number();
    std::memcpy(here().scratch + kPage, &value, sizeof value);
    attr.addr = reinterpret_cast<u64>(r.percent(92) ? here().scratch + kPage : world.user_address(r));
    return put(world, r, attr);
}

}  // namespace nest::fuzz_kvm::argument
