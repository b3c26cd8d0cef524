// SPDX-License-Identifier: GPL-2.0-only
// Machine: a VM's virtual GIC with a few vCPUs, each on its own FakeCpu.
#pragma once
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <tests/fake/port.hpp>
#include <tests/unit/vgic/hw/fake_cpu_interface.hpp>
#include <vgic/inject.hpp>
#include <vgic/mmio/mmio.hpp>

namespace nest::test {

inline constexpr u64 kIpaLimit = u64{1} << 40;
inline constexpr u64 kDistBase = 0x8000000;
inline constexpr u64 kRedistBase = 0x80a0000;

struct FakeCallbacks final : vgic::Callbacks {
    struct Physical {
        unsigned vcpu, intid;
        bool active;
        bool operator==(const Physical&) const = default;
    };
    std::vector<unsigned> kicks, eois;
    std::vector<Physical> physical;
    std::set<std::pair<unsigned, unsigned>> high;  // lines of mapped PPIs
    unsigned halts = 0, resumes = 0;
    std::function<void()> on_halt;

    void kick(unsigned vcpu) override {
        require_unlocked();
        kicks.push_back(vcpu);
    }
    void eoi(unsigned intid) override {
        require_unlocked();
        eois.push_back(intid);
    }
    bool irq_line_level(unsigned vcpu, unsigned intid) override { return high.contains({vcpu, intid}); }
    void set_physical_active(unsigned vcpu, unsigned intid, bool active) override {
        physical.push_back({vcpu, intid, active});
    }
    void halt_all() override {
        might_sleep("halt_all");
        halts++;
        if (on_halt)
            on_halt();
    }
    void resume_all() override { resumes++; }
    std::function<void()> on_read;  // what other threads do behind the next read
    Status read_guest(u64 ipa, void* to, size_t bytes) override {
        might_sleep("read_guest");
        if (ipa < kRamBase || ipa - kRamBase > ram.size() || bytes > ram.size() - (ipa - kRamBase))
            return Errno::kFault;
        std::memcpy(to, ram.data() + (ipa - kRamBase), bytes);
        if (on_read)
            std::exchange(on_read, nullptr)();
        return kOk;
    }
    Status write_guest(u64 ipa, const void* from, size_t bytes) override {
        might_sleep("write_guest");
        if (ipa < kRamBase || ipa - kRamBase > ram.size() || bytes > ram.size() - (ipa - kRamBase))
            return Errno::kFault;
        std::memcpy(ram.data() + (ipa - kRamBase), from, bytes);
        return kOk;
    }
    bool log_has_room = true;
    bool can_log_writes() override { return log_has_room; }
    static constexpr u64 kRamBase = 0x4000'0000;
    std::vector<u8> ram;        // a test that wants guest memory makes it as large as it needs
    bool kicked(unsigned vcpu) const { return std::find(kicks.begin(), kicks.end(), vcpu) != kicks.end(); }

private:
    // The contract of kick() and eoi(): no lock held.
    static void require_unlocked() {
        if (thread_context().raw_spinlocks)
            __builtin_trap();
    }
};

class Machine {
public:
    explicit Machine(unsigned vcpus = 2, unsigned list_registers = 4, unsigned interrupts = 96) : lrs(list_registers) {
        gic.vtr = arch::ICH_VTR_EL2{}
                      .with<arch::ICH_VTR_EL2::ListRegs>(list_registers - 1)
                      .with<arch::ICH_VTR_EL2::PRIbits>(4)
                      .with<arch::ICH_VTR_EL2::PREbits>(4)
                      .with<arch::ICH_VTR_EL2::TDS>(1)
                      .with<arch::ICH_VTR_EL2::A3V>(1);
        distributor = std::make_unique<vgic::Distributor>(callbacks, gic, kIpaLimit);
        for (unsigned i = 0; i < vcpus; i++) {
            states.push_back(std::make_unique<vgic::CpuInterface>());
            cpus.emplace_back();
            ok(distributor->register_cpu(*states[i], i, i));
        }
        ok(distributor->set_interrupts(interrupts));
        ok(distributor->set_base(kDistBase));
        ok(distributor->add_region(kRedistBase, 0, 0));
        ok(distributor->init());
        ok(distributor->check_ready());
        distributor->set_enabled(true);
        for (unsigned i = 0; i < vcpus; i++) {
            guest(i).set_vmcr(0xf0, true, false);
            states[i]->hw.vmcr = cpus[i].registers[arch::SysReg::ICH_VMCR_EL2];
        }
        callbacks.kicks.clear();
    }

