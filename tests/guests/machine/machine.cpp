// SPDX-License-Identifier: GPL-2.0-only
#include "machine.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "kvm_abi.hpp"
#include "saved.hpp"

extern "C" const char payload_begin[], payload_end[];

namespace nest::guests {
namespace {

constexpr size_t kPage = 0x1000;
constexpr unsigned kInterrupts = 64;

Mapping make_memory() { return Mapping(kRamSize, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory"); }

// The pages that anybody has touched; all others are zero. /proc/PID/pagemap has 64 bits for each, with bit 63 or 62 set if the
// page is in memory or swapped out.
std::vector<size_t> present_pages(std::span<char> memory) {
    std::vector<u64> map(memory.size() / kPage);
    const File file(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), "/proc/self/pagemap");
    const size_t bytes = map.size() * sizeof(u64);
    if (pread(file.number(), map.data(), bytes, reinterpret_cast<u64>(memory.data()) / kPage * sizeof(u64)) != ssize_t(bytes))
        throw SystemError("reading pagemap");
    std::vector<size_t> pages;
    for (size_t page = 0; page < map.size(); page++)
        if (map[page] >> 62)
            pages.push_back(page);
    return pages;
}

File make_device(const File& vm, unsigned type, const char* what) {
    kvm_create_device device{type, 0, 0};
    vm.call(KVM_CREATE_DEVICE, what, &device);
    return File(device.fd, what);
}

void set_attribute(const File& device, unsigned group, u64 attribute, const void* value, const char* what) {
    const kvm_device_attr wanted{0, group, attribute, reinterpret_cast<u64>(value)};
    device.call(KVM_SET_DEVICE_ATTR, what, &wanted);
}

File make_gic(const File& vm, Level level) {
    File gic = make_device(vm, KVM_DEV_TYPE_ARM_VGIC_V3, "creating the vGIC");
    const auto set = [&](unsigned group, u64 attribute, const void* value, const char* what) {
        set_attribute(gic, group, attribute, value, what);
    };
    const u64 distributor = kDistributor, redistributor = kRedistributor;
    const u32 interrupts = kInterrupts, maintenance = kMaintenance;
    set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor, "the distributor's address");
    set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redistributor, "the redistributors' address");
    set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts, "the number of interrupts");
    if (level == Level::el2)
        set(kVgicGroupMaintenance, 0, &maintenance, "the maintenance interrupt");
    set(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, nullptr, "the vGIC's init");
    return gic;
}

File make_its(const File& vm) {
    File its = make_device(vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "creating the ITS");
    const u64 address = kIts;
    set_attribute(its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &address, "the ITS' address");
    set_attribute(its, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, nullptr, "the ITS' init");
    return its;
}

