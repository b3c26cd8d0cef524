// SPDX-License-Identifier: GPL-2.0-only
// Random sequences of injections, MMIO, entries, exits, acknowledges, EOIs and route changes against a model that knows
// no list registers. Kicks and maintenance interrupts take effect at once, so that the guest must always see the best
// interrupt: nothing is lost, nothing comes twice, nothing is in two vCPUs' list registers.
#include <cstdio>
#include <cstdlib>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/hw/icc.hpp>
#include <vgic/nested/left_group.hpp>

using namespace nest;
using namespace nest::test;

namespace {

constexpr unsigned kVcpus = 3, kMask = 0xf0;

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "vgic_ops: %s\n", what);
    std::abort();
}

struct Interrupt {
    unsigned intid;
    int owner;  // a vCPU, or -1 for an SPI
    bool enabled = false, edge = false, line = false, latch = false, active = false;
    unsigned target = 0;
    unsigned priority = 0;
    bool pending() const { return latch || (line && !edge); }
};

class Run {
public:
    Run(unsigned list_registers, bool split) : m_(kVcpus, list_registers, 64), split_(split) {
        for (unsigned v = 0; v < kVcpus; v++)
            for (const unsigned intid : {1u, 2u, 20u, 21u})
                all_.push_back({intid, static_cast<int>(v), vgic::is_sgi(intid), vgic::is_sgi(intid)});
        for (unsigned intid = 32; intid < 48; intid++)
            all_.push_back({intid, -1});
        m_.callbacks.on_halt = [this] {
            for (unsigned v = 0; v < kVcpus; v++)
                leave(v, true);
        };
        for (unsigned v = 0; v < kVcpus; v++)
            m_.run(v, [&](FakeCpuInterface& g) { g.set_vmcr(kMask, true, split_); });
    }

    void step(u8 op, u8 which, u8 who) {
        Interrupt& i = all_[which % all_.size()];
        const unsigned v = i.owner >= 0 ? static_cast<unsigned>(i.owner) : who % kVcpus;
        const u32 bit = vgic::bit_of(i.intid);
        const bool stacked = on_a_stack(i);
        switch (op % 17) {
        case 0: case 1:
            if (!vgic::is_sgi(i.intid))
                set_line(i, v, op % 17 == 0);
            break;
        case 2: i.enabled = true; mmio(who, frame(i) + 0x100, bit); break;
        case 3: i.enabled = false; mmio(who, frame(i) + 0x180, bit); break;
        case 4: i.latch = true; mmio(who, frame(i) + 0x200, bit); break;
        case 5: i.latch = false; mmio(who, frame(i) + 0x280, bit); break;
        case 6:
            if (split_ && !i.active) {
                i.active = true;
                mmio(who, frame(i) + 0x300, bit);
            }
            break;
        case 7:
            if (split_ && !stacked) {
                i.active = false;
                mmio(who, frame(i) + 0x380, bit);
            }
            break;
        case 8: set_priority(i, which, who); break;
        case 9: set_trigger(i, which, who & 1); break;
        case 10: set_target(i, which, who % (kVcpus + 1)); break;
        case 11: send_sgi(i, who % kVcpus, v); break;
        case 12: enter(who % kVcpus); break;
        case 13: leave(who % kVcpus, false); break;
        case 14: acknowledge(who % kVcpus, who & 0x40); break;
        case 15: end(who % kVcpus, who & 0x40); break;
        case 16:
            if (split_ && i.active && !stacked)
                deactivate(i, v);
            break;
        }
        settle();
        check();
    }

