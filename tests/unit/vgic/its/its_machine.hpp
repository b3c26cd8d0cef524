// SPDX-License-Identifier: GPL-2.0-only
// ItsMachine: a VM with guest memory, LPIs enabled, and an ITS, as a guest's driver sets it up.
#pragma once
#include <tests/unit/vgic/machine.hpp>
#include <vgic/its/its.hpp>
#include <vgic/lpi.hpp>

namespace nest::test {

// Where the guest has its tables, as offsets in its memory.
inline constexpr u64 kRam = FakeCallbacks::kRamBase;
inline constexpr u64 kProperties = kRam + 0x0, kPendings = kRam + 0x1'0000;   // 64 KiB of the one, 64 KiB for each vCPU
inline constexpr u64 kDevices = kRam + 0x10'0000, kCollections = kRam + 0x20'0000, kQueue = kRam + 0x30'0000;
inline constexpr u64 kItts = kRam + 0x40'0000;
inline constexpr size_t kRamSize = 0x80'0000;
inline constexpr u64 kItsBase = 0x808'0000;
inline constexpr u64 kValid = u64{1} << 63, kIndirect = u64{1} << 62, kPages64K = u64{2} << 8, kPages16K = u64{1} << 8;

enum ItsRegisterOffset : u32 {
    kCtlr = 0x0,
    kIidr = 0x4,
    kTyper = 0x8,
    kCbaser = 0x80,
    kCwriter = 0x88,
    kCreadr = 0x90,
    kBaser0 = 0x100,
    kBaser1 = 0x108,
};

struct Words {
    u64 w[4];
};
inline Words mapd(u64 device, u64 itt, unsigned bits) { return {{8 | device << 32, bits - 1, kValid | itt, 0}}; }
inline Words unmapd(u64 device) { return {{8 | device << 32, 0, 0, 0}}; }
inline Words mapc(u64 collection, u64 processor) { return {{9, 0, kValid | processor << 16 | collection, 0}}; }
inline Words unmapc(u64 collection) { return {{9, 0, collection, 0}}; }
inline Words mapti(u64 device, u64 event, u64 lpi, u64 collection) {
    return {{10 | device << 32, event | lpi << 32, collection, 0}};
}
inline Words mapi(u64 device, u64 event, u64 collection) { return {{11 | device << 32, event, collection, 0}}; }
inline Words movi(u64 device, u64 event, u64 collection) { return {{1 | device << 32, event, collection, 0}}; }
inline Words movall(u64 from, u64 to) { return {{14, 0, from << 16, to << 16}}; }
inline Words inv(u64 device, u64 event) { return {{12 | device << 32, event, 0, 0}}; }
inline Words invall(u64 collection) { return {{13, 0, collection, 0}}; }
inline Words interrupt(u64 device, u64 event) { return {{3 | device << 32, event, 0, 0}}; }
inline Words clear(u64 device, u64 event) { return {{4 | device << 32, event, 0, 0}}; }
inline Words discard(u64 device, u64 event) { return {{15 | device << 32, event, 0, 0}}; }
inline Words synchronize() { return {{5, 0, 0, 0}}; }

class ItsMachine {
public:
    // vCPU n has the processor number n.
    explicit ItsMachine(unsigned vcpus = 3) : m(vcpus) {
        m.callbacks.ram.resize(kRamSize);
        make();
        for (unsigned v = 0; v < vcpus; v++) {
            m.write(v, Machine::gicr(v, 0x70), kProperties | 15, 8);
            m.write(v, Machine::gicr(v, 0x78), kPendings + v * 0x1'0000, 8);
            m.write(v, Machine::gicr(v, 0x0), 1);
        }
        std::memset(at(kProperties), 0xa1, 65536 - 8192);
    }
    // A new one, its predecessor gone.
    void make() {
        made_.reset();
        made_ = std::make_unique<vgic::Its>(*m.distributor);
        Machine::ok(made_->set_base(kItsBase, kIpaLimit));
        Machine::ok(made_->init());
    }
    vgic::Its& its() { return *made_; }
    void remove() { made_.reset(); }

    // As Linux's driver: a flat device table for all 65536, a queue of 64 KiB.
    void enable(u64 device_table = kDevices | kPages64K | 7, u64 queue_pages = 16) {
        set64(kBaser0, kValid | device_table);
        set64(kBaser1, kValid | kCollections | kPages64K | 7);
        set64(kCbaser, kValid | kQueue | (queue_pages - 1));
        set(kCtlr, 1);
    }
    bool set(u32 offset, u64 value, unsigned bytes = 4) {
        return its().mmio_write(offset, bytes, value) == vgic::Its::Written::kDone;
    }
    bool set64(u32 offset, u64 value) { return set(offset, value, 8); }
    u64 get(u32 offset, unsigned bytes = 8) { return its().mmio_read(offset, bytes); }
    u64 get32(u32 offset) { return get(offset, 4); }

    // Into the queue, without telling.
    void put(std::initializer_list<Words> commands) {
        const u64 size = ((get(kCbaser) & 0xff) + 1) << 12;
        for (const Words& c : commands) {
            std::memcpy(at(kQueue + tail_), &c, sizeof(c));
            tail_ = (tail_ + sizeof(c)) % size;
        }
    }
    bool tell() { return set64(kCwriter, tail_); }
    void run(std::initializer_list<Words> commands) {
        tail_ = get(kCwriter);
        put(commands);
        while (!tell()) {
        }
        must(get(kCreadr) == get(kCwriter));
    }
    void rewind() { tail_ = 0; }

    u8* at(u64 address) { return m.callbacks.ram.data() + (address - kRam); }
    u64 word(u64 address) {
        u64 value;
        std::memcpy(&value, at(address), sizeof(value));
        return value;
    }
    void set_word(u64 address, u64 value) { std::memcpy(at(address), &value, sizeof(value)); }
    void property(unsigned lpi, u8 value) { *at(kProperties + lpi - 8192) = value; }
    void pending_bit(unsigned vcpu, unsigned lpi, bool on) {
        u8& byte = *at(kPendings + vcpu * 0x1'0000 + lpi / 8);
        byte = static_cast<u8>(on ? byte | 1u << lpi % 8 : byte & ~(1u << lpi % 8));
    }

    bool send(u32 device, u32 event) { return its().send(device, event) == vgic::Its::Delivery::kDelivered; }
    bool pending(unsigned lpi) { return vgic::lpi_pending(*m.distributor, lpi); }
    static constexpr int kNone = -1, kDisabled = -2;
    // Who takes the LPI: a vCPU, kNone (then it is not pending any more), or kDisabled if its target is not told.
    int target(unsigned lpi) {
        const bool was = pending(lpi);
        vgic::clear_lpi(*m.distributor, lpi);
        m.callbacks.kicks.clear();
        vgic::Kicks kicks;
        const bool taken = vgic::pend_lpi(*m.distributor, lpi, kicks);
        kicks.deliver(*m.distributor);
        const std::vector<unsigned> kicked = m.callbacks.kicks;
        if (!was)
            vgic::clear_lpi(*m.distributor, lpi);
        if (!taken)
            return kNone;
        return kicked.empty() ? kDisabled : static_cast<int>(kicked[0]);
    }
    // Who takes the message; it is not pending afterwards.
    int taker(u32 device, u32 event, unsigned lpi) {
        vgic::clear_lpi(*m.distributor, lpi);
        if (!send(device, event))
            return kNone;
        must(pending(lpi));
        const int who = target(lpi);
        vgic::clear_lpi(*m.distributor, lpi);
        return who;
    }
    bool any_mapped() {
        // Those that tests use.
        for (unsigned lpi = 8192; lpi < 65536; lpi += lpi == 10240 ? 65500 - 10240 : 1)
            if (target(lpi) != kNone)
                return true;
        return false;
    }

    Machine m;

private:
    static void must(bool condition) {
        if (!condition)
            __builtin_trap();
    }
    std::unique_ptr<vgic::Its> made_;
    u64 tail_ = 0;
};

}  // namespace nest::test
