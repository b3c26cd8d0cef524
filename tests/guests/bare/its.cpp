// SPDX-License-Identifier: GPL-2.0-only
#include "its.hpp"

#include "gic.hpp"

namespace nest::guests {
namespace {

constexpr u64 kProperties = kItsTables, kPendings = kItsTables + 0x1'0000, kEvents = kItsTables + 0x4'0000;
constexpr u64 kQueue = kItsTables + 0x5'0000, kQueueSize = 0x1'0000, kTypedTables = kItsTables + 0x8'0000;
constexpr u64 kIdBits = 14, kEventBits = 5, kValid = bit(63);
constexpr u64 kCtlr = 0, kCbaser = 0x80, kCwriter = 0x88, kCreadr = 0x90, kBaser = 0x100;
constexpr unsigned char kEnabled = 0xa0 | 1;    // priority 0xa0

u64 tail;

volatile u64& its(u64 offset) { return memory64(kIts + offset); }
volatile unsigned char& property(u32 lpi) { return *reinterpret_cast<volatile unsigned char*>(kProperties + lpi - kFirstLpi); }

// The caller tells the ITS of several at once.
void put(u64 w0, u64 w1, u64 w2) {
    const u64 words[] = {w0, w1, w2, 0};
    for (u64 i = 0; i < 4; i++)
        memory64(kQueue + tail + 8 * i) = words[i];
    tail = (tail + 32) % kQueueSize;
}
void tell() {
    dsb();      // the commands are in memory before the ITS hears of them
    its(kCwriter) = tail;
}

// Those that the ITS wants, a page each: of type 1, devices, and 4, collections. An ITS may know but one size of pages, 64 KiB,
// where bits 15:12 of the register are the address' bits 51:48. [IHI0069] 12.19.1
void give_tables() {
    for (u64 n = 0; n < 8; n++) {
        const u64 type = its(kBaser + 8 * n) >> 56 & 7;
        if (type == 1 || type == 4)
            its(kBaser + 8 * n) = kValid | (kTypedTables + n * 0x1'0000);
    }
}

}  // namespace

void its_init() {
    for (u32 lpi = kFirstLpi; lpi < 1u << kIdBits; lpi++)
        property(lpi) = kEnabled;
    give_tables();
    its(kCbaser) = kValid | kQueue | (kQueueSize / 0x1000 - 1);
    its(kCwriter) = tail = 0;
    memory32(kIts + kCtlr) = 1;
    put(8 | u64{kMessageDevice} << 32, kEventBits - 1, kValid | kEvents);    // MAPD
    tell();
    its_told();
}

void its_take_lpis() {
    const u64 vcpu = READ("mpidr_el1") & 0xff;
    memory64(redistributor_base() + 0x70) = kProperties | (kIdBits - 1);        // GICR_PROPBASER
    memory64(redistributor_base() + 0x78) = kPendings + vcpu * 0x1'0000;        // GICR_PENDBASER
    dsb();
    memory32(redistributor_base()) = 1;                         // GICR_CTLR.EnableLPIs
    put(9, 0, kValid | vcpu << 16 | vcpu);                      // MAPC: GITS_TYPER.PTA is 0, so processors have numbers
    tell();
    its_told();
}

void its_map(u32 event, u32 lpi, u32 vcpu) {
    put(10 | u64{kMessageDevice} << 32, event | u64{lpi} << 32, vcpu);       // MAPTI
    put(5, 0, u64{vcpu} << 16);                                             // SYNC
    tell();
    its_told();
}

void its_interrupt(u32 event) {
    put(3 | u64{kMessageDevice} << 32, event, 0);                           // INT
    tell();
}

void its_told() {
    while (its(kCreadr) != tail) {
    }
}

void its_set_enabled(u32 event, u32 lpi, bool on) {
    property(lpi) = on ? kEnabled : kEnabled & ~1;
    put(12 | u64{kMessageDevice} << 32, event, 0);                          // INV
    tell();
    its_told();
}

}  // namespace nest::guests