    // Everything that is deliverable arrives in the end.
    void drain() {
        for (unsigned v = 0; v < kVcpus; v++)
            while (!stack_[v].empty())
                end(v), settle(), check();
        for (Interrupt& i : all_) {
            if (i.active && split_)
                deactivate(i, i.owner >= 0 ? static_cast<unsigned>(i.owner) : 0);
            settle();
            if (i.line)
                set_line(i, i.owner >= 0 ? static_cast<unsigned>(i.owner) : 0, false);
            settle();
        }
        check();
        // Round and round: an SPI whose route changed while a vCPU had it goes to its new target when that vCPU comes out, which
        // may be after the new target's turn.
        for (unsigned turn = 0; turn < kVcpus * kVcpus; turn++)
            for (unsigned n = 0, v = turn % kVcpus; n < 40; n++) {
                acknowledge(v), settle(), check();
                if (stack_[v].empty())
                    break;
                const unsigned intid = stack_[v].back()->intid;
                Interrupt& i = *stack_[v].back();
                end(v), settle(), check();
                if (split_)
                    deactivate(i, v), settle(), check();
                require(i.intid == intid && !i.active, "drained");
            }
        for (unsigned v = 0; v < kVcpus; v++)
            require(best(v, kMask) == nullptr, "something deliverable was never delivered");
    }

private:
    u64 frame(const Interrupt& i) const {
        return i.owner >= 0 ? Machine::gicr(static_cast<unsigned>(i.owner), 0x10000) : Machine::gicd(i.intid / 32 * 4);
    }
    bool on_a_stack(const Interrupt& i) const {
        for (const auto& stack : stack_)
            for (const Interrupt* s : stack)
                if (s == &i)
                    return true;
        return false;
    }
    void set_line(Interrupt& i, unsigned v, bool up) {
        if (i.edge)
            i.latch |= up;
        else
            i.line = up;
        m_.inject(v, i.intid, up);
    }
    void mmio(unsigned who, u64 address, u64 value, unsigned length = 4) {
        const unsigned v = who % kVcpus;
        const bool was = in_guest_[v];
        leave(v, false);  // the access is an exit
        m_.write(v, address, value, length);
        if (was)
            enter(v);
    }
    void set_priority(Interrupt& i, unsigned by, u8 chosen) {
        if (i.active)
            return;
        i.priority = (chosen & 31) < 29 ? (chosen & 31u) * 8 : 0;
        mmio(by, (vgic::is_private(i.intid) ? frame(i) : Machine::gicd(0)) + 0x400 + i.intid, i.priority, 1);
    }
    void set_trigger(Interrupt& i, unsigned by, bool edge) {
        if (i.owner >= 0 || i.active)
            return;
        i.edge = edge;
        const u64 word = Machine::gicd(0xc00 + i.intid / 16 * 4);
        const u32 field = 3u << i.intid % 16 * 2;
        mmio(by, word, (m_.read(0, word) & ~field) | (i.edge ? 2u : 0u) << i.intid % 16 * 2);
    }
    // kVcpus: a vCPU that there is not.
    void set_target(Interrupt& i, unsigned by, unsigned target) {
        if (i.owner >= 0)
            return;
        i.target = target;
        mmio(by, Machine::gicd(0x6000 + 8 * i.intid), i.target, 8);
    }
    void send_sgi(Interrupt& i, unsigned from, unsigned to) {
        if (!vgic::is_sgi(i.intid))
            return;
        i.latch = true;
        vgic::send_sgi(m_.cpu(from), arch::SysReg::ICC_SGI1R_EL1, u64{i.intid} << 24 | 1u << to);
    }
    void enter(unsigned v) {
        if (!in_guest_[v]) {
            m_.cpus[v].log.clear();
            m_.flush(v);
        }
        in_guest_[v] = true;
        again_[v] = false;
    }
    void leave(unsigned v, bool come_back) {
        if (!in_guest_[v])
            return;
        m_.sync(v);
        in_guest_[v] = false;
        again_[v] = come_back;
    }
    // Kicks and maintenance interrupts, until there are none.
    void settle() {
        for (unsigned rounds = 0;; rounds++) {
            require(rounds < 100, "vCPUs kick each other for ever");
            const std::vector<unsigned> kicks = std::exchange(m_.callbacks.kicks, {});
            bool quiet = kicks.empty();
            for (const unsigned v : kicks)
                leave(v, true);
            for (unsigned v = 0; v < kVcpus; v++) {
                if (again_[v])
                    enter(v);
                if (in_guest_[v] && m_.guest(v).maintenance()) {
                    leave(v, true);
                    quiet = false;
                }
            }
            if (quiet)
                return;
        }
    }
    bool listed_elsewhere(const Interrupt& i, unsigned v) {
        for (unsigned o = 0; o < kVcpus; o++)
            if (o != v && i.owner < 0 && m_.guest(o).find(i.intid) >= 0)
                return true;
        return false;
    }
    Interrupt* best(unsigned v, unsigned limit) {
        Interrupt* best = nullptr;
        for (Interrupt& i : all_) {
            const bool mine = i.owner >= 0 ? i.owner == static_cast<int>(v) : i.target == v && !listed_elsewhere(i, v);
            if (mine && i.enabled && i.pending() && !i.active && i.priority < limit) {
                limit = i.priority;
                best = &i;
            }
        }
        return best;
    }
    unsigned limit(unsigned v) const { return stack_[v].empty() ? kMask : std::min(kMask, stack_[v].back()->priority); }

