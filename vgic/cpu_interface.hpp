// SPDX-License-Identifier: GPL-2.0-only
// CpuInterface: what the virtual GIC keeps for one vCPU: its SGIs and PPIs, the SPIs that it holds, and the state of
// its virtual CPU interface while that is not in hardware.
#pragma once
#include <arch/registers.hpp>
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <vgic/bank.hpp>

namespace nest::vncr {
class RegisterFile;
}

namespace nest::vgic {

class Distributor;

// GICv3's CPU interface, as the manual's ICH_* registers hold it.
struct HardwareState {
    u64 lr[kMaxListRegisters] = {};
    u64 vmcr = 0;
    u64 hcr = 0;  // as the last flush wrote it
    u32 ap0r[4] = {};
    u32 ap1r[4] = {};
    u8 used = 0;  // list registers in use since the last flush
    bool vmcr_dirty = false;  // changed by emulation while loaded: the next flush writes it
};

struct CpuInterface {
    CpuInterface() = default;
    CpuInterface(const CpuInterface&) = delete;
    CpuInterface& operator=(const CpuInterface&) = delete;

    // Set by Distributor::register_cpu() and, but for the affinity, constant from then on.
    Distributor* distributor = nullptr;
    unsigned index = 0;    // dense, in the order of creation
    unsigned id = 0;       // KVM's vcpu_id: GICR_TYPER.Processor_Number
    // Aff3 in bits 39:32, Aff2 to Aff0 in 23:0, as in MPIDR_EL1. User space may change it (Distributor::set_affinity());
    // who looks a vCPU up by affinity at the same time goes by the old one or by the new one.
    Atomic<u64> affinity;

    // Where the vCPU's ICH_* registers live; null: the vCPU has no EL2. For user space's accesses; set before the first one.
    vncr::RegisterFile* el2 = nullptr;

    // Guarded by `lock`, which is taken with interrupts off. Never hold two CpuInterfaces' locks.
    RawSpinLock lock{NEST_LOCK_VGIC_CPU};
    PrivateBank private_irqs;
    u32 held_banks = 0;            // which of `held` are not zero
    u32 held[kMaxSpiBanks] = {};   // the SPIs whose holder this vCPU is; changes under the distributor's lock as well
    u32 held_lpi_words = 0;        // which words of held_lpi_banks are not zero
    u64 held_lpi_banks[(kLpiBanks + 63) / 64] = {};  // which words of held_lpis are not zero
    Buffer<u32> held_lpis;         // made by Distributor::init()
    Atomic<unsigned> held_count;   // the number of bits in both
    // Not zero while there is anything for flush() to do. Written under `lock`, read by flush() without (Callbacks::kick()).
    Atomic<u32> work;

    // For the vCPU's own thread; for others only while the vCPU cannot run.
    HardwareState hw;
    u8 priority_bits = 5;  // what the guest was told (ICC_CTLR_EL1.PRIbits + 1); user space may lower it
    u8 id_bits = 0;        // ICC_CTLR_EL1.IDbits
    bool lr_has_shared = false;        // a list register has an SPI or LPI
    bool lr_lacks_active = false;      // an active interrupt found no list register: its EOI counts in EOIcount
    Atomic<bool> split_eoi;            // VMCR's VEOIM as last seen: DIR deactivates, EOI does not
    Atomic<bool> dir_trapped;          // the last flush trapped DIR

    // Redistributor; config mutex unless said otherwise.
    Atomic<bool> lpis_enabled;  // GICR_CTLR.EnableLPIs; read under the distributor's lock of shared interrupts as well (lpi.cpp)
    Atomic<u64> pendbaser;  // written under the config mutex
    u64 redist_base = ~u64{0};  // IPA of RD_base, ~0 while it has none
    unsigned region = 0;
    unsigned region_slot = 0;

    // How many ICC_APxRn_EL1 of each group user space may see.
    unsigned active_priority_registers() const { return priority_bits >= 7 ? 4 : priority_bits == 6 ? 2 : 1; }

    // `lock` held. Call after each change of `private_irqs` or `held`.
    void refresh() {
        lock.assert_held();
        work.store_relaxed((private_irqs.relevant() != 0) | (held_count.load_relaxed() != 0));
    }
    // The same after a change that can only have added work. `lock` held.
    void note_work() {
        lock.assert_held();
        work.store_relaxed(1);
    }
    // `lock` and the distributor's lock held.
    void hold(unsigned bank, u32 bit) {
        lock.assert_held();
        held_word(bank) |= bit;
        if (is_lpi_bank(bank)) {
            held_lpi_banks[lpi_word(bank)] |= lpi_bit(bank);
            held_lpi_words |= u32{1} << lpi_word(bank);
        } else {
            held_banks |= u32{1} << bank;
        }
        held_count.store_relaxed(held_count.load_relaxed() + 1);
        note_work();
    }
    // refresh() is the caller's, before the lock is dropped.
    void release(unsigned bank, u32 bit) {
        lock.assert_held();
        held_word(bank) &= ~bit;
        if (!held_word(bank)) {
            if (!is_lpi_bank(bank))
                held_banks &= ~(u32{1} << bank);
            else if (!(held_lpi_banks[lpi_word(bank)] &= ~lpi_bit(bank)))
                held_lpi_words &= ~(u32{1} << lpi_word(bank));
        }
        held_count.store_relaxed(held_count.load_relaxed() - 1);
    }
    u32& held_word(unsigned bank) { return is_lpi_bank(bank) ? held_lpis[bank - kMaxSpiBanks] : held[bank]; }

    // Calls f(bank, the bits that this vCPU holds of it) for each bank with some. `lock` held. f may release bits of that bank.
    template <typename F>
    void for_each_held_spi(F&& f) {
        for_each_bit(held_banks, [&](unsigned b) { f(b, held[b]); });
    }
    template <typename F>
    void for_each_held_lpi(F&& f) {
        for_each_bit(held_lpi_words, [&](unsigned w) {
            for (u64 banks = held_lpi_banks[w]; banks; banks &= banks - 1) {
                const unsigned b = kMaxSpiBanks + w * 64 + static_cast<unsigned>(__builtin_ctzll(banks));
                f(b, held_word(b));
            }
        });
    }
    template <typename F>
    void for_each_held(F&& f) {
        for_each_held_spi(f);
        for_each_held_lpi(f);
    }

private:
    static constexpr unsigned lpi_word(unsigned bank) { return (bank - kMaxSpiBanks) / 64; }
    static constexpr u64 lpi_bit(unsigned bank) { return u64{1} << (bank - kMaxSpiBanks) % 64; }
    static_assert(sizeof(held_lpi_banks) / sizeof(u64) <= 32);
};

// The line that the CPU interface drives: for the highest-priority interrupt that is enabled, pending, not active, of an
// enabled group and above the mask. With one Security state, group 0 is signalled as FIQ and group 1 as IRQ
// ([IHI0069] 4.6.2). Any context, takes locks of the vGIC; the vCPU must not be in the guest (its state synced).
enum class Signal : u8 { kNone, kIrq, kFiq };
Signal signalled(CpuInterface& cpu);
// The same where the active priorities are in memory (CpuInterface::hw): an interrupt whose group priority is not higher than the
// running one is not signalled either. `intid`: which interrupt drives the line, if one does.
struct HighestPending {
    Signal signal = Signal::kNone;
    unsigned intid = 0;
};
HighestPending signalled_over_running(CpuInterface& cpu);
// For the wake-up from WFI.
inline bool has_pending(CpuInterface& cpu) { return signalled(cpu) != Signal::kNone; }

}  // namespace nest::vgic
