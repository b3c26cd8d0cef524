// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/dump.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <nested/mmu/mmu.hpp>

namespace nest::kvm {
namespace {

using stage2::Leaf;
using stage2::MemoryType;

// Leaves that continue each other, with the same permissions and memory type.
struct Run {
    u64 ipa, bytes, pa;
    stage2::Attributes attributes;

    bool takes(u64 at, const Leaf& leaf) const {
        return bytes && at == ipa + bytes && leaf.pa.raw == pa + bytes && leaf.attributes.prot == attributes.prot &&
               leaf.attributes.type == attributes.type;
    }
};

// What is found under one hold of the lock, to be told without it.
class Runs {
public:
    // False: no room; the leaf is to be offered again after the runs were told.
    bool add(u64 ipa, const Leaf& leaf) {
        const u64 bytes = stage2::span_of_level(leaf.level);
        if (count_ && runs_[count_ - 1].takes(ipa, leaf)) {
            runs_[count_ - 1].bytes += bytes;
            return true;
        }
        if (count_ == kMost)
            return false;
        runs_[count_++] = {ipa, bytes, leaf.pa.raw, leaf.attributes};
        return true;
    }
    // Tells all runs but, unless `last`, the last one, which the next leaf may continue.
    template <typename Tell>
    void tell(bool last, Tell&& tell) {
        const unsigned told = last || !count_ ? count_ : count_ - 1;
        for (unsigned i = 0; i < told; i++)
            tell(runs_[i]);
        if (told < count_)
            runs_[0] = runs_[told];
        count_ -= told;
    }

private:
    static constexpr unsigned kMost = 16;
    Run runs_[kMost];
    unsigned count_ = 0;
};

nest_dump_type type_of(MemoryType type) {
    switch (type) {
    case MemoryType::Normal: return NEST_DUMP_NORMAL;
    case MemoryType::NormalNC: return NEST_DUMP_NORMAL_NC;
    case MemoryType::Device_nGnRE: break;
    }
    return NEST_DUMP_DEVICE;
}

// `shadow`: its number, or -1 for the VM's own stage 2.
template <typename Tables>
void dump_leaves(void* to, Vm& vm, int shadow, Tables& tables) {
    using Address = typename Tables::Address;
    Runs runs;
    const auto tell = [&](const Run& r) {
        const stage2::Prot& p = r.attributes.prot;
        nest_port_dump_run(to, {vm.number, shadow, r.ipa, r.bytes, r.pa, p.r, p.w, p.x, type_of(r.attributes.type)});
    };
    for (Address at{}; at < tables.limit() && !nest_port_killed();) {
        {
            Guard guard(vm.mmu_lock);
            at = tables.for_each_leaf(at, tables.limit(), [&](Address ipa, const Leaf& leaf) { return !runs.add(ipa.raw, leaf); });
        }
        runs.tell(false, tell);
        nest_port_relax();
    }
    runs.tell(true, tell);
}

void dump_slots(void* to, Vm& vm) {
    for (size_t i = 0; !nest_port_killed(); i++) {
        nest_dump_slot line{vm.number, static_cast<u32>(i), 0, 0, 0};
        {
            Guard guard(vm.mmu_lock);
            const Memslot* slot = vm.slots.at(i);
            if (!slot)
                return;
            line.ipa = slot->base_gfn << arch::kPageShift;
            line.bytes = slot->pages << arch::kPageShift;
            line.hva = slot->hva.raw;
        }
        nest_port_dump_slot(to, line);
    }
}

void dump_shadows(void* to, Vm& vm, Shadows& shadows) {
    for (unsigned i = 0; !nest_port_killed(); i++) {
        nest_dump_shadow line{vm.number, i, 0, 0, 0, 0};
        Shadow* shadow = nullptr;
        {
            Guard guard(vm.mmu_lock);
            if (i == shadows.pool().count())
                return;
            shadow = &shadows.pool()[static_cast<u16>(i)];  // stays until the VM ends
            line.baddr = shadow->key.baddr;
            line.vtcr = shadow->key.vtcr;
            line.vmid = shadow->key.vmid;
            line.users = shadow->users;
        }
        nest_port_dump_shadow(to, line);
        dump_leaves(to, vm, static_cast<int>(i), shadow->tables);
    }
}

}  // namespace

void dump_translations(void* to) {
    Guard guard(machine().vms_lock);
    for (Vm* vm = machine().vms; vm; vm = vm->next_listed) {
        dump_slots(to, *vm);
        dump_leaves(to, *vm, -1, vm->stage2.tables());
        if (Shadows* shadows = vm->nested_mmu.shadows())
            dump_shadows(to, *vm, *shadows);
    }
}

}  // namespace nest::kvm
