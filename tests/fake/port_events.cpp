// SPDX-License-Identifier: GPL-2.0-only
// port/port.h on the host: files, eventfds, irqfds and time.
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <tests/fake/port.hpp>

// What the core offers to the glue; absent in programs that do not link that part.
extern "C" {
__attribute__((weak)) void nest_irqfd_wakeup(void* owner);
__attribute__((weak)) void nest_irqfd_shutdown(void* owner);
__attribute__((weak)) void nest_hrtimer_fired(void* owner, unsigned which);
}

// One per eventfd; it lives until closed and without references.
struct nest_eventfd {
    nest::u64 signals = 0;
    size_t references = 0;
    bool closed = false;
    nest_host_irqfd* bound = nullptr;
};
struct nest_host_irqfd {
    nest_eventfd* eventfd;
    void* owner;
};

namespace nest::test {
namespace {

constexpr int kFirstFd = 1000;

struct State {
    std::map<int, nest_eventfd*> eventfds;
    int next_fd = kFirstFd;
    struct Armed {
        u64 due;
        void* owner;
        unsigned which;
    };
    std::map<nest_hrtimer*, Armed> armed;
};
State& state() {
    static auto* s = new State;
    return *s;
}

struct TimerFields {
    void* owner;
    u64 which;
};
TimerFields& fields(nest_hrtimer* timer) { return *reinterpret_cast<TimerFields*>(timer->storage); }

void drop_if_unused(nest_eventfd* e) {
    if (e->closed && e->references == 0 && !e->bound)
        delete e;
}

// The work queue that closed eventfds go through.
std::mutex shutdown_mutex;
std::condition_variable shutdown_over;
unsigned shutdowns = 0;
struct Shutdown {
    Shutdown() {
        std::lock_guard lock(shutdown_mutex);
        shutdowns++;
    }
    ~Shutdown() {
        std::lock_guard lock(shutdown_mutex);
        shutdowns--;
        shutdown_over.notify_all();
    }
};

void signal(nest_eventfd* e) {
    might_sleep_on_rt("an eventfd's signal");
    e->signals++;
    if (!e->bound)
        return;
    void* owner = e->bound->owner;
    // Wait-queue callbacks run with a spinlock held that is not a raw one, with interrupts off but on PREEMPT_RT.
    thread_context().spinlocks++;
    if (port().irqfd_wakeup)
        port().irqfd_wakeup(owner);
    else if (nest_irqfd_wakeup)
        nest_irqfd_wakeup(owner);
    thread_context().spinlocks--;
}

}  // namespace

int FakePort::make_eventfd() {
    std::lock_guard lock(mutex);
    int fd = state().next_fd++;
    state().eventfds[fd] = new nest_eventfd;
    return fd;
}

void FakePort::close_eventfd(int fd) {
    nest_eventfd* e = state().eventfds.at(fd);
    state().eventfds.erase(fd);
    e->closed = true;
    if (e->bound) {
        void* owner = e->bound->owner;
        const Shutdown running;
        if (irqfd_shutdown)
            irqfd_shutdown(owner);
        else if (nest_irqfd_shutdown)
            nest_irqfd_shutdown(owner);
    } else {
        drop_if_unused(e);
    }
}

int FakePort::make_other_file() {
    std::lock_guard lock(mutex);
    const int fd = state().next_fd++;
    files[fd] = {NEST_FD_DEVICE, 0, nullptr};
    return fd;
}

u64 FakePort::eventfd_count(int fd) const { return state().eventfds.at(fd)->signals; }
void FakePort::signal_eventfd(int fd) { signal(state().eventfds.at(fd)); }

size_t FakePort::armed_timers() const { return state().armed.size(); }

void FakePort::advance(u64 ns) {
    u64 end = now_ns + ns;
    for (;;) {
        auto first = state().armed.end();
        for (auto it = state().armed.begin(); it != state().armed.end(); ++it)
            if (it->second.due <= end && (first == state().armed.end() || it->second.due < first->second.due))
                first = it;
        if (first == state().armed.end())
            break;
        State::Armed timer = first->second;
        state().armed.erase(first);
        now_ns = timer.due > now_ns ? timer.due : now_ns;
        bool were_off = thread_context().irqs_off;  // hard interrupt context
        thread_context().irqs_off = true;
        if (hrtimer_fired)
            hrtimer_fired(timer.owner, timer.which);
        else if (nest_hrtimer_fired)
            nest_hrtimer_fired(timer.owner, timer.which);
        thread_context().irqs_off = were_off;
    }
    now_ns = end;
}

}  // namespace nest::test

using namespace nest::test;
using Lock = std::lock_guard<std::recursive_mutex>;

