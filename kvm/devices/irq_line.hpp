// SPDX-License-Identifier: GPL-2.0-only
// What the `irq` of KVM_IRQ_LINE means on arm64: Documentation/virt/kvm/api.rst.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/irq.hpp>

namespace nest::kvm {

inline constexpr unsigned kPrivateIrqs = 32;  // SGIs and PPIs
inline constexpr unsigned kSgis = 16;

struct IrqLine {
    enum class Kind : u8 {
        kCpu,  // the vCPU's own IRQ (intid 0) or FIQ (1) input, without an in-kernel GIC
        kPpi,
        kSpi,
    };
    Kind kind = Kind::kCpu;
    bool level = false;
    unsigned vcpu = 0;   // kCpu, kPpi: the vCPU's id. The caller checks whether that vCPU exists (EINVAL)
    unsigned intid = 0;  // kSpi: the caller checks whether the GIC has it (EINVAL)
};

// ENXIO: a kind that does not go with the (missing) in-kernel GIC. EINVAL: no such kind or number.
constexpr Result<IrqLine> decode_irq_line(const abi::IrqLevel& args, bool gic_in_kernel) {
    auto field = [&](u32 shift, u32 mask) { return args.irq >> shift & mask; };
    u32 kind = field(abi::KVM_ARM_IRQ_TYPE_SHIFT, abi::KVM_ARM_IRQ_TYPE_MASK);
    IrqLine line;
    line.level = args.level != 0;
    line.intid = field(abi::KVM_ARM_IRQ_NUM_SHIFT, abi::KVM_ARM_IRQ_NUM_MASK);
    line.vcpu = field(abi::KVM_ARM_IRQ_VCPU2_SHIFT, abi::KVM_ARM_IRQ_VCPU2_MASK) * (abi::KVM_ARM_IRQ_VCPU_MASK + 1) +
                field(abi::KVM_ARM_IRQ_VCPU_SHIFT, abi::KVM_ARM_IRQ_VCPU_MASK);
    switch (kind) {
    case abi::KVM_ARM_IRQ_TYPE_CPU:
        line.kind = IrqLine::Kind::kCpu;
        if (gic_in_kernel)
            return Errno::kNxIo;
        return line.intid > abi::KVM_ARM_IRQ_CPU_FIQ ? Result<IrqLine>(Errno::kInval) : line;
    case abi::KVM_ARM_IRQ_TYPE_PPI:
        line.kind = IrqLine::Kind::kPpi;
        if (!gic_in_kernel)
            return Errno::kNxIo;
        return line.intid < kSgis || line.intid >= kPrivateIrqs ? Result<IrqLine>(Errno::kInval) : line;
    case abi::KVM_ARM_IRQ_TYPE_SPI:
        line.kind = IrqLine::Kind::kSpi;
        if (!gic_in_kernel)
            return Errno::kNxIo;
        return line.intid < kPrivateIrqs ? Result<IrqLine>(Errno::kInval) : line;
    default:
        return Errno::kInval;
    }
}

}  // namespace nest::kvm
