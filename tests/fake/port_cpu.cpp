// SPDX-License-Identifier: GPL-2.0-only
// port/port.h on the host: CPUs, the scheduler, and what else belongs to a running vCPU.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <tests/fake/port.hpp>
#include <utility>

extern "C" __attribute__((weak)) void nest_cpu_call(unsigned op, void* argument);

namespace nest::test {
namespace {

constexpr unsigned kMaxCpus = 512;
nest_percpu percpu[kMaxCpus];
u64 random_state = 0x9e3779b97f4a7c15;

[[noreturn]] void die(const char* why) {
    std::fprintf(stderr, "fake port: %s\n", why);
    std::abort();
}

void must_have_irqs_off(const char* function) {
    if (!thread_context().irqs_off) {
        std::fprintf(stderr, "fake port: %s with interrupts on\n", function);
        std::abort();
    }
}

VcpuEvents& events(const void* vcpu) { return port().vcpus[vcpu]; }

}  // namespace

void FakePort::set_cpu(unsigned id) { thread_context().cpu = id; }

void FakePort::reset() {
    std::lock_guard lock(mutex);
    allocation_calls = fail_allocation = dirty_releases = 0;
    fail_all_after = only_mapped_user_memory = false;
    user_mappings.clear();
    page_shift = 12;
    poison_signals.clear();
    sigbus_blocked = false;
    on_page_get = on_user_copy = nullptr;
    files.clear();
    fd_error = 0;
    on_fd_reserve = on_irqfd_unbind = on_irqfd_flush = nullptr;
    reserved_fds = 0;
    now_ns = 1'000'000'000;
    cpu_limit = 4;
    vcpus.clear();
    signal_pending = entry_blocked = spin_needbreak = false;
    guest_enters = guest_exits = fpsimd_begins = fpsimd_ends = 0;
    run_delay_ns = 0;
    feature_registers.clear();
    timer_active.clear();
    firmware_mitigates = 0;
    on_wait = nullptr;
    on_relax = on_poll = nullptr;
    on_mutex_lock = nullptr;
    on_preempt_disable = nullptr;
    fpsimd_survives_preemption = true;
    cpu_is_wanted = false;
    halt_polling = {0, 2, 10'000, 2};
    process_id = 4711;
    on_guest_exit_time = on_entry_check = nullptr;
    vm_quiesces = vm_frees = 0;
    vm_is_foreign = false;
    clock_is_counter = true;
    irqfd_wakeup = irqfd_shutdown = nullptr;
    hrtimer_fired = nullptr;
    cpu_call = nullptr;
    infos.clear();
    traced.clear();
    traced_entries.clear();
    traced_exits.clear();
    dumped_slots.clear();
    dumped_shadows.clear();
    dumped_runs.clear();
    stats_lines.clear();
    debugs.clear();
    for (nest_percpu& p : percpu)
        p = {};
    random_state = 0x9e3779b97f4a7c15;
    thread_context() = {};
}

}  // namespace nest::test

using namespace nest::test;
using Lock = std::lock_guard<std::recursive_mutex>;

extern "C" {

struct nest_percpu* nest_port_this_cpu(void) { return nest_port_cpu(thread_context().cpu); }
struct nest_percpu* nest_port_cpu(unsigned cpu) {
    if (cpu >= kMaxCpus)
        die("no such CPU");
    return &percpu[cpu];
}
unsigned nest_port_cpu_id(void) { return thread_context().cpu; }
unsigned nest_port_cpu_limit(void) { return port().cpu_limit; }
unsigned nest_port_cpus_online(void) { return port().cpu_limit; }
void nest_port_relax(void) {
    might_sleep(__func__);
    if (port().on_relax)
        port().on_relax();
}
bool nest_port_killed(void) { return port().killed; }
void nest_port_preempt_disable(void) {
    if (!thread_context().preempt_off && port().on_preempt_disable)
        std::exchange(port().on_preempt_disable, nullptr)();
    thread_context().preempt_off++;
}
void nest_port_preempt_enable(void) {
    if (thread_context().preempt_off-- == 0)
        die("preemption enabled more often than disabled");
}
void nest_port_irq_disable(void) { thread_context().irqs_off = true; }
void nest_port_irq_enable(void) { thread_context().irqs_off = false; }
unsigned long nest_port_irq_save(void) {
    unsigned long flags = thread_context().irqs_off;
    thread_context().irqs_off = true;
    return flags;
}
void nest_port_irq_restore(unsigned long flags) { thread_context().irqs_off = flags != 0; }

void nest_port_call_all_cpus(unsigned op, void* argument) {
    might_sleep(__func__);
    ThreadContext saved = thread_context();
    for (unsigned cpu = 0; cpu < port().cpu_limit; cpu++) {
        thread_context().cpu = cpu;
        thread_context().irqs_off = true;
        if (port().cpu_call)
            port().cpu_call(op, argument);
        else if (nest_cpu_call)
            nest_cpu_call(op, argument);
    }
    thread_context() = saved;
}

void nest_port_vcpu_kick(struct nest_host_vcpu* vcpu) {
    Lock lock(port().mutex);
    events(vcpu).kicks++;
}
void nest_port_vcpu_wake(struct nest_host_vcpu* vcpu) {
    Lock lock(port().mutex);
    events(vcpu).wakes++;
}
// The fake never blocks: `on_wait` may bring about what the vCPU waits for.
void nest_port_vcpu_wait(struct nest_host_vcpu* vcpu) {
    might_sleep(__func__);
    {
        Lock lock(port().mutex);
        events(vcpu).waits++;
    }
    if (port().on_wait)
        port().on_wait(vcpu);
}
int nest_port_vcpu_before_entry(struct nest_host_vcpu*) {
    might_sleep(__func__);
    might_use_simd(__func__);  // task work
    return port().signal_pending ? -EINTR : 0;
}
bool nest_port_vcpu_entry_blocked(void) {
    must_have_irqs_off(__func__);
    if (port().on_entry_check)
        port().on_entry_check();
    return port().entry_blocked;
}
bool nest_port_vcpu_work_pending(void) { return port().entry_blocked; }
bool nest_port_may_poll(void) {
    might_sleep(__func__);
    if (port().on_poll)
        port().on_poll();
    return !port().cpu_is_wanted && !port().entry_blocked;
}
struct nest_halt_polling nest_port_halt_polling(void) { return port().halt_polling; }
uint32_t nest_port_process_id(void) { return port().process_id; }
void nest_port_guest_enter(void) {
    must_have_irqs_off(__func__);
    port().guest_enters++;
}
void nest_port_guest_exit(void) {
    must_have_irqs_off(__func__);
    port().guest_exits++;
}
void nest_port_guest_exit_time(void) {
    if (port().on_guest_exit_time)
        port().on_guest_exit_time();
}
void nest_port_vcpu_attach(struct nest_host_vcpu* vcpu) {
    Lock lock(port().mutex);
    events(vcpu).attaches++;
}
void nest_port_vcpu_detach(struct nest_host_vcpu* vcpu) {
    Lock lock(port().mutex);
    events(vcpu).detaches++;
}
uint64_t nest_port_run_delay_ns(void) { return port().run_delay_ns; }
void nest_port_sigmask_enter(struct nest_host_vcpu* vcpu) { events(vcpu).sigmask_enters++; }
void nest_port_sigmask_leave(struct nest_host_vcpu* vcpu) { events(vcpu).sigmask_leaves++; }
int nest_port_sigmask_set(struct nest_host_vcpu* vcpu, uint64_t user_set, unsigned size, bool clear) {
    nest::u64 set = 0;
    if (!clear && size != sizeof(set))
        return -EINVAL;
    if (!clear && nest_port_copy_from_user(&set, user_set, sizeof(set)))
        return -EFAULT;
    events(vcpu).has_sigmask = !clear;
    events(vcpu).sigmask = set;
    return 0;
}

bool nest_port_fpsimd_survives_preemption(void) { return port().fpsimd_survives_preemption; }
// Of one that does not survive preemption, preemption is what must be off.
static void check_fpsimd_context(const char* caller) {
    if (port().fpsimd_survives_preemption)
        might_sleep(caller);
    else if (!thread_context().preempt_off || thread_context().irqs_off)
        die("FP/SIMD that does not survive preemption is used with preemption on, or with interrupts off");
}
void nest_port_fpsimd_begin(struct nest_host_vcpu*) {
    check_fpsimd_context(__func__);
    if (port().fpsimd_begins++ != port().fpsimd_ends)
        die("nested FP/SIMD section");
    thread_context().owns_fpsimd = true;
}
void nest_port_fpsimd_end(struct nest_host_vcpu*) {
    check_fpsimd_context(__func__);
    if (++port().fpsimd_ends != port().fpsimd_begins)
        die("FP/SIMD section ended twice");
    thread_context().owns_fpsimd = false;
}

uint64_t nest_port_feature_register(unsigned encoding) {
    Lock lock(port().mutex);
    auto found = port().feature_registers.find(encoding);
    return found == port().feature_registers.end() ? 0 : found->second;
}
bool nest_port_firmware_mitigates(uint32_t function) { return function == port().firmware_mitigates; }
void nest_port_timer_irq_set_active(unsigned which, bool active) {
    Lock lock(port().mutex);
    port().timer_active[which] = active;
}
// Deterministic, so that a failing test fails again.
void nest_port_random(void* to, size_t bytes) {
    might_sleep_on_rt(__func__);
    Lock lock(port().mutex);
    for (size_t i = 0; i < bytes; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(random_state >> 24);
    }
}

}  // extern "C"
