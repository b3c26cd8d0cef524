// SPDX-License-Identifier: GPL-2.0-only
// Guest writes that the VMM wants to hear of without an exit: ioeventfds and coalesced zones.
//
// KVM_IOEVENTFD_FLAG_PIO and VIRTIO_CCW_NOTIFY and zones with `pio` are accepted as Linux does on arm64, and never hit:
// a guest has neither port space nor channels. Readers are vCPU threads in sleepable context; the ioctls may run at the same time.
#pragma once
#include <arch/address.hpp>
#include <base/interval_index.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <kvm/abi/irq.hpp>
#include <kvm/devices/coalesced_ring.hpp>

struct nest_eventfd;

namespace nest::kvm {

class IoBus {
public:
    static constexpr size_t kMaxZones = 1000;

    IoBus() = default;
    IoBus(const IoBus&) = delete;
    IoBus& operator=(const IoBus&) = delete;
    ~IoBus();

    // The ring's page. ENOMEM.
    Status init() { return ring_.init(); }
    const CoalescedRing& ring() const { return ring_; }

    // KVM_IOEVENTFD (Documentation/virt/kvm/api.rst). EINVAL: length, range, flags, data match without a length, not an
    // eventfd; EBADF: no file; EEXIST: another one takes the same write; ENOENT (deassign): no such ioeventfd; ENOMEM. Sleeps.
    Status ioeventfd(const abi::Ioeventfd& args);
    // KVM_REGISTER_COALESCED_MMIO. EINVAL, ENOSPC, ENOMEM. Sleeps.
    Status register_zone(const abi::CoalescedMmioZone& zone);
    // KVM_UNREGISTER_COALESCED_MMIO: drops every zone that the given one lies in. EINVAL.
    Status unregister_zone(const abi::CoalescedMmioZone& zone);

    // True when an ioeventfd or a zone took the write; `bytes`: 1, 2, 4 or 8; `value`: in the low bytes. Sleepable context.
    bool write(arch::Ipa ipa, unsigned bytes, u64 value);

private:
    enum class Bus : u8 { kMmio, kPio, kCcw };
    struct Ioevent {
        nest_eventfd* eventfd;
        u64 address;
        u64 match;
        u32 bytes;      // 0: any length
        bool wildcard;  // any value
        Bus bus;
        Ioevent* next;  // of all, on any bus
    };
    struct Zone {
        abi::CoalescedMmioZone zone;
        Zone* next;
    };

    static Bus bus_of(u32 flags);
    Status assign(const abi::Ioeventfd& args);
    Status deassign(const abi::Ioeventfd& args);
    bool collides(const Ioevent& event) const;

    RwSemaphore lock_{NEST_LOCK_IO_BUS};  // write: the ioctls
    CoalescedRing ring_;
    Ioevent* events_ = nullptr;
    Zone* zones_ = nullptr;
    size_t zone_count_ = 0;
    IntervalIndex<Ioevent*> by_address_;  // MMIO only; one byte each, at its address
    IntervalIndex<Zone*> by_range_;       // MMIO only
};

}  // namespace nest::kvm
