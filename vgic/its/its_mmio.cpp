// SPDX-License-Identifier: GPL-2.0-only
// The registers as a vCPU and as user space see them. [IHI0069] 12.19
#include <vgic/its/its.hpp>
#include <vgic/register_halves.hpp>

namespace nest::vgic {
namespace {

constexpr u64 kControlEnabled = u64{1} << 0, kControlQuiescent = u64{1} << 31;
constexpr u64 kIdentity = u64{'K'} << 24 | 0x43b;
constexpr u64 kRevision = 0;                        // of the tables that are saved: IIDR's 15:12
constexpr u32 kPidr2 = 0x18, kPidr2GicV3 = 0x3b;    // in the identification range
constexpr u64 kQueueOffset = 0xfffe0;               // of CREADR and CWRITER

// Physical LPIs; 8 bytes for each event; 16 bits of event and of device; a processor is called by its number.
constexpr u64 kType = u64{1} << 0 | u64{kTableEntrySize - 1} << 4 | u64{15} << 8 | u64{15} << 13;

bool starts_commands(ItsRegister::What what) {
    return what == ItsRegister::What::Control || what == ItsRegister::What::QueueWrite;
}

}  // namespace

// The whole register, wherever in it the access begins.
u64 Its::read_register(const ItsRegister& r, u32 inside) const {
    lock_.assert_held();
    switch (r.what) {
    case What::Control: {
        const bool enabled = mappings_.translations().open();
        return (enabled ? kControlEnabled : 0) | (!enabled || queue_.empty() ? kControlQuiescent : 0);
    }
    case What::Identity:
        return kIdentity | kRevision << 12;
    case What::Type:
        return kType;
    case What::QueueBase:
        return queue_.base.raw;
    case What::QueueWrite:
        return queue_.write;
    case What::QueueRead:
        return queue_.read;
    case What::DeviceTable:
        return devices_.raw;
    case What::CollectionTable:
        return collections_.raw;
    case What::Identification:
        return inside == kPidr2 ? kPidr2GicV3 : 0;
    case What::Raz:
        break;
    }
    return 0;
}

// It is unpredictable what an ITS does without its tables; ours stays off.
void Its::write_control(bool on) {
    const bool ready = queue_.base.get<Cbaser::Valid>() && GuestTable(devices_).valid() && GuestTable(collections_).valid();
    if (on != mappings_.translations().open() && (ready || !on))
        mappings_.translations().set_open(on);
}

// What another table described is gone. A driver that resumes writes the same value again, and keeps all.
void Its::write_table(Baser& table, Baser value) {
    if (mappings_.translations().open() || table.raw == value.raw)
        return;
    table = value;
    if (&table == &devices_)
        mappings_.clear_devices();
    else
        mappings_.clear_collections();
}

// The guest's writes cannot fail: what it may not write is ignored.
Status Its::write_register(const ItsRegister& r, u64 value, bool user) {
    lock_.assert_held();
    switch (r.what) {
    case What::Control:
        write_control(value & kControlEnabled);
        break;
    case What::Identity:
        return (value >> 12 & 0xf) == kRevision ? kOk : Status(Errno::kInval);
    case What::QueueBase:
        if (!mappings_.translations().open())
            queue_ = {legal_cbaser(value), 0, 0};
        break;
    case What::QueueWrite:
        if ((value & kQueueOffset) < queue_.bytes())
            queue_.write = static_cast<u32>(value & kQueueOffset);
        break;
    case What::QueueRead:
        if (!user)
            break;
        if ((value & kQueueOffset) >= queue_.bytes())
            return Errno::kInval;
        queue_.read = static_cast<u32>(value & kQueueOffset);
        break;
    case What::DeviceTable:
        write_table(devices_, legal_device_table(value));
        break;
    case What::CollectionTable:
        write_table(collections_, legal_collection_table(value));
        break;
    case What::Type:
    case What::Raz:
    case What::Identification:
        break;
    }
    return kOk;
}

void Its::reset_registers() {
    if (mappings_.translations().open())
        mappings_.translations().set_open(false);
    queue_ = {};
    devices_ = legal_device_table(kBaserAtReset);
    collections_ = legal_collection_table(kBaserAtReset);
}

u64 Its::mmio_read(u32 offset, unsigned bytes) {
    const ItsRegister* const r = find_its_register(offset, bytes);
    if (!r || !initialized())
        return 0;
    const u32 inside = offset - r->offset;
    Guard guard(lock_);
    const u64 value = read_register(*r, inside);
    if (bytes == 8 || !(r->widths & ItsRegister::W64))
        return value;
    return value >> 8 * (inside & 4) & 0xffffffff;
}

Its::Written Its::mmio_write(u32 offset, unsigned bytes, u64 value) {
    const ItsRegister* const r = find_its_register(offset, bytes);
    if (!r || !initialized())
        return Written::kDone;
    const u32 inside = offset - r->offset;
    Guard guard(lock_);
    const u64 whole = r->widths & ItsRegister::W64 ? merge_half(read_register(*r, inside), inside, bytes, value) : value;
    (void)write_register(*r, whole, false);
    return starts_commands(r->what) ? process_commands() : Written::kDone;
}

bool Its::has_register(u64 offset) { return find_user_its_register(offset).ok(); }

Status Its::user_read(u64 offset, u64& value) {
    const ItsRegister* const r = NEST_TRY(find_user_its_register(offset));
    if (!initialized())
        return Errno::kNxIo;
    Guard guard(lock_);
    value = read_register(*r, static_cast<u32>(offset) - r->offset);
    return kOk;
}

// Commands that the VMM restores as not made yet are made from here on; what is too much for one time is left to the guest's
// own store to GITS_CWRITER, which it was about to repeat when it was saved.
Status Its::user_write(u64 offset, u64 value) {
    const ItsRegister* const r = NEST_TRY(find_user_its_register(offset));
    if (!initialized())
        return Errno::kNxIo;
    Guard guard(lock_);
    NEST_TRY(write_register(*r, value, true));
    if (starts_commands(r->what))
        (void)process_commands();
    return kOk;
}

}  // namespace nest::vgic