    static void ok(const Status& status) {
        if (!status)
            __builtin_trap();
    }
    vgic::CpuInterface& cpu(unsigned i) { return *states[i]; }
    FakeCpuInterface guest(unsigned i) { return FakeCpuInterface(cpus[i], lrs); }
    void flush(unsigned i) {
        const unsigned long flags = nest_port_irq_save();
        vgic::flush(cpus[i], cpu(i));
        nest_port_irq_restore(flags);
    }
    void sync(unsigned i) {
        guest(i);  // ELRSR up to date
        const unsigned long flags = nest_port_irq_save();
        vgic::sync(cpus[i], cpu(i));
        nest_port_irq_restore(flags);
    }
    template <typename F>
    void run(unsigned i, F&& f) {
        flush(i);
        FakeCpuInterface g = guest(i);
        f(g);
        sync(i);
    }
    // A guest's handler: acknowledge, EOI; returns the INTID.
    unsigned handle(unsigned i) {
        unsigned intid = 0;
        run(i, [&](FakeCpuInterface& g) {
            intid = g.acknowledge();
            if (intid != FakeCpuInterface::kSpurious)
                g.eoi(intid);
        });
        return intid;
    }
    u64 read(unsigned vcpu, u64 address, unsigned length = 4) {
        u64 value = ~u64{0};
        if (!vgic::mmio_read(cpu(vcpu), arch::Ipa(address), length, value))
            __builtin_trap();
        return value;
    }
    void write(unsigned vcpu, u64 address, u64 value, unsigned length = 4) {
        if (!vgic::mmio_write(cpu(vcpu), arch::Ipa(address), length, value))
            __builtin_trap();
    }
    static u64 gicd(u64 offset) { return kDistBase + offset; }
    static u64 gicr(unsigned vcpu, u64 offset) { return kRedistBase + vcpu * 0x20000 + offset; }
    vgic::Bank& bank(unsigned vcpu, unsigned intid) {
        if (vgic::is_private(intid))
            return cpu(vcpu).private_irqs;
        return distributor->spi_bank(intid / 32 - 1);
    }
    // After a direct change of the vCPU's bank.
    void refresh(unsigned vcpu) {
        IrqGuard guard(cpu(vcpu).lock);
        cpu(vcpu).refresh();
    }
    void inject(unsigned vcpu, unsigned intid, bool level) {
        ok(vgic::inject(*distributor, vcpu, intid, level));
    }
    // Directly into the state, for tables of transitions.
    void enable(unsigned vcpu, unsigned intid, bool on = true) {
        const u64 base = vgic::is_private(intid) ? gicr(vcpu, 0x10000) : gicd(intid / 32 * 4);
        write(vcpu, base + (on ? 0x100 : 0x180), vgic::bit_of(intid));
    }
    void make_edge(unsigned intid) {
        const u64 word = gicd(0xc00 + intid / 16 * 4);
        write(0, word, read(0, word) | 2u << (intid % 16 * 2));
    }

    FakeCallbacks callbacks;
    vgic::HostGic gic;
    unsigned lrs;
    std::unique_ptr<vgic::Distributor> distributor;
    std::vector<std::unique_ptr<vgic::CpuInterface>> states;
    std::vector<FakeCpu> cpus;
};

}  // namespace nest::test
