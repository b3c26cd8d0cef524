// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <kvm/stats/stats.hpp>
#include <set>
#include <string>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::test {
namespace {

using namespace kvm::abi;

// The whole file, read in pieces of `step` bytes.
template <typename Read>
std::string slurp(size_t step, Read read) {
    std::string file;
    std::vector<char> piece(step);
    for (;;) {
        Result<size_t> n = read(reinterpret_cast<u64>(piece.data()), step, file.size());
        EXPECT_TRUE(n.ok());
        if (!n.ok() || n.value() == 0)
            return file;
        file.append(piece.data(), n.value());
    }
}
template <typename T>
T at(const std::string& file, size_t offset) {
    T value;
    EXPECT_LE(offset + sizeof(T), file.size());
    std::memcpy(&value, file.data() + offset, sizeof(T));
    return value;
}

class StatsTest : public ::testing::Test {
protected:
    StatsTest() { port().reset(); }
    std::string vcpu_file(size_t step = 1 << 16) const {
        return slurp(step, [&](u64 to, size_t n, u64 at) { return kvm::read_stats(vcpu, 42, 7, to, n, at); });
    }
    std::string vm_file() const {
        return slurp(1 << 16, [&](u64 to, size_t n, u64 at) { return kvm::read_stats(vm, 4294967295u, to, n, at); });
    }
    static StatsDesc find(const std::string& file, const std::string& name) {
        StatsHeader header = at<StatsHeader>(file, 0);
        for (u32 i = 0; i < header.num_desc; i++) {
            StatsDesc d = at<StatsDesc>(file, header.desc_offset + i * sizeof(StatsDesc));
            if (name == d.name)
                return d;
        }
        ADD_FAILURE() << name;
        return {};
    }
    static u64 value(const std::string& file, const std::string& name, size_t index = 0) {
        return at<u64>(file, at<StatsHeader>(file, 0).data_offset + find(file, name).offset + index * 8);
    }
    kvm::VcpuStats vcpu{};
    kvm::VmStats vm{};
};

// What the kernel's kvm_binary_stats_test asks of every descriptor.
void check_layout(const std::string& file, size_t data_bytes) {
    StatsHeader header = at<StatsHeader>(file, 0);
    EXPECT_EQ(header.flags, 0u);
    EXPECT_EQ(header.name_size, 48u);
    EXPECT_EQ(header.id_offset, sizeof(StatsHeader));
    EXPECT_EQ(header.desc_offset, header.id_offset + header.name_size);
    EXPECT_EQ(header.data_offset, header.desc_offset + header.num_desc * (16 + header.name_size));
    EXPECT_EQ(file.size(), header.data_offset + data_bytes);
    std::set<std::string> names;
    size_t end = 0;
    for (u32 i = 0; i < header.num_desc; i++) {
        StatsDesc d = at<StatsDesc>(file, header.desc_offset + i * sizeof(StatsDesc));
        EXPECT_LT(strnlen(d.name, 48), 48u);
        EXPECT_TRUE(names.insert(d.name).second) << d.name;
        u32 type = d.flags & 0xf, unit = d.flags & 0xf0;
        EXPECT_EQ(d.flags & ~0x1ffu, 0u);
        EXPECT_LE(type, KVM_STATS_TYPE_LOG_HIST);
        EXPECT_LE(unit, KVM_STATS_UNIT_BOOLEAN);
        EXPECT_TRUE(unit == KVM_STATS_UNIT_SECONDS ? d.exponent <= 0 : unit == KVM_STATS_UNIT_BOOLEAN ? d.exponent == 0
                                                                                                   : d.exponent >= 0);
        EXPECT_EQ(d.bucket_size != 0, type == KVM_STATS_TYPE_LINEAR_HIST) << d.name;
        EXPECT_EQ(d.offset, end) << d.name;
        EXPECT_GT(d.size, 0);
        end += d.size * 8;
    }
    EXPECT_EQ(end, data_bytes);
}

TEST_F(StatsTest, LayoutIsWhatUserSpaceExpects) {
    check_layout(vcpu_file(), sizeof(vcpu));
    check_layout(vm_file(), sizeof(vm));
}

// As libvirt wants it: one table for both.
TEST_F(StatsTest, NoNameIsAVmsAndAVcpus) {
    const std::string vms = vm_file(), vcpus = vcpu_file();
    std::set<std::string> names;
    for (const std::string& file : {vms, vcpus}) {
        const auto header = at<StatsHeader>(file, 0);
        for (u32 i = 0; i < header.num_desc; i++) {
            const auto d = at<StatsDesc>(file, header.desc_offset + i * sizeof(StatsDesc));
            EXPECT_TRUE(names.insert(d.name).second) << d.name;
        }
    }
    vm.exits = 44;
    EXPECT_EQ(value(vm_file(), "vm_exits"), 44u);
}

TEST_F(StatsTest, IdentityNamesVmAndVcpu) {
    EXPECT_STREQ(vcpu_file().data() + sizeof(StatsHeader), "kvm-42/vcpu-7");
    EXPECT_STREQ(vm_file().data() + sizeof(StatsHeader), "kvm-4294967295");
}

TEST_F(StatsTest, ValuesStandWhereTheirDescriptorsSay) {
    vcpu.exits = 11;
    vcpu.mmio_exit_user = 22;
    vcpu.exits_by_class[0x24] = 33;
    vcpu.blocking = 1;
    kvm::count(vm.remote_tlb_flush_requests);
    kvm::count(vm.remote_tlb_flush_requests);
    std::string file = vcpu_file();
    EXPECT_EQ(value(file, "exits"), 11u);
    EXPECT_EQ(value(file, "mmio_exit_user"), 22u);
    EXPECT_EQ(value(file, "exits_by_class", 0x24), 33u);
    EXPECT_EQ(value(file, "exits_by_class", 0x25), 0u);
    EXPECT_EQ(value(file, "blocking"), 1u);
    EXPECT_EQ(find(file, "blocking").flags, KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN);
    EXPECT_EQ(find(file, "halt_wait_ns").exponent, -9);
    EXPECT_EQ(value(vm_file(), "remote_tlb_flush_requests"), 2u);
}

TEST_F(StatsTest, AnyOffsetAndSizeReadTheSameBytes) {
    vcpu.exits = 0x1122'3344'5566'7788;
    std::string whole = vcpu_file();
    for (size_t step : {1, 7, 24, 48, 73, 1000})
        EXPECT_EQ(vcpu_file(step), whole) << step;
    char byte;
    u64 to = reinterpret_cast<u64>(&byte);
    EXPECT_EQ(kvm::read_stats(vcpu, 42, 7, to, 1, whole.size()).value(), 0u);
    EXPECT_EQ(kvm::read_stats(vcpu, 42, 7, to, 1, ~u64{0}).value(), 0u);
    EXPECT_EQ(kvm::read_stats(vcpu, 42, 7, to, 1, whole.size() - 1).value(), 1u);
    EXPECT_EQ(byte, whole.back());
    EXPECT_EQ(kvm::read_stats(vcpu, 42, 7, 0, 0, 0).value(), 0u);
    EXPECT_EQ(kvm::read_stats(vcpu, 42, 7, 0, 1, 0).error(), Errno::kFault);
}

TEST_F(StatsTest, WaitsFallIntoPowersOfTwo) {
    struct Case {
        u64 ns;
        unsigned bucket;
    };
    u64 sum = 0;
    const Case cases[] = {{0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 3}, {(1 << 30) - 1, 30}, {1 << 30, 31}, {u64{1} << 50, 31}};
    for (const Case& c : cases) {
        u64 before = vcpu.halt_wait_hist[c.bucket];
        kvm::count_time(vcpu.halt_wait_ns, vcpu.halt_wait_hist, c.ns);
        sum += c.ns;
        EXPECT_EQ(vcpu.halt_wait_hist[c.bucket], before + 1) << c.ns;
        EXPECT_EQ(vcpu.halt_wait_ns, sum);
    }
}

}  // namespace
}  // namespace nest::test
