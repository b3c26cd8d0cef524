// SPDX-License-Identifier: GPL-2.0-only
// One VM: memory with the payload, two vCPUs with or without EL2, GICv3. It can move to another VM, as by a migration.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../protocol.hpp"

namespace nest::guests {

// A system call that failed, with errno's text.
struct SystemError : std::runtime_error {
    explicit SystemError(const std::string& what);
};

// A file descriptor that is closed with its owner.
class File {
public:
    File(int number, const std::string& what);
    File(File&& other) noexcept : number_(other.number_) { other.number_ = -1; }
    File(const File&) = delete;
    ~File();

    // ioctl() with a result; throws SystemError.
    int call(unsigned long request, const std::string& what, unsigned long argument = 0) const;
    int call(unsigned long request, const std::string& what, const void* argument) const {
        return call(request, what, reinterpret_cast<unsigned long>(argument));
    }
    int number() const { return number_; }

private:
    int number_;
};

File open_kvm();
bool has_virtual_el2(const File& kvm);

// Memory of this process, given back with its owner.
class Mapping {
public:
    Mapping(size_t size, int flags, int file, const std::string& what);
    Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Mapping(const Mapping&) = delete;
    ~Mapping();

    std::span<char> bytes() const { return bytes_; }

private:
    std::span<char> bytes_;
};

// Memory that guests see at `address`; `number` of the slot, `flags` KVM_MEM_*. Of a slot that exists already with the same
// memory only the flags change. The mapping must outlive the VM.
void add_memory(const File& vm, unsigned number, u64 address, std::span<char> bytes, unsigned flags = 0);

enum class Level { el1, el2 };
enum class HasIts : bool { no, yes };

class Vcpu {
public:
    Vcpu(const File& vm, unsigned id, unsigned long run_size);

    void init(const kvm_vcpu_init& preferred, Level level, bool powered_off) const;
    u64 get(u64 register_id) const;
    void set(u64 register_id, u64 value) const;
    // KVM_RUN: false if a signal ended it.
    bool run() const;
    kvm_run& state() const { return *reinterpret_cast<kvm_run*>(run_.bytes().data()); }
    const File& file() const { return file_; }

private:
    unsigned id_;
    File file_;
    Mapping run_;
};

class Machine {
public:
    // Boots at the payload's first instruction, at `level`, with `argument` in x0.
    Machine(const File& kvm, u64 argument, Level level = Level::el2, HasIts its = HasIts::no);
    ~Machine();

    // Valid until the machine moves.
    std::array<Vcpu, 2>& vcpus();
    const File& vm() const;
    std::span<char> ram() const { return ram_[here_].bytes(); }
    // A C string in guest memory; empty for an address outside.
    std::string text(u64 address) const;
    // Further memory, which moves along by staying what it is; without bytes the slot goes. Any thread.
    void set_slot(unsigned number, u64 address, std::span<char> bytes);
    // The VMM has written to a page of ram(): the dirty log does not know of that. Any thread.
    void touched(size_t offset);

    // A move has two parts, of one thread. While vCPUs run: the dirty log begins, and what ram() holds is copied.
    void begin_move();
    // While none is in KVM_RUN, and no MMIO waits for an answer: what has changed since is copied, a new VM gets all the state
    // of the old one, and the old one ends.
    void finish_move(const File& kvm);

private:
    struct Parts;
    struct Slot {
        u64 address;
        std::span<char> bytes;
    };

    const Level level_;
    const HasIts has_its_;
    Mapping ram_[2];        // the guest's, and where its contents go next
    unsigned here_ = 0, moves_ = 0;
    std::mutex slots_lock_;     // of slots_ and touched_, and held while the VM's slots change
    std::map<unsigned, Slot> slots_;
    std::vector<size_t> touched_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace nest::guests
