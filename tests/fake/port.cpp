// SPDX-License-Identifier: GPL-2.0-only
// port/port.h on the host: memory, user memory and the log.
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tests/fake/port.hpp>

namespace nest::test {
namespace {

// Run order by address, to catch a double or mismatched free. Never destroyed: static objects may free late.
std::map<void*, unsigned>& runs() {
    static auto* map = new std::map<void*, unsigned>;
    return *map;
}

[[noreturn]] void die(const char* why) {
    std::fprintf(stderr, "fake port: %s\n", why);
    std::abort();
}

bool allocation_fails() {
    FakePort& p = port();
    p.allocation_calls++;
    if (p.fail_allocation == 0)
        return false;
    if (p.fail_allocation > 1) {
        p.fail_allocation--;
        return false;
    }
    if (!p.fail_all_after)
        p.fail_allocation = 0;
    return true;
}

const UserMapping* find_mapping(u64 hva) {
    for (const UserMapping& m : port().user_mappings)
        if (hva >= m.start && hva - m.start < m.bytes)
            return &m;
    return nullptr;
}

// How many bytes from `address` on user space may touch, at most `bytes`.
size_t accessible(u64 address, size_t bytes, bool write) {
    FakePort& p = port();
    size_t done = 0;
    while (done < bytes) {
        u64 at = address + done;
        const UserMapping* m = find_mapping(at);
        if (at < 0x10000 || (!m && p.only_mapped_user_memory) || (m && (m->error || (write && !m->writable))))
            break;
        size_t step = 4096 - at % 4096;
        done += step < bytes - done ? step : bytes - done;
    }
    return done;
}

void tell(const std::function<void(u64)>& hook, u64 address) {
    if (const auto meanwhile = hook)  // a copy: it may replace itself
        meanwhile(address);
}

}  // namespace

FakePort& port() {
    static auto* p = new FakePort;
    return *p;
}

ThreadContext& thread_context() {
    static thread_local ThreadContext context;
    return context;
}

void might_sleep(const char* caller) {
    if (thread_context().atomic()) {
        std::fprintf(stderr, "fake port: %s may sleep: lock held, interrupts or preemption off\n", caller);
        std::abort();
    }
}

void might_sleep_on_rt(const char* caller) {
    if (thread_context().atomic_on_rt()) {
        std::fprintf(stderr, "fake port: %s may sleep on PREEMPT_RT: raw lock held, interrupts or preemption off\n", caller);
        std::abort();
    }
}

void might_use_simd(const char* caller) {
    if (thread_context().owns_fpsimd) {
        std::fprintf(stderr, "fake port: %s may want FP/SIMD, which this thread owns\n", caller);
        std::abort();
    }
}

}  // namespace nest::test

using nest::u64;
using namespace nest::test;
using Lock = std::lock_guard<std::recursive_mutex>;