    // As an L2 to which the vCPU's guest leaves its IRQs.
    template <typename F>
    void by_traps(unsigned v, F&& f) {
        leave(v, false);
        vgic::put(m_.cpus[v], m_.cpu(v));
        f(m_.cpu(v));
        vgic::load(m_.cpus[v], m_.cpu(v));
    }
    unsigned acknowledge_by_traps(unsigned v) {
        u64 intid = 0;
        by_traps(v, [&](vgic::CpuInterface& cpu) {
            require(vgic::left_group_read(cpu, 1, arch::SysReg::ICC_IAR1_EL1, intid), "ICC_IAR1_EL1 is not there");
        });
        return static_cast<unsigned>(intid);
    }
    void acknowledge(unsigned v, bool traps = false) {
        if (!traps)
            enter(v);
        Interrupt* wanted = best(v, limit(v));
        const unsigned intid = traps ? acknowledge_by_traps(v) : m_.guest(v).acknowledge();
        if (intid == FakeCpuInterface::kSpurious) {
            require(!wanted, "a deliverable interrupt was not there");
            return;
        }
        Interrupt* got = nullptr;
        for (Interrupt& i : all_)
            if (i.intid == intid && (i.owner < 0 || i.owner == static_cast<int>(v)))
                got = &i;
        require(got && got->enabled && got->pending(), "an interrupt came that is not pending, or twice");
        require(!got->active, "an active interrupt came again");
        require(!wanted || got->priority <= wanted->priority, "a better interrupt was left behind");
        got->latch = false;
        got->active = true;
        stack_[v].push_back(got);
    }
    void end(unsigned v, bool traps = false) {
        if (stack_[v].empty())
            return;
        if (!traps)
            enter(v);
        Interrupt* i = stack_[v].back();
        stack_[v].pop_back();
        if (traps)
            by_traps(v, [&](vgic::CpuInterface& cpu) {
                require(vgic::left_group_write(cpu, 1, arch::SysReg::ICC_EOIR1_EL1, i->intid), "ICC_EOIR1_EL1 is not there");
            });
        else
            m_.guest(v).eoi(i->intid);
        i->active = split_;
    }
    void deactivate(Interrupt& i, unsigned v) {
        enter(v);
        const bool here = m_.guest(v).state(i.intid) & arch::kLrActive;
        if (m_.guest(v).dir(i.intid)) {
            require(here, "a deactivation that matters did not trap");
        } else {
            leave(v, true);
            vgic::trapped_write(m_.cpu(v), arch::SysReg::ICC_DIR_EL1, i.intid);
        }
        i.active = false;
    }
    void check() {
        u8 listings[64] = {};
        for (unsigned v = 0; v < kVcpus; v++) {
            FakeCpuInterface g = m_.guest(v);
            for (unsigned i = 0; in_guest_[v] && i < m_.lrs; i++)
                if (g.view(i).get<arch::ListRegister::State>())
                    listings[g.view(i).get<arch::ListRegister::vINTID>()]++;
        }
        for (Interrupt& i : all_) {
            if (i.owner >= 0)
                continue;
            unsigned lists = listings[i.intid], holders = 0;
            for (unsigned v = 0; v < kVcpus; v++) {
                holders += (m_.cpu(v).held[0] & vgic::bit_of(i.intid)) != 0;
                require(!(m_.cpu(v).held[0] & vgic::bit_of(i.intid)) ||
                            m_.distributor->spi_bank(0).holder[i.intid - 32] == v, "the holder does not hold it");
            }
            require(lists <= 1, "in the list registers of two vCPUs");
            require(holders == (m_.distributor->spi_bank(0).holder[i.intid - 32] != vgic::kNobody), "two holders");
        }
        unsigned held = 0;
        for (unsigned v = 0; v < kVcpus; v++)
            held += m_.cpu(v).held_count.load_relaxed();
        require(held == m_.distributor->held_spis(), "the count of held SPIs is wrong");
    }

    Machine m_;
    bool split_;
    std::vector<Interrupt> all_;
    std::vector<Interrupt*> stack_[kVcpus];  // acknowledged, priority not dropped
    bool in_guest_[kVcpus] = {}, again_[kVcpus] = {};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 5 || size > 600)
        return 0;
    constexpr unsigned kListRegisters[] = {2, 4, 16, 3};
    Run run(kListRegisters[data[0] & 3], data[0] & 4);
    u32 random = 1;
    for (size_t i = 2; i + 2 < size; i += 3) {
        run.step(data[i], data[i + 1], data[i + 2]);
        random = random * 31 + (data[i] | data[i + 1] << 8 | data[i + 2] << 16);
    }
    // A tail that short inputs reach as well: what breaks needs many steps.
    for (unsigned i = 0; i < data[1]; i++) {
        random = random * 1664525 + 1013904223;
        run.step(static_cast<u8>(random >> 24), static_cast<u8>(random >> 16), static_cast<u8>(random >> 8));
    }
    run.drain();
    return 0;
}
