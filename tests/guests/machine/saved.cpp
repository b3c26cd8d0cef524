// SPDX-License-Identifier: GPL-2.0-only
#include "saved.hpp"

#include <sys/ioctl.h>

#include <cerrno>

#include "machine.hpp"
#include "mmio.hpp"

namespace nest::guests {
namespace {

constexpr unsigned kGroupDistributor = 1, kGroupControl = 4, kGroupRedistributor = 5, kGroupCpuRegisters = 6, kGroupLevels = 7,
                   kGroupIts = 8;
constexpr u64 kSaveItsTables = 1, kRestoreItsTables = 2, kSavePendingTables = 3;

std::vector<u64> list_of_registers(const Vcpu& vcpu) {
    kvm_reg_list none{};
    if (ioctl(vcpu.file().number(), KVM_GET_REG_LIST, &none) == 0 || errno != E2BIG)
        throw SystemError("KVM_GET_REG_LIST's size");
    std::vector<u64> list(1 + none.n);
    list[0] = none.n;
    vcpu.file().call(KVM_GET_REG_LIST, "KVM_GET_REG_LIST", list.data());
    list.erase(list.begin());
    std::erase(list, KVM_REG_ARM64_SVE_VLS);  // settled by KVM_ARM_VCPU_FINALIZE; all vCPUs here have the longest vectors
    return list;
}

size_t size_of(u64 register_id) { return size_t{1} << ((register_id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT); }

void access(const Vcpu& vcpu, unsigned long request, u64 id, const void* value) {
    const kvm_one_reg one{id, reinterpret_cast<u64>(value)};
    vcpu.file().call(request, (request == KVM_GET_ONE_REG ? "KVM_GET_ONE_REG " : "KVM_SET_ONE_REG ") + hex(id), &one);
}

// What a register has for each interrupt, in bits; GICD_CTLR and the like have none.
struct Frame {
    u32 offset;
    unsigned bits;
};
// GICD_IIDR comes first: what it says decides how others are read. Set and clear registers are one state: the set ones do.
// GICR_PROPBASER and GICR_PENDBASER come before GICR_CTLR, whose EnableLPIs closes them.
constexpr Frame kDistributorFrame[] = {{0x008, 0}, {0x000, 0}, {0x080, 1}, {0x400, 8}, {0xc00, 2}, {0x100, 1}, {0x200, 1}, {0x300, 1}};
constexpr Frame kRedistributorFrame[] = {{0x00070, 0}, {0x00074, 0}, {0x00078, 0}, {0x0007c, 0}, {0x00000, 0}, {0x10080, 1},
                                         {0x10400, 8}, {0x10c00, 2}, {0x10100, 1}, {0x10200, 1}, {0x10300, 1}};
// GITS_IIDR, GITS_CBASER, GITS_CREADR, GITS_CWRITER, GITS_BASER0 to 7; behind the tables, GITS_CTLR.
constexpr u32 kItsRegisters[] = {0x4, 0x80, 0x90, 0x88, 0x100, 0x108, 0x110, 0x118, 0x120, 0x128, 0x130, 0x138};
constexpr u32 kItsControl = 0;
constexpr u32 kRouter = 0x6000;
constexpr unsigned kPrivate = 32;

// S3_0_C4_C6_0 (ICC_PMR_EL1), S3_0_C12_*_*, and for EL2 S3_4_C12_*_*: by their 16-bit encodings.
constexpr u64 encoding(unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
    return u64{3} << 14 | u64{op1} << 11 | u64{crn} << 7 | u64{crm} << 3 | op2;
}

}  // namespace

SavedVcpu::SavedVcpu(const Vcpu& vcpu) {
    for (const u64 id : list_of_registers(vcpu)) {
        Register& one = registers_.emplace_back(id, std::vector<char>(size_of(id)));
        access(vcpu, KVM_GET_ONE_REG, id, one.value.data());
    }
    vcpu.file().call(KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", &events_);
    vcpu.file().call(KVM_GET_MP_STATE, "KVM_GET_MP_STATE", &power_);
}

void SavedVcpu::restore(const Vcpu& vcpu) const {
    for (const Register& one : registers_)
        access(vcpu, KVM_SET_ONE_REG, one.id, one.value.data());
    vcpu.file().call(KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", &events_);
    vcpu.file().call(KVM_SET_MP_STATE, "KVM_SET_MP_STATE", &power_);
}

SavedGic::SavedGic(const File& gic, unsigned vcpus, unsigned interrupts) {
    for (const Frame& frame : kDistributorFrame)
        for (unsigned at = kPrivate * frame.bits / 8; at < (frame.bits ? interrupts * frame.bits / 8 : 4); at += 4)
            take(gic, kGroupDistributor, frame.offset + at);
    for (unsigned at = kPrivate * 8; at < interrupts * 8; at += 4)
        take(gic, kGroupDistributor, kRouter + at);
    for (unsigned at = kPrivate; at < interrupts; at += 32)
        take(gic, kGroupLevels, at);
    for (u64 vcpu = 0; vcpu < vcpus; vcpu++) {
        const u64 of = vcpu << 32;      // MPIDR_EL1's affinity, which is the vCPU's number here
        for (const Frame& frame : kRedistributorFrame)
            for (unsigned at = 0; at < (frame.bits ? kPrivate * frame.bits / 8 : 4); at += 4)
                take(gic, kGroupRedistributor, of | (frame.offset + at));
        take(gic, kGroupLevels, of);
        take_cpu_registers(gic, of);
    }
}

void SavedDevice::take(const File& device, unsigned group, u64 number) {
    u64 value = 0;
    const kvm_device_attr wanted{0, group, number, reinterpret_cast<u64>(&value)};
    device.call(KVM_GET_DEVICE_ATTR, "reading the attribute " + std::to_string(group) + "/" + hex(number), &wanted);
    push(group, number, value);
}

void SavedDevice::restore(const File& device) const {
    for (const Attribute& one : attributes_) {
        const kvm_device_attr wanted{0, one.group, one.number, reinterpret_cast<u64>(&one.value)};
        device.call(KVM_SET_DEVICE_ATTR, "writing the attribute " + std::to_string(one.group) + "/" + hex(one.number), &wanted);
    }
}

// Those that there are. KVM_HAS_DEVICE_ATTR knows all active priorities registers, and reading one that this number of priority
// bits does not have is EINVAL.
void SavedGic::take_cpu_registers(const File& gic, u64 of) {
    const auto take_if_there = [&](u64 encoding) {
        u64 value = 0;
        const kvm_device_attr wanted{0, kGroupCpuRegisters, of | encoding, reinterpret_cast<u64>(&value)};
        if (ioctl(gic.number(), KVM_HAS_DEVICE_ATTR, &wanted) == 0 &&
            (ioctl(gic.number(), KVM_GET_DEVICE_ATTR, &wanted) == 0 || errno != EINVAL))
            take(gic, kGroupCpuRegisters, of | encoding);
    };
    take_if_there(encoding(0, 4, 6, 0));
    for (const unsigned op1 : {0, 4})
        for (unsigned crm = 0; crm < 16; crm++)
            for (unsigned op2 = 0; op2 < 8; op2++)
                take_if_there(encoding(op1, 12, crm, op2));
}

void save_tables(const File& gic, const File& its) {
    const kvm_device_attr tables{0, kGroupControl, kSaveItsTables, 0}, pending{0, kGroupControl, kSavePendingTables, 0};
    its.call(KVM_SET_DEVICE_ATTR, "KVM_DEV_ARM_ITS_SAVE_TABLES", &tables);
    gic.call(KVM_SET_DEVICE_ATTR, "KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES", &pending);
}

SavedIts::SavedIts(const File& its) {
    for (const u32 offset : kItsRegisters)
        take(its, kGroupIts, offset);
    push(kGroupControl, kRestoreItsTables);
    take(its, kGroupIts, kItsControl);
}

}  // namespace nest::guests