extern "C" {

void* nest_port_alloc(size_t bytes) {
    might_sleep(__func__);
    might_use_simd(__func__);
    Lock lock(port().mutex);
    if (allocation_fails())
        return nullptr;
    void* memory = nullptr;
    if (bytes > size_t{1} << 32)  // ASan would abort instead of answering
        return nullptr;
    if (posix_memalign(&memory, bytes >= 4096 ? 4096 : 64, bytes ? bytes : 1) != 0)
        return nullptr;
    std::memset(memory, 0, bytes);
    port().live_objects++;
    return memory;
}

void nest_port_free(void* memory) {
    if (!memory)
        return;
    might_sleep(__func__);
    Lock lock(port().mutex);
    if (runs().count(memory))
        die("nest_port_free of a run of pages");
    port().live_objects--;
    std::free(memory);
}

void* nest_port_pages_alloc(unsigned order, bool atomic) {
    if (atomic) {
        might_sleep_on_rt(__func__);
    } else {
        might_sleep(__func__);
        might_use_simd(__func__);
    }
    Lock lock(port().mutex);
    if (allocation_fails())
        return nullptr;
    size_t bytes = size_t{4096} << order;
    void* run = nullptr;
    if (posix_memalign(&run, bytes, bytes) != 0)  // naturally aligned, as the buddy allocator's
        return nullptr;
    std::memset(run, 0, bytes);
    runs()[run] = order;
    port().live_runs++;
    return run;
}

void nest_port_pages_free(void* run, unsigned order) {
    if (!run)
        return;
    might_sleep_on_rt(__func__);
    Lock lock(port().mutex);
    auto found = runs().find(run);
    if (found == runs().end())
        die("nest_port_pages_free of what was not allocated");
    if (found->second != order)
        die("nest_port_pages_free with another order");
    runs().erase(found);
    port().live_runs--;
    std::free(run);
}

// A run of its own kind, so that it is not given back as another one.
constexpr unsigned kUserPage = 100;

unsigned nest_port_page_shift(void) { return port().page_shift; }
void* nest_port_user_page_alloc(void) {
    might_sleep(__func__);
    Lock lock(port().mutex);
    if (allocation_fails())
        return nullptr;
    const size_t bytes = size_t{1} << port().page_shift;
    void* page = nullptr;
    if (posix_memalign(&page, bytes, bytes) != 0)
        return nullptr;
    std::memset(page, 0, bytes);
    runs()[page] = kUserPage;
    port().live_runs++;
    return page;
}
void nest_port_user_page_free(void* page) { nest_port_pages_free(page, kUserPage); }

u64 nest_port_va_to_pa(const void* linear) { return reinterpret_cast<u64>(linear) ^ FakePort::kLinearBit; }
void* nest_port_pa_to_va(u64 pa) { return reinterpret_cast<void*>(pa ^ FakePort::kLinearBit); }

size_t nest_port_copy_from_user(void* to, u64 from, size_t bytes) {
    might_sleep(__func__);
    might_use_simd(__func__);
    tell(port().on_user_copy, from);
    Lock lock(port().mutex);
    size_t n = accessible(from, bytes, false);
    if (n)
        std::memcpy(to, reinterpret_cast<const void*>(from), n);
    std::memset(static_cast<char*>(to) + n, 0, bytes - n);
    return bytes - n;
}

size_t nest_port_copy_to_user(u64 to, const void* from, size_t bytes) {
    might_sleep(__func__);
    might_use_simd(__func__);
    tell(port().on_user_copy, to);
    Lock lock(port().mutex);
    size_t n = accessible(to, bytes, true);
    if (n)
        std::memcpy(reinterpret_cast<void*>(to), from, n);
    return bytes - n;
}

bool nest_port_user_range_ok(u64 address, u64 bytes) {
    constexpr u64 kTop = u64{1} << 47;
    address &= ~u64{0} >> 8;  // arm64's access_ok() lets tagged pointers through
    return address <= kTop && bytes <= kTop - address;
}

bool nest_port_user_range_has_pfnmap(u64 address, u64 bytes) {
    might_sleep(__func__);
    Lock lock(port().mutex);
    for (const UserMapping& m : port().user_mappings)
        if (m.device && m.start < address + bytes && address < m.start + m.bytes)
            return true;
    return false;
}

static int find_page(u64 hva, bool write, struct nest_host_page* out) {
    Lock lock(port().mutex);
    const UserMapping* m = find_mapping(hva);
    u64 page = hva & ~u64{4095};
    *out = {};
    if (m && m->error)
        return m->error;
    if ((!m && (port().only_mapped_user_memory || hva < 0x10000)) || (m && write && !m->writable))
        return -EFAULT;
    out->pa = m && m->pa ? m->pa + (page - m->start) : nest_port_va_to_pa(reinterpret_cast<void*>(page));
    out->block_shift = m ? m->block_shift : 12;
    out->writable = m ? m->writable : true;
    out->device = m && m->device;
    out->cacheable = m && m->cacheable;
    out->any_uncached = m && m->any_uncached;
    out->page = out->device ? nullptr : reinterpret_cast<void*>(page);
    if (out->page)
        port().live_page_refs++;
    return 0;
}
int nest_port_page_get(struct nest_host_vm*, u64 hva, bool write, struct nest_host_page* out) {
    might_sleep(__func__);
    might_use_simd(__func__);
    const int result = find_page(hva, write, out);
    tell(port().on_page_get, hva);
    return result;
}

bool nest_port_poison_signal(struct nest_host_vm*, u64 hva) {
    might_sleep(__func__);
    Lock lock(port().mutex);
    if (port().sigbus_blocked)
        return false;
    port().poison_signals.push_back(hva);
    return port().signal_pending = port().entry_blocked = true;
}

void nest_port_page_release(const struct nest_host_page* page, bool dirty) {
    might_sleep_on_rt(__func__);
    Lock lock(port().mutex);
    if (!page->page)
        return;
    if (port().live_page_refs == 0)
        die("nest_port_page_release without a reference");
    port().live_page_refs--;
    port().dirty_releases += dirty;
}

unsigned nest_port_vma_page_shift(struct nest_host_vm*, u64 hva) {
    Lock lock(port().mutex);
    const UserMapping* m = find_mapping(hva);
    return m ? m->block_shift : 12;
}

// ---- statistics

void nest_port_stats_line(void*, uint32_t vm, int vcpu, const char* name, int index, uint64_t value) {
    might_sleep(__func__);
    Lock lock(port().mutex);
    port().stats_lines.push_back({vm, vcpu, name, index, value});
}

void nest_port_dump_slot(void*, nest_dump_slot line) {
    might_sleep(__func__);
    port().dumped_slots.push_back(line);
}
void nest_port_dump_shadow(void*, nest_dump_shadow line) {
    might_sleep(__func__);
    port().dumped_shadows.push_back(line);
}
void nest_port_dump_run(void*, nest_dump_run line) {
    might_sleep(__func__);
    port().dumped_runs.push_back(line);
}

// ---- trace

void nest_port_trace(uint32_t vm, uint32_t vcpu, const struct nest_trace_record* record) {
    might_sleep("nest_port_trace");  // it need not, but then nobody is in a guest's context
    Lock lock(port().mutex);
    if (port().guest_enters != port().guest_exits)
        die("nest_port_trace: from within the guest");
    port().traced.push_back({vm, vcpu, *record});
}

static void expect_trace_context(const char* who) {
    if (!thread_context().irqs_off)
        die(who);
    if (port().guest_enters != port().guest_exits)
        die("an exit is traced from within the guest");
}
void nest_port_trace_entry(uint64_t pc) {
    Lock lock(port().mutex);
    expect_trace_context(__func__);
    port().traced_entries.push_back(pc);
}
void nest_port_trace_exit(uint32_t vm, uint32_t vcpu, const struct nest_trace_exit* exit) {
    Lock lock(port().mutex);
    expect_trace_context(__func__);
    port().traced_exits.push_back({vm, vcpu, *exit});
}

// ---- log

static std::string formatted(const char* format, va_list arguments) {
    char text[1024];
    std::vsnprintf(text, sizeof(text), format, arguments);
    return text;
}
void nest_port_info(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Lock lock(port().mutex);
    port().infos.push_back(formatted(format, arguments));
    va_end(arguments);
}
void nest_port_debug(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Lock lock(port().mutex);
    port().debugs.push_back(formatted(format, arguments));
    va_end(arguments);
}
void nest_port_panic(u64 slot, u64 esr, u64 elr, u64 far) {
    std::fprintf(stderr, "panic at EL2: vector %#lx esr %#lx elr %#lx far %#lx\n", slot, esr, elr, far);
    std::abort();
}
void nest_port_serror_panic(u64 syndrome) {
    std::fprintf(stderr, "uncontained SError %#lx\n", syndrome);
    std::abort();
}
void nest_port_bug(const char* file, int line, const char* what) {
    std::fprintf(stderr, "BUG at %s:%d: %s\n", file, line, what);
    std::abort();
}

}  // extern "C"
