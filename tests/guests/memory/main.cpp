// SPDX-License-Identifier: GPL-2.0-only
// memory_guest: guest memory whose VMM works on it meanwhile. A guest without MMU writes a word into each page; the line
// PASS, FAIL or SKIP of each part says what the VMM did in the meantime.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "../machine/kvm_abi.hpp"
#include "../machine/machine.hpp"

extern "C" const char memory_guest[], memory_guest_end[];

namespace nest::guests {
namespace {

constexpr size_t kPage = 0x1000;
constexpr u64 kCode = 0x4000'0000, kData = 0x8000'0000, kNothing = 0x1000'0000;

struct Skip {
    const char* why;
};
struct Failure {
    std::string what;
};
void check(bool holds, const std::string& what) {
    if (!holds)
        throw Failure{what};
}

size_t host_page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// A VM with code and `bytes` of data, in one slot each, and two vCPUs that are ready to run.
class Memory {
public:
    explicit Memory(size_t bytes)
        : kvm_(open_kvm()),
          code_(host_page(), MAP_PRIVATE | MAP_ANONYMOUS, -1, "code"),
          data_(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, "data"),
          vm_(kvm_.call(KVM_CREATE_VM, "KVM_CREATE_VM"), "VM") {
        std::memcpy(code_.bytes().data(), memory_guest, memory_guest_end - memory_guest);
        madvise(data_.bytes().data(), bytes, MADV_NOHUGEPAGE);  // a fault for each page
        add_memory(vm_, 0, kCode, code_.bytes());
        add_memory(vm_, 1, kData, data_.bytes());
        const unsigned long size = kvm_.call(KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE");
        kvm_vcpu_init preferred{};
        vm_.call(KVM_ARM_PREFERRED_TARGET, "KVM_ARM_PREFERRED_TARGET", &preferred);
        for (unsigned i = 0; i < 2; i++) {
            vcpus_.emplace_back(vm_, i, size);
            vcpus_.back().init(preferred, Level::el1, false);
        }
    }
    // The vCPU writes into [first, end) of the data. False: a signal came before it was through.
    bool write(unsigned vcpu, size_t first, size_t end, u64 tag) {
        const Vcpu& v = vcpus_[vcpu];
        v.set(kPc, kCode);
        v.set(kX0, kData + first);
        v.set(kX0 + 2, kData + end);
        v.set(kX0 + 4, kNothing);
        v.set(kX0 + 6, tag);
        if (!v.run())
            return false;
        check(v.state().exit_reason == KVM_EXIT_MMIO && v.state().mmio.phys_addr == kNothing, "an exit for another reason");
        // The store is over, and PC behind it, at the next KVM_RUN only: before PC is set anew.
        v.state().immediate_exit = 1;
        check(!v.run(), "KVM_RUN does not come straight back");
        v.state().immediate_exit = 0;
        return true;
    }
    u64 word(size_t offset) const {
        u64 value;
        std::memcpy(&value, data_.bytes().data() + offset, sizeof(value));
        return value;
    }
    std::span<char> data() const { return data_.bytes(); }
    const File& vm() const { return vm_; }

private:
    File kvm_;
    Mapping code_, data_;  // before the VM, which uses them
    File vm_;
    std::vector<Vcpu> vcpus_;
};

// Threads that do something over and over, as long as this lives.
class Busy {
public:
    Busy(unsigned threads, std::function<void()> what) {
        for (unsigned i = 0; i < threads; i++)
            threads_.emplace_back([this, what] {
                while (!stop_) {
                    what();
                    rounds_++;
                }
            });
    }
    ~Busy() {
        stop_ = true;
        for (std::thread& thread : threads_)
            thread.join();
    }
    unsigned long rounds() const { return rounds_; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<unsigned long> rounds_{0};
    std::vector<std::thread> threads_;
};

// Two threads map and unmap beside guest memory without pause. The guest's faults must come through; the time limit of
// all (alarm) is what fails.
void churn_outside() {
    constexpr size_t kBytes = 32 << 20;
    Memory memory(kBytes);
    Busy busy(2, [] {
        const Mapping other(1 << 20, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, "something else");
    });
    while (busy.rounds() < 4)
        std::this_thread::yield();
    check(memory.write(0, 0, kBytes, 1), "a signal");
    for (size_t at = 0; at < kBytes; at += kPage)
        check(memory.word(at) == kData + at + 1, "a page that the guest has not written");
    std::printf("%zu faults beside %lu unmaps\n", kBytes / kPage, busy.rounds());
}

// The same with guest memory itself: whatever the guest writes after that goes where the VMM looks.
void churn_inside() {
    constexpr size_t kBytes = 4 << 20;
    Memory memory(kBytes);
    {
        unsigned long next = 1;
        Busy busy(1, [&] {
            next = next * 6364136223846793005 + 1442695040888963407;
            const size_t page = host_page();
            madvise(memory.data().data() + (next >> 33) % (kBytes / page) * page, page, MADV_DONTNEED);
        });
        for (unsigned round = 0; round < 20; round++)
            check(memory.write(0, 0, kBytes, round), "a signal");
    }
    check(memory.write(0, 0, kBytes, 77), "a signal");
    for (size_t at = 0; at < kBytes; at += kPage)
        check(memory.word(at) == kData + at + 77, "the guest writes to a page that is no longer its own");
}

volatile sig_atomic_t poisoned;
void* volatile poisoned_at;
void on_sigbus(int, siginfo_t* info, void*) {
    poisoned = info->si_code == BUS_MCEERR_AR;
    poisoned_at = info->si_addr;
}

void poison() {
    constexpr size_t kBytes = 1 << 20, kBad = 0x8'0000;
    Memory memory(kBytes);
    struct sigaction action {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
    memory.data()[kBad] = 1;
    if (madvise(memory.data().data() + kBad, host_page(), MADV_HWPOISON))
        throw Skip{"this kernel poisons no memory"};
    check(!memory.write(0, 0, kBytes, 1), "the guest has written poisoned memory");
    check(poisoned, "no SIGBUS of that kind");
    check(poisoned_at == memory.data().data() + kBad, "another address");
    // A VMM that does not listen gets an error, and its vCPU no CPU time for nothing.
    signal(SIGBUS, SIG_IGN);
    errno = 0;
    bool failed = false;
    try {
        memory.write(0, kBad, kBad + kPage, 1);
    } catch (const SystemError&) {
        failed = errno == EHWPOISON;
    }
    check(failed, "no EHWPOISON");
    signal(SIGBUS, SIG_DFL);
}

// A vCPU waits for a page that this thread brings only after it has changed the slots, which another vCPU goes on using.
void userfault() {
    constexpr size_t kBytes = 1 << 20;
    const size_t page = host_page();
    Memory memory(kBytes);
    const int number = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    if (number < 0)
        throw Skip{"no userfaultfd"};
    const File faults(number, "userfaultfd");
    uffdio_api api{UFFD_API, 0, 0};
    faults.call(UFFDIO_API, "UFFDIO_API", &api);
    uffdio_register wanted{{reinterpret_cast<u64>(memory.data().data()), page}, UFFDIO_REGISTER_MODE_MISSING, 0};
    faults.call(UFFDIO_REGISTER, "UFFDIO_REGISTER", &wanted);
    std::atomic<bool> through{false};
    std::thread waiting([&] { through = memory.write(0, 0, page, 1); });
    pollfd event{number, POLLIN, 0};
    check(poll(&event, 1, 10'000) == 1, "no fault came");
    const Mapping more(page, MAP_PRIVATE | MAP_ANONYMOUS, -1, "another slot");
    add_memory(memory.vm(), 2, kData + 2 * kBytes, more.bytes());
    check(memory.write(1, page, kBytes, 2), "a signal");
    check(!through, "the first vCPU did not wait");
    uffdio_zeropage zero{{reinterpret_cast<u64>(memory.data().data()), page}, 0, 0};
    faults.call(UFFDIO_ZEROPAGE, "UFFDIO_ZEROPAGE", &zero);
    waiting.join();
    check(through && memory.word(0) == kData + 1 && memory.word(page) == kData + page + 2, "a write is missing");
}

// Huge pages, split ahead of the first write.
void eager_split() {
    constexpr size_t kBytes = 8 << 20;
    constexpr int kCapEagerSplit = 228;
    const File kvm = open_kvm();
    Memory memory(kBytes);
    kvm_enable_cap cap{};
    cap.cap = kCapEagerSplit;
    cap.args[0] = 2 << 20;
    check(ioctl(memory.vm().number(), KVM_ENABLE_CAP, &cap) < 0 && errno == EINVAL, "taken although there are slots");
    const File vm(kvm.call(KVM_CREATE_VM, "KVM_CREATE_VM"), "VM");
    vm.call(KVM_ENABLE_CAP, "KVM_ENABLE_CAP", &cap);
    check(vm.call(KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", kCapEagerSplit) == 2 << 20, "it answers another size");
}

void log_dirty() {
    constexpr size_t kBytes = 4 << 20;
    Memory memory(kBytes);
    const size_t page = host_page(), pages = kBytes / page;
    check(memory.write(0, 0, kBytes, 1), "a signal");
    const kvm_userspace_memory_region slot{1, KVM_MEM_LOG_DIRTY_PAGES, kData, kBytes, reinterpret_cast<u64>(memory.data().data())};
    memory.vm().call(KVM_SET_USER_MEMORY_REGION, "beginning to log", &slot);
    check(memory.write(0, 5 * page, 8 * page, 2), "a signal");
    std::vector<u64> bits(pages / 64 + 2, ~u64{0});
    const u64 guard = bits[(pages + 63) / 64];
    kvm_dirty_log log{};
    log.slot = 1;
    log.dirty_bitmap = bits.data();
    memory.vm().call(KVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", &log);
    check(bits[0] == 0xe0, "the log has other pages");
    check(bits[(pages + 63) / 64] == guard, "the log is longer than its slot");
    check(memory.word(5 * page) == kData + 5 * page + 2 && memory.word(8 * page) == kData + 8 * page + 1, "other memory");
}

struct Part {
    const char* name;
    void (*run)();
};
constexpr Part kParts[] = {{"churn-outside-slots", churn_outside}, {"churn-inside-slots", churn_inside}, {"poison", poison},
                           {"userfault", userfault}, {"dirty-log", log_dirty}, {"eager-split", eager_split}};

}  // namespace
}  // namespace nest::guests

int main(int count, char** names) {
    using namespace nest::guests;
    bool failed = false;
    for (const Part& part : kParts) {
        bool wanted = count == 1;
        for (int i = 1; i < count; i++)
            wanted |= std::strcmp(names[i], part.name) == 0;
        if (!wanted)
            continue;
        std::printf("begin %s\n", part.name);  // in case it never ends
        std::fflush(stdout);
        alarm(60);
        try {
            part.run();
            std::printf("PASS %s\n", part.name);
        } catch (const Skip& skip) {
            std::printf("SKIP %s %s\n", part.name, skip.why);
        } catch (const Failure& failure) {
            failed = true;
            std::printf("FAIL %s %s\n", part.name, failure.what.c_str());
        } catch (const std::exception& error) {
            failed = true;
            std::printf("FAIL %s %s\n", part.name, error.what());
        }
        std::fflush(stdout);
    }
    return failed;
}
