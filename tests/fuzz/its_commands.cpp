// SPDX-License-Identifier: GPL-2.0-only
// Random commands, registers, messages, saves and restores of one ITS, against the model of its_model.hpp.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <tests/fuzz/its_model.hpp>
#include <utility>

using namespace nest;
using namespace nest::test;
using namespace nest::test::its_model;

namespace {

constexpr u32 kDeviceIds[] = {0, 1, 2, 5, 511, 512, 1023, 65535, 65536};
constexpr u32 kEventIds[] = {0, 1, 2, 7, 15, 16, 255, 65535};
constexpr u32 kLpis[] = {8191, 8192, 8193, 8223, 8224, 16383, 65535, 65536};
constexpr u32 kIcids[] = {0, 1, 2, 511, 512, 65535};
constexpr u32 kProcessors[] = {0, 1, 2, 3};
constexpr u64 kPage0 = kRam + 0x38'0000, kPage127 = kRam + 0x39'0000;  // second levels

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "its_commands: %s\n", what);
    std::abort();
}

template <size_t N>
u32 pick(const u32 (&from)[N], u8 which) {
    return from[which % N];
}

class Run {
public:
    explicit Run(ItsMachine& i) : i_(i) {
        i_.make();
        i_.rewind();
        for (const u32 lpi : kLpis)
            if (lpi >= 8192 && lpi < 65536) {
                set_property(lpi, 1);
                for (int v = 0; v < 3; v++)
                    set_pending_bit(v, lpi, false);
            }
        write_device_table(kLarge);
        write_collection_table(kLarge);
        write_queue();
        control(true);
    }
    void step(u8 op, u8 a, u8 b, u8 c) {
        switch (op % 32) {
        case 0: case 1: case 2: map_device(a, b); break;
        case 3: put(unmapd(pick(kDeviceIds, a))); break;
        case 4: case 5: put(mapc(pick(kIcids, a), pick(kProcessors, b))); break;
        case 6: put(unmapc(pick(kIcids, a))); break;
        case 7: case 8: case 9: case 10:
            put(mapti(pick(kDeviceIds, a), pick(kEventIds, b), pick(kLpis, c), pick(kIcids, static_cast<u8>(a ^ c))));
            break;
        case 11: put(mapi(pick(kDeviceIds, a), pick(kLpis, b), pick(kIcids, c))); break;
        case 12: put(movi(pick(kDeviceIds, a), pick(kEventIds, b), pick(kIcids, c))); break;
        case 13: put(movall(pick(kProcessors, a), pick(kProcessors, b))); break;
        case 14: put(inv(pick(kDeviceIds, a), pick(kEventIds, b))); break;
        case 15: put(invall(pick(kIcids, a))); break;
        case 16: put(interrupt(pick(kDeviceIds, a), pick(kEventIds, b))); break;
        case 17: put(clear(pick(kDeviceIds, a), pick(kEventIds, b))); break;
        case 18: put(discard(pick(kDeviceIds, a), pick(kEventIds, b))); break;
        case 19:
            // Nonsense, but no MAPD: a device without memory for its events can be saved, not restored.
            put({{u64{a} << 40 | (b == 8 ? 0 : b), u64{c} << 31, u64{a} << 56, u64{b} << 20}});
            break;
        case 20: case 21: case 22: case 23: tell(); break;
        case 24: send(pick(kDeviceIds, a), pick(kEventIds, b)); break;
        case 25: control(a % 4); break;
        case 26: write_device_table(static_cast<Table>(a % 4)); break;
        case 27: write_collection_table(static_cast<Table>(a % 3)); break;
        case 28: write_queue(); break;
        case 29: set_property(std::clamp(pick(kLpis, a), 8192u, 65535u), b & 1); break;
        case 30: set_pending_bit(b % 3, std::clamp(pick(kLpis, a), 8192u, 65535u), c & 1); break;
        case 31: save_and_restore(); break;
        }
        check();
    }
    void finish() {
        tell();
        check();
        for (const u32 device : kDeviceIds)
            for (const u32 event : kEventIds)
                send(device, event);
        check();
        i_.remove();
        for (const u32 lpi : kLpis)
            require(i_.target(lpi) == ItsMachine::kNone, "an LPI outlives its ITS");
    }

private:
    void put(const Words& command) {
        if (told_.size() + untold_.size() > 120)
            return;
        i_.put({command});
        untold_.push_back(command);
    }
    // A guest gives its device a cleared table; at once, so that no save comes in between.
    void map_device(u8 which, u8 bits) {
        if (!m_.enabled)
            return;
        const unsigned n = which % (std::size(kDeviceIds) - 1);
        const unsigned event_bits = bits & 1 ? 16 : bits % 20 + 1;
        const u64 itt = kItts + n * u64{0x8'0000};
        std::memset(i_.at(itt), 0, event_bits <= 16 ? size_t{8} << event_bits : 0);
        put(mapd(which == 0xff ? 65536 : kDeviceIds[n], itt, event_bits));
        tell();
    }
    void tell() {
        told_.insert(told_.end(), untold_.begin(), untold_.end());
        untold_.clear();
        while (!i_.tell())
            require(i_.get(kCreadr) != i_.get(kCwriter), "there are more commands, but where?");
        work();
    }
    void work() {
        for (; m_.enabled && !told_.empty(); told_.pop_front())
            m_.execute(told_.front());
        require((i_.get(kCreadr) == i_.get(kCwriter)) == told_.empty(), "CREADR");
    }
    void control(bool on) {
        while (!i_.set(kCtlr, on)) {
        }
        m_.enabled = on && m_.queue_valid && m_.device_table != kInvalid && m_.collection_table != kInvalid;
        require((i_.get32(kCtlr) & 1) == m_.enabled, "CTLR.Enabled");
        work();
    }
    void write_device_table(Table table) {
        constexpr u64 kValues[] = {0, kValid | kDevices, kValid | kDevices | kPages64K | 7, kValid | kDevices | kIndirect};
        if (!m_.enabled) {
            std::memset(i_.at(kDevices), 0, 0x8'0000);
            std::memset(i_.at(kPage0), 0, 0x1000);
            std::memset(i_.at(kPage127), 0, 0x1000);
        }
        if (!m_.enabled && table == kTwoLevels) {
            i_.set_word(kDevices, kValid | kPage0);
            i_.set_word(kDevices + 8 * 127, kValid | kPage127);
        }
        i_.set64(kBaser0, kValues[table]);
        if (m_.enabled)
            return;
        if (std::exchange(m_.device_table, table) != table)
            m_.drop_devices();
    }
    void write_collection_table(Table table) {
        constexpr u64 kValues[] = {0, kValid | kCollections, kValid | kCollections | kPages64K | 7};
        i_.set64(kBaser1, kValues[table]);
        if (m_.enabled)
            return;
        if (std::exchange(m_.collection_table, table) == table)
            return;
        while (!m_.collections.empty())
            m_.set_collection(m_.collections.begin()->first, ItsMachine::kNone);
    }
    void write_queue() {
        i_.set64(kCbaser, kValid | kQueue);
        if (m_.enabled)
            return;
        i_.rewind();
        told_.clear();
        untold_.clear();
        m_.queue_valid = true;
    }
    void set_property(u32 lpi, bool on) {
        i_.property(lpi, on ? 0xa1 : 0xa0);
        m_.properties[lpi] = on;
    }
    void set_pending_bit(int vcpu, u32 lpi, bool on) {
        i_.pending_bit(static_cast<unsigned>(vcpu), lpi, on);
        m_.pending_bits[{vcpu, lpi}] = on;
    }
    void send(u32 device, u32 event) { require(i_.send(device, event) == m_.send(device, event), "a message is lost, or not"); }
    void save_and_restore() {
        require(i_.its().save_tables().ok(), "not saved");
        require(i_.its().restore_tables().ok(), "what was saved cannot be restored");
        m_.restore();
    }
    void check() {
        for (const u32 lpi : kLpis) {
            const Lpi& l = m_.lpis[lpi];
            require(i_.pending(lpi) == l.pending, "pending, or not");
            if (l.pending && l.target < 0)
                continue;  // asked who takes it, it would lose that
            const int target = l.users && l.target >= 0 && !l.enabled ? ItsMachine::kDisabled : l.target;
            require(i_.target(lpi) == target, "another vCPU takes the LPI");
        }
    }

    ItsMachine& i_;
    Model m_;
    std::deque<Words> told_, untold_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static ItsMachine machine;
    if (size < 5 || size > 800)
        return 0;
    Run run(machine);
    u32 random = 1;
    for (size_t i = 1; i + 3 < size; i += 4) {
        run.step(data[i], data[i + 1], data[i + 2], data[i + 3]);
        random = random * 31 + (data[i] | data[i + 1] << 8 | data[i + 2] << 16);
    }
    // A tail that short inputs reach as well: what breaks needs many steps.
    for (unsigned i = 0; i < data[0]; i++) {
        random = random * 1664525 + 1013904223;
        const u32 more = random * 2654435761u;
        run.step(static_cast<u8>(random >> 24), static_cast<u8>(random >> 16), static_cast<u8>(more >> 24),
                 static_cast<u8>(more >> 16));
    }
    run.finish();
    return 0;
}
