// SPDX-License-Identifier: GPL-2.0-only
// Its: one interrupt translation service of a VM, [IHI0069] chapter 5 and 12.18 to 12.20.
//
// What the guest has mapped lies in objects of ours (mappings.hpp); the guest's tables are written and read only when user
// space saves and restores (and entries that a save wrote are cleared). So a guest that scribbles over its tables changes
// nothing until then, and each entry that comes back is checked as if a stranger had written it.
//
// Commands are made by the store to GITS_CWRITER, so many at a time: mmio_write(). One command, once begun, goes on to its end:
// it concerns at most 65536 events, with no spinlock held for more than one of them and a chance for other threads at every
// 64th, which is less trouble than to remember where it was. What it took counts: no other command follows a long one.
//
// Locks, outermost first:
//   lock_            sleeps: registers, the command queue, devices and collections. Guest memory is read with it held.
//   translations     raw spinlock, interrupts off: which LPI an event is. A message takes nothing else but, inside of it, the
//                    distributor's locks, so that no message arrives after the command that unmapped it is done.
#pragma once
#include <vgic/distributor.hpp>
#include <vgic/its/command.hpp>
#include <vgic/its/its_registers.hpp>
#include <vgic/its/mappings.hpp>

namespace nest::vgic {

inline constexpr u64 kItsSize = 2 * kFrameSize;             // control frame, translation frame
inline constexpr u64 kItsTranslater = kFrameSize + 0x40;    // GITS_TRANSLATER, where messages are written to

class Its {
public:
    explicit Its(Distributor& distributor);
    Its(const Its&) = delete;
    Its& operator=(const Its&) = delete;
    ~Its();

    // KVM_VGIC_ITS_ADDR_TYPE. EEXIST: set before; EINVAL: misaligned (64 KiB); E2BIG: above the limit. Sleeps.
    Status set_base(u64 address, u64 ipa_limit);
    static constexpr u64 kNoBase = ~u64{0};
    // The IPA, or kNoBase. Any context.
    u64 base() const { return base_.load_acquire(); }
    // KVM_DEV_ARM_VGIC_CTRL_INIT. Idempotent. ENOMEM. Sleeps.
    Status init();
    bool initialized() const { return initialized_.load_acquire(); }

    // A vCPU's access at an offset from base(), below kItsSize; 4 or 8 bytes, aligned (others read as zero and are ignored).
    // Sleeps. kAgain: a write to GITS_CWRITER has made its share of commands and there are more; the guest executes the same
    // store again, so that signals and the scheduler get their turn.
    enum class Written : u8 { kDone, kAgain };
    u64 mmio_read(u32 offset, unsigned bytes);
    Written mmio_write(u32 offset, unsigned bytes, u64 value);

    // A message. Any context, hard interrupts included. kLost: no such event, or its redistributor takes no LPIs.
    enum class Delivery : u8 { kLost, kDelivered };
    Delivery send(u32 device_id, u32 event_id);

    // KVM_DEV_ARM_VGIC_GRP_ITS_REGS, KVM_DEV_ARM_ITS_SAVE_TABLES, RESTORE_TABLES and CTRL_RESET. No vCPU runs. Errors as
    // Documentation/virt/kvm/devices/arm-vgic-its.rst has them; of the tables also EINTR: the VMM is being killed. Sleep.
    static bool has_register(u64 offset);
    Status user_read(u64 offset, u64& value);
    Status user_write(u64 offset, u64 value);
    Status save_tables();
    Status restore_tables();
    void reset();

private:
    using What = ItsRegister::What;

    // lock_ held in all of them.
    u64 read_register(const ItsRegister& r, u32 inside) const;
    Status write_register(const ItsRegister& r, u64 value, bool user);
    void write_control(bool on);
    void write_table(Baser& table, Baser value);
    void reset_registers();

    Written process_commands();
    unsigned execute(const Command& command);
    unsigned map_device(const Command& command);
    unsigned map_collection(const Command& command);
    void map_event(const Command& command, u32 intid);
    unsigned move_all(const Command& command);
    void discard(Event& event);
    const CpuInterface* find_processor(u64 number) const;
    void clear_entry(Result<u64> address);

    bool has_room_for_collection(u32 id) const;
    const Event* first_to_save(const Device& device, const Event* event) const;
    Status clear_left_out(const Device& device);
    Status save_events(Device& device);
    Status save_devices();
    Status save_collections();
    Status restore_collections();
    Status restore_collection(u64 entry);
    Status restore_devices();
    Result<bool> restore_device_run(u32 first, u64 address, u32 count);
    Status restore_device(u32 id, u64 entry);
    Status restore_events(Device& device);
    Status restore_event(Device& device, u32 event_id, u64 entry);
    Callbacks& memory() const { return distributor_.callbacks(); }

    Distributor& distributor_;
    mutable Mutex lock_{NEST_LOCK_VGIC_ITS};
    Atomic<u64> base_{kNoBase};
    Atomic<bool> initialized_;
    Mappings mappings_;
    CommandQueue queue_;
    Baser devices_, collections_;       // GITS_BASER0 and 1
    // Entries of ours may be in the guest's tables: what is unmapped has to be cleared there, or a later save, which writes
    // what is mapped, would leave it to a later restore.
    bool tables_written_ = false;
};

}  // namespace nest::vgic
