// SPDX-License-Identifier: GPL-2.0-only
#include "session.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <thread>

#include "../../../tests/guests/machine/kvm_abi.hpp"
#include "../../../tests/guests/machine/mmio.hpp"
#include "../../../tests/guests/machine/time_limit.hpp"

namespace nest::bench {
namespace {

using guests::File;
using guests::HasIts;
using guests::Level;
using guests::Machine;
using guests::Mapping;
using guests::Vcpu;

// Under icount these are 10^9 instructions each, 20 s of the PC's time and more.
constexpr unsigned kSecondsPerSession = 10;

// Each vCPU on a CPU of its own, as far as there are some, so that every run is alike.
void pin(unsigned number) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number % sysconf(_SC_NPROCESSORS_ONLN), &set);
    if (sched_setaffinity(0, sizeof set, &set))
        throw guests::SystemError("sched_setaffinity");
}

class Session {
public:
    Session(const File& kvm, const Plan& plan, unsigned mode)
        : plan_(plan),
          fresh_(kFreshSize, MAP_PRIVATE | MAP_ANONYMOUS, -1, "fresh memory"),
          machine_(kvm, u64(plan.operation) | u64{plan.samples} << 32, mode == kFlat ? Level::el1 : Level::el2,
                   needs_its(plan.operation) ? HasIts::yes : HasIts::no) {
        const auto fresh = fresh_.bytes(), ram = machine_.ram();
        // A page each: a huge page would be one fault for 512 of them.
        madvise(fresh.data(), fresh.size(), MADV_NOHUGEPAGE);
        madvise(ram.data(), ram.size(), MADV_NOHUGEPAGE);
        if (plan.operation == Operation::stage2_populated)
            for (size_t i = 0; i < fresh.size(); i += 4096)
                fresh[i] = 1;
        guests::add_memory(machine_.vm(), 1, kFresh, fresh);
        if (needs_its(plan.operation))
            route_message();
        for (const Vcpu& vcpu : machine_.vcpus())
            stats_.emplace_back(vcpu);
    }

    Outcome run() {
        std::thread second;
        if (plan_.vcpus > 1)
            second = std::thread([this] { guarded(1); });
        guarded(0);
        if (second.joinable()) {
            over_ = true;
            // A kick before KVM_RUN would be lost without the flag, one within it ends it.
            machine_.vcpus()[1].state().immediate_exit = 1;
            pthread_kill(second.native_handle(), SIGUSR1);
            second.join();
        }
        // Where vCPU 1 failed, vCPU 0 only waited for it in vain.
        for (const auto& error : {errors_[1], errors_[0]})
            if (error)
                std::rethrow_exception(error);
        for (auto& [name, count] : exits_)
            outcome_.exits[name] = count / plan_.samples;
        return outcome_;
    }

private:
    void guarded(unsigned number) {
        try {
            pin(number);
            run_vcpu(machine_.vcpus()[number]);
        } catch (...) {
            errors_[number] = std::current_exception();
        }
    }

    void run_vcpu(Vcpu& vcpu) {
        while (!over_) {
            if (!vcpu.run()) {
                if (guests::is_late())
                    throw std::runtime_error("no end within " + std::to_string(kSecondsPerSession) + " s");
                continue;
            }
            kvm_run& run = vcpu.state();
            if (run.exit_reason != KVM_EXIT_MMIO)
                throw std::runtime_error("exit " + std::to_string(run.exit_reason) + " to the VMM");
            if (run.mmio.is_write)
                write(run);
            else
                guests::answer_read(run);
        }
    }

    void write(const kvm_run& run) {
        const u64 value = guests::value_written(run);
        switch (run.mmio.phys_addr) {
        case command::kMark:
            return mark(Mark(value));
        case command::kRaise:
        case command::kLower:
            return set_line(run.mmio.phys_addr == command::kRaise);
        case command::kDiscard:
            return discard(value);
        case command::kMessage:
            return send_message();
        case guests::kReport + guests::report::kVerdict:
            throw std::runtime_error("payload: " + report_.failure());
        default:
            report_.take(run.mmio.phys_addr, value);
        }
    }