extern "C" {

int nest_port_fd_reserve(enum nest_fd_kind kind, unsigned vcpu_id, struct nest_new_fd* out) {
    might_sleep(__func__);
    if (port().on_fd_reserve)
        port().on_fd_reserve();
    Lock lock(port().mutex);
    if (port().fd_error)
        return port().fd_error;
    *out = {state().next_fd++, new FakePort::File{kind, vcpu_id, nullptr}};
    port().reserved_fds++;
    return 0;
}
void nest_port_fd_install(const struct nest_new_fd* fd, void* object) {
    Lock lock(port().mutex);
    port().reserved_fds--;
    auto* file = static_cast<FakePort::File*>(fd->file);
    port().files[fd->fd] = {file->kind, file->vcpu_id, object};
    delete file;
}
void nest_port_fd_cancel(const struct nest_new_fd* fd) {
    Lock lock(port().mutex);
    port().reserved_fds--;
    delete static_cast<FakePort::File*>(fd->file);
}

struct nest_host_vcpu* nest_port_vcpu_alloc(void* owner) {
    void** memory = static_cast<void**>(nest_port_alloc(sizeof(void*)));
    if (!memory)
        return nullptr;
    *memory = owner;
    Lock lock(port().mutex);
    port().live_host_vcpus++;
    return reinterpret_cast<nest_host_vcpu*>(memory);
}
void nest_port_vcpu_free(struct nest_host_vcpu* vcpu) {
    if (!vcpu)
        return;
    Lock lock(port().mutex);
    port().live_host_vcpus--;
    nest_port_free(vcpu);
}
void nest_port_vm_quiesce(struct nest_host_vm*) {
    might_sleep(__func__);
    port().vm_quiesces++;
}
void nest_port_vm_free(struct nest_host_vm*) {
    might_sleep(__func__);
    port().vm_frees++;
}
bool nest_port_vm_is_ours(struct nest_host_vm*) { return !port().vm_is_foreign; }

int nest_port_eventfd_get(int fd, struct nest_eventfd** out) {
    Lock lock(port().mutex);
    auto found = state().eventfds.find(fd);
    if (found == state().eventfds.end())
        return port().files.count(fd) ? -EINVAL : -EBADF;
    found->second->references++;
    port().live_eventfd_refs++;
    *out = found->second;
    return 0;
}
void nest_port_eventfd_signal(struct nest_eventfd* eventfd) { signal(eventfd); }
void nest_port_eventfd_put(struct nest_eventfd* eventfd) {
    Lock lock(port().mutex);
    eventfd->references--;
    port().live_eventfd_refs--;
    drop_if_unused(eventfd);
}

int nest_port_irqfd_bind(int fd, void* owner, struct nest_host_irqfd** out) {
    might_sleep(__func__);
    Lock lock(port().mutex);
    auto found = state().eventfds.find(fd);
    if (found == state().eventfds.end())
        return port().files.count(fd) ? -EINVAL : -EBADF;
    if (found->second->bound)
        return -EBUSY;
    *out = found->second->bound = new nest_host_irqfd{found->second, owner};
    port().live_irqfds++;
    return 0;
}
void nest_port_irqfd_flush(void) {
    might_sleep(__func__);
    std::unique_lock lock(shutdown_mutex);
    if (port().on_irqfd_flush)
        port().on_irqfd_flush();
    shutdown_over.wait(lock, [] { return shutdowns == 0; });
}
void nest_port_irqfd_unbind(struct nest_host_irqfd* irqfd) {
    might_sleep(__func__);
    if (const auto meanwhile = port().on_irqfd_unbind)
        meanwhile();
    Lock lock(port().mutex);
    nest_eventfd* e = irqfd->eventfd;
    e->bound = nullptr;
    delete irqfd;
    port().live_irqfds--;
    drop_if_unused(e);
}
bool nest_port_irqfd_matches(struct nest_host_irqfd* irqfd, int fd) {
    Lock lock(port().mutex);
    auto found = state().eventfds.find(fd);
    return found != state().eventfds.end() && found->second == irqfd->eventfd;
}

uint64_t nest_port_now_ns(void) { return port().now_ns; }
bool nest_port_clock_snapshot(uint64_t* realtime_ns, uint64_t* counter) {
    *realtime_ns = port().realtime_offset_ns + port().now_ns;
    *counter = port().now_ns / 1000 * (port().counter_hz / 1'000'000);
    return port().clock_is_counter;
}
void nest_port_hrtimer_init(struct nest_hrtimer* timer, void* owner, unsigned which) { fields(timer) = {owner, which}; }
void nest_port_hrtimer_start(struct nest_hrtimer* timer, uint64_t relative_ns) {
    Lock lock(port().mutex);
    TimerFields& f = fields(timer);
    state().armed[timer] = {port().now_ns + relative_ns, f.owner, static_cast<unsigned>(f.which)};
}
void nest_port_hrtimer_cancel(struct nest_hrtimer* timer) {
    Lock lock(port().mutex);
    state().armed.erase(timer);
}

}  // extern "C"
