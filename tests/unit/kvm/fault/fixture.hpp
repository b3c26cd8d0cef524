// SPDX-License-Identifier: GPL-2.0-only
// A guest whose stage-2 faults reach memory slots over the fake VMM's mappings.
#pragma once
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {

struct FaultTest : VmTest {
    static constexpr u64 k2M = 0x20'0000;
    static constexpr u64 kGpa = 0x4000'0000;
    static constexpr u64 kPa = 0x8000'0000;
    static constexpr u64 kBytes = 4 * k2M;  // of the VMM's mapping at `memory`
    static constexpr long kInterrupted = -4;
    u8* memory = nullptr;

    // The VMM maps `memory` in units of 2^block_shift, physically from kPa on.
    void SetUp() override {
        VmTest::SetUp();
        // The guest's stage 1 is flat: after a permission fault the address is translated anew.
        cpu().translation = [](u64 va, u64& par) {
            par = va & arch::PAR_EL1::PA::kMask;
            return true;
        };
        memory = static_cast<u8*>(std::aligned_alloc(k2M, kBytes));
        mapping().block_shift = 21;
    }
    void TearDown() override {
        VmTest::TearDown();
        std::free(memory);
    }
    test::UserMapping& mapping() {
        auto& all = test::port().user_mappings;
        if (all.empty()) {
            test::UserMapping m;
            m.start = hva();
            m.bytes = kBytes;
            m.pa = kPa;
            all.push_back(m);
        }
        return all.front();
    }
    u64 hva(u64 offset = 0) const { return reinterpret_cast<u64>(memory) + offset; }
    long set_slot(u32 id, u64 gpa, u64 offset, u64 bytes, u32 flags = 0) {
        abi::UserMemoryRegion2 r{};
        r.slot = id;
        r.flags = flags;
        r.guest_phys_addr = gpa;
        r.memory_size = bytes;
        r.userspace_addr = hva(offset);  // also beyond the mapping: the fake has memory everywhere
        return vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &r);
    }

    using Step = std::function<vhe::ExitKind(vhe::GuestContext&)>;
    // A data abort of the guest's, with a syndrome for one register.
    static Step abort(u64 ipa, u64 iss) {
        return [=](vhe::GuestContext&) {
            test::set_syndrome(arch::Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 3 << 16 | iss, ipa, ipa);
            return vhe::ExitKind::kSync;
        };
    }
    static constexpr u64 kTranslation3 = 0x07, kPermission3 = 0x0f, kWrite = 1 << 6, kWalk = 1 << 7;
    static Step reads(u64 ipa) { return abort(ipa, kTranslation3); }
    static Step writes(u64 ipa) { return abort(ipa, kTranslation3 | kWrite); }
    static Step writes_protected(u64 ipa) { return abort(ipa, kPermission3 | kWrite); }
    static Step fetches(u64 ipa, u64 status = kTranslation3) {
        return [=](vhe::GuestContext&) {
            test::set_syndrome(arch::Ec::kInstrAbortLower, status, ipa, ipa);
            return vhe::ExitKind::kSync;
        };
    }
    // Runs the guest through these, until its VMM's signal.
    long run_steps(std::vector<Step> steps) {
        test::port().signal_pending = test::port().entry_blocked = false;
        guest_does(std::move(steps));
        return ioctl(abi::KVM_RUN);
    }
    stage2::Leaf leaf(u64 ipa) { return core().vm.stage2.tables().walk(arch::Ipa(ipa)); }
};

}  // namespace nest::kvm
