// SPDX-License-Identifier: GPL-2.0-only
// Interrupts from user space, eventfds both ways, coalesced writes.
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

constexpr u64 kDoorbell = 0x7100'0000;
constexpr u32 kGsi = 3;

// A whole VM: irqfds want a vGIC that is initialised.
struct Wired {
    File kvm = guests::open_kvm();
    Machine machine{kvm, 0, Level::el1};
    std::shared_ptr<File> event = make_eventfd(), resample = make_eventfd();

    const File& vm() const { return machine.vm(); }
    kvm_irqfd irqfd(u32 flags) const {
        kvm_irqfd wanted{};
        wanted.fd = static_cast<u32>(event->number());
        wanted.gsi = kGsi;
        wanted.flags = flags;
        if (flags & KVM_IRQFD_FLAG_RESAMPLE)
            wanted.resamplefd = static_cast<u32>(resample->number());
        return wanted;
    }
    kvm_ioeventfd ioeventfd(u32 flags) const {
        kvm_ioeventfd wanted{};
        wanted.addr = kDoorbell;
        wanted.len = 4;
        wanted.fd = event->number();
        wanted.flags = flags;
        return wanted;
    }
};
std::shared_ptr<Wired> make_wired() { return std::make_shared<Wired>(); }

// That a failure has left no irqfd behind: the eventfd can be bound again, by the second call.
Trial irqfd(u32 flags) {
    const auto wired = make_wired();
    if (flags & KVM_IRQFD_FLAG_DEASSIGN) {
        const kvm_irqfd bound = wired->irqfd(flags & ~KVM_IRQFD_FLAG_DEASSIGN);
        wired->vm().call(KVM_IRQFD, "KVM_IRQFD", &bound);
    }
    return ioctl_trial(wired, wired->vm(), KVM_IRQFD, wired->irqfd(flags));
}

// An eventfd that is signalled already raises the line in the ioctl itself.
Trial irqfd_signalled() {
    const auto wired = make_wired();
    const u64 one = 1;
    if (write(wired->event->number(), &one, sizeof one) != sizeof one)
        throw guests::SystemError("signalling an eventfd");
    return ioctl_trial(wired, wired->vm(), KVM_IRQFD, wired->irqfd(0));
}

Trial ioeventfd(u32 flags) {
    const auto wired = make_wired();
    if (flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
        const kvm_ioeventfd bound = wired->ioeventfd(0);
        wired->vm().call(KVM_IOEVENTFD, "KVM_IOEVENTFD", &bound);
    }
    return ioctl_trial(wired, wired->vm(), KVM_IOEVENTFD, wired->ioeventfd(flags));
}

Trial coalesced(unsigned long request) {
    const auto wired = make_wired();
    const kvm_coalesced_mmio_zone zone{kDoorbell, 0x1000, {0}};
    if (request == KVM_UNREGISTER_COALESCED_MMIO)
        wired->vm().call(KVM_REGISTER_COALESCED_MMIO, "KVM_REGISTER_COALESCED_MMIO", &zone);
    return ioctl_trial(wired, wired->vm(), request, zone);
}

Trial routing() {
    constexpr u32 kEntries = 8;
    const auto wired = make_wired();
    const auto bytes = std::make_shared<std::vector<u64>>((sizeof(kvm_irq_routing) + kEntries * sizeof(kvm_irq_routing_entry)) / 8);
    kvm_irq_routing& table = *reinterpret_cast<kvm_irq_routing*>(bytes->data());
    table.nr = kEntries;
    for (u32 i = 0; i < kEntries; i++) {
        table.entries[i].gsi = i;
        table.entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
        table.entries[i].u.irqchip.pin = i;
    }
    return {[wired, bytes] { return injector().ioctl(wired->vm().number(), KVM_SET_GSI_ROUTING, bytes->data()); }};
}

// The state of the SPI is what the level says whether or not the answer could be stored.
Trial irq_line(unsigned long request) {
    const auto wired = make_wired();
    kvm_irq_level level{};
    level.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | 40;
    level.level = 1;
    return ioctl_trial(wired, wired->vm(), request, level);
}

Trial signal_msi() {
    const auto wired = make_wired();
    return ioctl_trial(wired, wired->vm(), KVM_SIGNAL_MSI, kvm_msi{});
}

}  // namespace

Steps irq_steps() {
    return {
        {"irqfd-assign", [] { return irqfd(0); }},
        {"irqfd-assign-signalled", irqfd_signalled},
        {"irqfd-assign-resample", [] { return irqfd(KVM_IRQFD_FLAG_RESAMPLE); }},
        {"irqfd-deassign", [] { return irqfd(KVM_IRQFD_FLAG_DEASSIGN); }, {EFAULT}},
        {"ioeventfd-assign", [] { return ioeventfd(0); }},
        {"ioeventfd-deassign", [] { return ioeventfd(KVM_IOEVENTFD_FLAG_DEASSIGN); }, {EFAULT}},
        {"coalesced-register", [] { return coalesced(KVM_REGISTER_COALESCED_MMIO); }},
        {"coalesced-unregister", [] { return coalesced(KVM_UNREGISTER_COALESCED_MMIO); }, {EFAULT}},
        {"set-gsi-routing", routing},
        {"irq-line", [] { return irq_line(KVM_IRQ_LINE); }, {EFAULT}},
        {"irq-line-status", [] { return irq_line(KVM_IRQ_LINE_STATUS); }, {EFAULT}},
        {"signal-msi", signal_msi, {EFAULT}, -ENODEV},
    };
}

}  // namespace nest::fail_nth
