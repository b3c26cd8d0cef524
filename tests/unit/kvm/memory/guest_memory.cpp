// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <kvm/memory/guest_memory.hpp>
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

class GuestMemory : public SlotsTest {
protected:
    GuestMemory() : backing(5 * kPage) {
        base = (reinterpret_cast<u64>(backing.data()) + kPage - 1) & ~(kPage - 1);
        // Frames 0x10, 0x11 and 0x12 are backed by pages 2, 3 and 0: neighbours only for the guest.
        EXPECT_EQ(set(0, 0x10, 2, base + 2 * kPage, kvm::abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
        EXPECT_EQ(set(1, 0x12, 1, base), 0);
        EXPECT_EQ(set(2, 0x20, 1, base + kPage, kvm::abi::KVM_MEM_READONLY), 0);
    }
    std::vector<u8> backing;
    u64 base;
};

TEST_F(GuestMemory, CopiesAcrossPagesAndSlots) {
    std::vector<u8> in(2 * kPage), out(2 * kPage);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = static_cast<u8>(i * 7 + 1);
    arch::Ipa ipa(0x11 * kPage - 100);
    ASSERT_TRUE(kvm::write_guest(slots, ipa, in.data(), in.size(), nullptr).ok());
    ASSERT_TRUE(kvm::read_guest(slots, ipa, out.data(), out.size()).ok());
    EXPECT_EQ(in, out);
    EXPECT_EQ(std::memcmp(reinterpret_cast<void*>(base), in.data() + 100 + kPage, kPage - 100), 0);
    EXPECT_TRUE(find(0x10)->dirty.test(0));
    EXPECT_TRUE(find(0x11)->dirty.test(1));
}

TEST_F(GuestMemory, StopsAtHolesAndReadOnlySlots) {
    u8 byte[200] = {};
    EXPECT_EQ(kvm::read_guest(slots, arch::Ipa(0x13 * kPage - 100), byte, 101).error(), Errno::kFault);
    EXPECT_EQ(kvm::write_guest(slots, arch::Ipa(0x13 * kPage - 100), byte, 101, nullptr).error(), Errno::kFault);
    EXPECT_TRUE(kvm::read_guest(slots, arch::Ipa(0x20 * kPage), byte, 8).ok());
    EXPECT_EQ(kvm::write_guest(slots, arch::Ipa(0x20 * kPage), byte, 8, nullptr).error(), Errno::kFault);
    EXPECT_TRUE(kvm::read_guest(slots, arch::Ipa(0x30 * kPage), byte, 0).ok());
}

TEST_F(GuestMemory, ReportsAnUnmappedBackingAndDoesNotMarkIt) {
    UserMapping gone;
    gone.start = base + 2 * kPage;
    gone.bytes = kPage;
    gone.error = -EFAULT;
    port().user_mappings.push_back(gone);
    u8 byte = 1;
    EXPECT_EQ(kvm::write_guest(slots, arch::Ipa(0x10 * kPage), &byte, 1, nullptr).error(), Errno::kFault);
    EXPECT_EQ(kvm::read_guest(slots, arch::Ipa(0x10 * kPage), &byte, 1).error(), Errno::kFault);
    EXPECT_FALSE(find(0x10)->dirty.test(0));
}

}  // namespace
}  // namespace nest::test
