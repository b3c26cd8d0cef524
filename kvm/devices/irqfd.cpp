// SPDX-License-Identifier: GPL-2.0-only
#include <base/memory.hpp>
#include <kvm/devices/irqfd.hpp>
#include <port/port.h>

namespace nest::kvm {

class Irqfd {
public:
    Irqfd(Irqfds& owner, u32 its_gsi) : parent(owner), gsi(its_gsi) {}

    // Atomic. The route is looked up at each signal, so that KVM_SET_GSI_ROUTING need not tell any irqfd.
    void signalled() {
        IrqRoute route = parent.routing_.route(gsi);
        // The line of a level-sensitive SPI stays high until KVM_IRQ_LINE or a resampler lowers it, as the KVM selftests
        // (vgic_irq) want it: a pulse that ends before the guest has looked would be lost.
        if (route.kind == IrqRoute::Kind::kSpi)
            parent.sink_.inject_spi(route.intid, true);
        else if (route.kind == IrqRoute::Kind::kMsi)
            parent.sink_.inject_msi(route.msi);
    }
    void closed() { parent.shut_down(this); }

    Irqfds& parent;
    const u32 gsi;
    nest_host_irqfd* host = nullptr;
    nest_eventfd* resample = nullptr;
    Irqfd* next = nullptr;            // Irqfds::list_
    Irqfd* next_resampler = nullptr;  // Irqfds::resamplers_
};

namespace {

// Takes `item` out of a list linked through `next`; false when it is not there.
template <typename T>
bool unlink(T*& head, T* T::*next, const T* item) {
    for (T** link = &head; *link; link = &((*link)->*next)) {
        if (*link != item)
            continue;
        *link = item->*next;
        return true;
    }
    return false;
}

}  // namespace

Status Irqfds::irqfd(const abi::Irqfd& args) {
    if (args.flags & ~(abi::KVM_IRQFD_FLAG_DEASSIGN | abi::KVM_IRQFD_FLAG_RESAMPLE))
        return Errno::kInval;
    return args.flags & abi::KVM_IRQFD_FLAG_DEASSIGN ? deassign(args) : assign(args);
}

Status Irqfds::assign(const abi::Irqfd& args) {
    if (!sink_.ready())
        return Errno::kAgain;
    Owned<Irqfd> irqfd(make<Irqfd>(*this, args.gsi));
    if (!irqfd)
        return Errno::kNoMem;
    // If both descriptors are bad, the error is that of `fd`: so `fd` is looked up before resamplefd.
    nest_eventfd* eventfd;
    int error = nest_port_eventfd_get(static_cast<int>(args.fd), &eventfd);
    if (error)
        return static_cast<Errno>(-error);
    if (args.flags & abi::KVM_IRQFD_FLAG_RESAMPLE) {
        error = nest_port_eventfd_get(static_cast<int>(args.resamplefd), &irqfd->resample);
        if (!error)
            start_resampling(*irqfd);
    }
    nest_port_eventfd_put(eventfd);
    if (error)
        return static_cast<Errno>(-error);
    {
        // The mutex is held over the bind: another thread may close the eventfd at once, and shut_down() then waits here until
        // the irqfd is on the list. Otherwise shut_down() would find no entry, and nobody would tear this irqfd down.
        Guard guard(mutex_);
        error = nest_port_irqfd_bind(static_cast<int>(args.fd), irqfd.get(), &irqfd->host);
        if (!error) {
            irqfd->next = list_;
            list_ = irqfd.release();
            return kOk;
        }
    }
    if (irqfd->resample) {
        stop_resampling(*irqfd);
        nest_port_eventfd_put(irqfd->resample);
    }
    return static_cast<Errno>(-error);
}

Status Irqfds::deassign(const abi::Irqfd& args) {
    int fd = static_cast<int>(args.fd);
    nest_eventfd* eventfd;
    if (const int error = nest_port_eventfd_get(fd, &eventfd))
        return static_cast<Errno>(-error);
    for (;;) {
        Irqfd* found = nullptr;
        {
            Guard guard(mutex_);
            for (Irqfd* i = list_; i && !found; i = i->next)
                if (i->gsi == args.gsi && nest_port_irqfd_matches(i->host, fd))
                    found = i;
            if (found)
                unlink(list_, &Irqfd::next, found);
        }
        if (!found)
            break;
        tear_down(found);
    }
    nest_port_eventfd_put(eventfd);
    // Thread B has closed the eventfd, and its shut_down() has taken the irqfd off the list but not yet unbound it: a driver of
    // the host that still has the eventfd could signal, and the guest would get an interrupt after this ioctl. So shutdowns
    // that have begun are waited for.
    nest_port_irqfd_flush();
    return kOk;
}

void Irqfds::release_all() {
    for (;;) {
        Irqfd* first;
        {
            Guard guard(mutex_);
            first = list_;
            if (first)
                list_ = first->next;
        }
        if (!first)
            break;
        tear_down(first);
    }
    // Thread B has closed an eventfd, and its shut_down() has taken the irqfd off the list: it may still work on the routing
    // and the GIC of a VM that is about to go.
    nest_port_irqfd_flush();
}

// The eventfd was closed. Who takes the irqfd off the list, tears it down. If deassign() or release_all() has done so first,
// its unbind waits until this function returns: `irqfd` is still there.
void Irqfds::shut_down(Irqfd* irqfd) {
    bool ours;
    {
        Guard guard(mutex_);
        ours = unlink(list_, &Irqfd::next, irqfd);
    }
    if (ours)
        tear_down(irqfd);
}

// The irqfd is off the list. mutex_ must not be held: unbinding waits for a shut_down() that runs, which takes mutex_.
void Irqfds::tear_down(Irqfd* irqfd) {
    nest_port_irqfd_unbind(irqfd->host);
    if (irqfd->resample) {
        stop_resampling(*irqfd);
        nest_port_eventfd_put(irqfd->resample);
    }
    destroy(irqfd);
}

void Irqfds::start_resampling(Irqfd& irqfd) {
    Guard guard(resample_lock_);
    irqfd.next_resampler = resamplers_;
    resamplers_ = &irqfd;
    resampled_gsis_.add(irqfd.gsi);
}

// When the last resampler of a GSI goes, the line is lowered, as nobody would lower it later.
void Irqfds::stop_resampling(Irqfd& irqfd) {
    bool last;
    {
        Guard guard(resample_lock_);
        unlink(resamplers_, &Irqfd::next_resampler, &irqfd);
        last = !resampled(irqfd.gsi);
        if (last)
            resampled_gsis_.remove(irqfd.gsi);
    }
    if (last)
        drive(irqfd.gsi, false);
}

bool Irqfds::resampled(u32 gsi) const {
    for (const Irqfd* i = resamplers_; i; i = i->next_resampler)
        if (i->gsi == gsi)
            return true;
    return false;
}

void Irqfds::drive(u32 gsi, bool level) {
    IrqRoute route = routing_.route(gsi);
    if (route.kind == IrqRoute::Kind::kSpi)
        sink_.inject_spi(route.intid, level);
}

bool Irqfds::notify_ack(u32 intid) {
    int found = routing_.gsi_of_spi(intid);
    if (found < 0)
        return false;
    const u32 gsi = static_cast<u32>(found);
    if (!resampled_gsis_.has(gsi))
        return false;
    // The line is lowered before the VMM is told. The other way round: the VMM answers by raising the line again, as its device
    // still wants the interrupt, and then lowering would undo the VMM's answer.
    sink_.inject_spi(intid, false);
    noted_gsis_.add(gsi);
    ack_noted_.store_release(true);
    return true;
}

void Irqfds::signal_noted() {
    if (ack_noted_.exchange_acq_rel(false))
        noted_gsis_.take_each([this](u32 gsi) { signal_all(gsi); });
}

void Irqfds::signal_all(u32 gsi) {
    Guard guard(resample_lock_);
    for (Irqfd* i = resamplers_; i; i = i->next_resampler)
        if (i->gsi == gsi)
            nest_port_eventfd_signal(i->resample);
}

void irqfd_wakeup(void* owner) { static_cast<Irqfd*>(owner)->signalled(); }
void irqfd_shutdown(void* owner) { static_cast<Irqfd*>(owner)->closed(); }

}  // namespace nest::kvm