std::array<Vcpu, 2> make_vcpus(const File& kvm, const File& vm, Level level) {
    const unsigned long size = kvm.call(KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE");
    kvm_vcpu_init preferred{};
    vm.call(KVM_ARM_PREFERRED_TARGET, "KVM_ARM_PREFERRED_TARGET", &preferred);
    if (kvm.call(KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0)
        preferred.features[0] |= 1u << kPauthAddress | 1u << kPauthGeneric;  // both or none
    if (kvm.call(KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", KVM_CAP_ARM_SVE) > 0)
        preferred.features[0] |= 1u << kSve;
    std::array vcpus{Vcpu(vm, 0, size), Vcpu(vm, 1, size)};
    vcpus[0].init(preferred, level, false);
    vcpus[1].init(preferred, level, true);
    return vcpus;
}

}  // namespace

SystemError::SystemError(const std::string& what) : std::runtime_error(what + ": " + std::strerror(errno)) {}

File::File(int number, const std::string& what) : number_(number) {
    if (number < 0)
        throw SystemError(what);
}

File::~File() {
    if (number_ >= 0)
        close(number_);
}

int File::call(unsigned long request, const std::string& what, unsigned long argument) const {
    const int result = ioctl(number_, request, argument);
    if (result < 0)
        throw SystemError(what);
    return result;
}

File open_kvm() { return File(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm"); }

bool has_virtual_el2(const File& kvm) { return kvm.call(KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", kCapArmEl2) > 0; }

Mapping::Mapping(size_t size, int flags, int file, const std::string& what) {
    void* where = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (where == MAP_FAILED)
        throw SystemError(what);
    bytes_ = {static_cast<char*>(where), size};
}

Mapping::~Mapping() {
    if (bytes_.data())
        munmap(bytes_.data(), bytes_.size());
}

void add_memory(const File& vm, unsigned number, u64 address, std::span<char> bytes, unsigned flags) {
    const kvm_userspace_memory_region slot{number, flags, address, bytes.size(), reinterpret_cast<u64>(bytes.data())};
    vm.call(KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &slot);
}

Vcpu::Vcpu(const File& vm, unsigned id, unsigned long run_size)
    : id_(id),
      file_(vm.call(KVM_CREATE_VCPU, "KVM_CREATE_VCPU", id), "vCPU"),
      run_(run_size, MAP_SHARED, file_.number(), "kvm_run") {}

void Vcpu::init(const kvm_vcpu_init& preferred, Level level, bool powered_off) const {
    kvm_vcpu_init init = preferred;
    init.features[0] |= 1u << kPsci02 | unsigned{level == Level::el2} << kHasEl2 | unsigned{powered_off} << kPowerOff;
    file_.call(KVM_ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT", &init);
    if (const int feature = kSve; init.features[0] >> kSve & 1)
        file_.call(KVM_ARM_VCPU_FINALIZE, "KVM_ARM_VCPU_FINALIZE", &feature);
}

u64 Vcpu::get(u64 register_id) const {
    u64 value = 0;
    const kvm_one_reg access{register_id, reinterpret_cast<u64>(&value)};
    file_.call(KVM_GET_ONE_REG, "KVM_GET_ONE_REG", &access);
    return value;
}

void Vcpu::set(u64 register_id, u64 value) const {
    const kvm_one_reg access{register_id, reinterpret_cast<u64>(&value)};
    file_.call(KVM_SET_ONE_REG, "KVM_SET_ONE_REG", &access);
}

bool Vcpu::run() const {
    if (ioctl(file_.number(), KVM_RUN, 0) == 0)
        return true;
    if (errno == EINTR || errno == EAGAIN)
        return false;
    throw SystemError("KVM_RUN of vCPU " + std::to_string(id_));
}

struct Machine::Parts {
    File vm;
    std::array<Vcpu, 2> vcpus;
    File gic;
    std::optional<File> its;

    Parts(const File& kvm, Level level, HasIts has_its)
        : vm(kvm.call(KVM_CREATE_VM, "KVM_CREATE_VM"), "VM"), vcpus(make_vcpus(kvm, vm, level)), gic(make_gic(vm, level)) {
        if (has_its == HasIts::yes)
            its.emplace(make_its(vm));
    }
};

Machine::Machine(const File& kvm, u64 argument, Level level, HasIts its)
    : level_(level), has_its_(its), ram_{make_memory(), make_memory()}, parts_(std::make_unique<Parts>(kvm, level, its)) {
    std::memcpy(ram().data(), payload_begin, payload_end - payload_begin);
    add_memory(vm(), 0, kRam, ram());
    vcpus()[0].set(kPc, kRam);
    vcpus()[0].set(kX0, argument);
}

Machine::~Machine() = default;

std::array<Vcpu, 2>& Machine::vcpus() { return parts_->vcpus; }
const File& Machine::vm() const { return parts_->vm; }

void Machine::set_slot(unsigned number, u64 address, std::span<char> bytes) {
    const std::lock_guard guard(slots_lock_);
    if (slots_.erase(number))
        add_memory(vm(), number, address, bytes.first(0));
    if (bytes.empty())
        return;
    add_memory(vm(), number, address, bytes);
    slots_[number] = {address, bytes};
}

void Machine::touched(size_t offset) {
    const std::lock_guard guard(slots_lock_);
    touched_.push_back(offset & ~(kPage - 1));
}

void Machine::begin_move() {
    {
        const std::lock_guard guard(slots_lock_);
        touched_.clear();
        add_memory(vm(), 0, kRam, ram(), KVM_MEM_LOG_DIRTY_PAGES);
    }
    char* const to = ram_[!here_].bytes().data();
    for (const size_t page : present_pages(ram()))
        std::memcpy(to + page * kPage, ram().data() + page * kPage, kPage);
}

void Machine::finish_move(const File& kvm) {
    const std::lock_guard guard(slots_lock_);
    if (parts_->its)
        save_tables(parts_->gic, *parts_->its);
    char* const to = ram_[!here_].bytes().data();
    const auto copy = [&](size_t offset) { std::memcpy(to + offset, ram().data() + offset, kPage); };
    std::vector<u64> dirty(kRamSize / kPage / 64);
    kvm_dirty_log log{};
    log.dirty_bitmap = dirty.data();
    vm().call(KVM_GET_DIRTY_LOG, "KVM_GET_DIRTY_LOG", &log);
    for (size_t page = 0; page < kRamSize / kPage; page++)
        if (dirty[page / 64] >> page % 64 & 1)
            copy(page * kPage);
    for (const size_t offset : touched_)
        copy(offset);

    const SavedVcpu vcpus[] = {SavedVcpu(parts_->vcpus[0]), SavedVcpu(parts_->vcpus[1])};
    const SavedGic gic(parts_->gic, std::size(vcpus), kInterrupts);
    const auto its = parts_->its ? std::make_optional<SavedIts>(*parts_->its) : std::nullopt;
    auto fresh = std::make_unique<Parts>(kvm, level_, has_its_);
    here_ = !here_;
    add_memory(fresh->vm, 0, kRam, ram());
    for (const auto& [number, slot] : slots_)
        add_memory(fresh->vm, number, slot.address, slot.bytes);
    // In either order: VMMs differ.
    const bool gic_first = moves_++ % 2;
    if (gic_first)
        gic.restore(fresh->gic);
    for (size_t i = 0; i < std::size(vcpus); i++)
        vcpus[i].restore(fresh->vcpus[i]);
    if (!gic_first)
        gic.restore(fresh->gic);
    if (its)
        its->restore(*fresh->its);
    parts_ = std::move(fresh);
    // What the guest sees from now on must not come from there: zeros, and room for the next move.
    if (madvise(ram_[!here_].bytes().data(), kRamSize, MADV_DONTNEED))
        throw SystemError("emptying the old memory");
}

std::string Machine::text(u64 address) const {
    if (address < kRam || address >= kRam + kRamSize)
        return {};
    const auto rest = ram().subspan(address - kRam);
    return {rest.data(), strnlen(rest.data(), std::min<size_t>(rest.size(), 200))};
}

}  // namespace nest::guests