    void mark(Mark mark) {
        switch (mark) {
        case Mark::begin:
        case Mark::end_control:
            return count(-1);
        case Mark::end:
        case Mark::begin_control:
            return count(1);
        case Mark::done:
            over_ = true;
            const auto* samples = reinterpret_cast<const u64*>(machine_.ram().data() + (kSamples - guests::kRam));
            outcome_.ticks.assign(samples, samples + plan_.samples);
        }
    }

    void count(double factor) {
        for (const Stats& stats : stats_)
            stats.add_to(exits_, factor);
    }

    void set_line(bool level) {
        const kvm_irq_level line{{KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | kSpi}, level};
        machine_.vm().call(KVM_IRQ_LINE, "KVM_IRQ_LINE", &line);
    }

    // What the eventfd says goes to the ITS, as a message of the device; a doorbell of the guest's and the VMM say something.
    void route_message() {
        struct {
            u32 entries = 1, flags = 0;     // kvm_irq_routing, whose array has no length
            kvm_irq_routing_entry entry{0, KVM_IRQ_ROUTING_MSI, KVM_MSI_VALID_DEVID, 0, {}};
        } table;
        table.entry.u.msi.address_lo = guests::kTranslater;
        table.entry.u.msi.data = kEvent;
        table.entry.u.msi.devid = guests::kMessageDevice;
        machine_.vm().call(KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING", &table);
        kvm_ioeventfd doorbell{};
        doorbell.addr = command::kDoorbell;
        doorbell.len = 8;
        doorbell.fd = message_.number();
        machine_.vm().call(KVM_IOEVENTFD, "KVM_IOEVENTFD", &doorbell);
        const u64 no_offset[2] = {};        // the guest's counter is the VMM's
        machine_.vm().call(guests::kSetCounterOffset, "KVM_ARM_SET_COUNTER_OFFSET", &no_offset);
        kvm_irqfd irqfd{};
        irqfd.fd = message_.number();
        machine_.vm().call(KVM_IRQFD, "KVM_IRQFD", &irqfd);
    }

    void send_message() {
        auto* time = reinterpret_cast<volatile u64*>(machine_.ram().data() + (kMessageTime - guests::kRam));
        u64 now;
        asm volatile("isb; mrs %0, cntvct_el0" : "=r"(now)::"memory");
        *time = now;
        if (eventfd_write(message_.number(), 1))
            throw guests::SystemError("signalling the eventfd");
    }

    void discard(u64 address) {
        if (address < guests::kRam || address >= guests::kRam + guests::kRamSize)
            throw std::runtime_error("payload: a page that is none");
        if (madvise(machine_.ram().data() + (address - guests::kRam), 4096, MADV_DONTNEED))
            throw guests::SystemError("MADV_DONTNEED");
    }

    const Plan& plan_;
    Mapping fresh_;
    const File message_{eventfd(0, EFD_CLOEXEC), "eventfd"};
    Machine machine_;
    std::vector<Stats> stats_;
    std::atomic<bool> over_ = false;
    guests::Report report_{machine_};
    Counts exits_;
    Outcome outcome_;
    std::exception_ptr errors_[2];
};

// It only ends KVM_RUN: no SA_RESTART.
void prepare_kick() {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
}

}  // namespace

const std::vector<Plan>& plans() {
    static const std::vector<Plan> all = {
#define OPERATION(function, name, modes, vcpus, samples) {Operation::function, name, modes, vcpus, samples},
#include "../operations.def"
#undef OPERATION
    };
    return all;
}

Outcome measure(const File& kvm, const Plan& plan, unsigned mode) {
    prepare_kick();
    guests::set_time_limit(kSecondsPerSession);
    Session session(kvm, plan, mode);
    Outcome outcome = session.run();
    guests::set_time_limit(0);
    return outcome;
}

}  // namespace nest::bench
