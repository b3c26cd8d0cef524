// SPDX-License-Identifier: GPL-2.0-only
// The first steps of an exit: whose trap it is (nested/cpu/trap_routing), and what its syndrome says (vhe/, kvm/).
#include <benchmark/benchmark.h>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/devices/mmio.hpp>
#include <nested/cpu/trap_routing.hpp>
#include <nested/mmu/shadow_map.hpp>
#include <nested/vel2/el2_registers.hpp>
#include <tests/unit/kvm/devices/cpu_fixture.hpp>
#include <tests/unit/nested/vel2/inputs.hpp>
#include <tests/unit/nested/mmu/counted_world.hpp>

namespace {
using namespace nest;
using arch::SysReg;
using nested::sysreg_esr;

// A vCPU in L2 whose L1 traps nothing but what `hcr` says.
struct L2 {
    vhe::GuestContext context{};
    vncr::RegisterFile file;
    nested::Config config{nested::every_feature(), true};
    nested::VirtualEl2 v{context, file};
    explicit L2(u64 hcr) {
        test::CountedWorld::check(file.init(), "register file");
        v.enable(config);
        nested::reset_el2(v);
        v.set_world(nested::World::kL2);
        context.pstate = arch::kModeEL1h;
        file.set(SysReg::HCR_EL2, file.get(SysReg::HCR_EL2) | hcr);
    }
};

void route(benchmark::State& state, u64 esr, u64 hcr) {
    const L2 l2(hcr);
    for (auto _ : state) {
        benchmark::DoNotOptimize(esr);
        benchmark::DoNotOptimize(nested::route(l2.v, esr));
    }
}
BENCHMARK_CAPTURE(route, hvc, u64{0x16} << 26 | 1 << 25, 0);
BENCHMARK_CAPTURE(route, wfi_of_ours, u64{1} << 26 | 1 << 25, 0);
BENCHMARK_CAPTURE(route, data_abort, u64{0x24} << 26 | 1 << 25 | 7, 0);
BENCHMARK_CAPTURE(route, sctlr_forwarded, sysreg_esr(arch::encode(3, 0, 1, 0, 0), false), arch::HCR_EL2::TVM::kMask);
BENCHMARK_CAPTURE(route, sctlr_ours, sysreg_esr(arch::encode(3, 0, 1, 0, 0), false), 0);
BENCHMARK_CAPTURE(route, sgi1r, sysreg_esr(arch::encode(3, 0, 12, 11, 5), false), 0);
BENCHMARK_CAPTURE(route, no_such_register, sysreg_esr(arch::encode(3, 7, 15, 15, 7), true), 0);

void l2_fault(benchmark::State& state) {
    u64 esr = u64{0x24} << 26 | 1 << 25 | 1 << 6 | 7;
    for (auto _ : state) {
        benchmark::DoNotOptimize(esr);
        benchmark::DoNotOptimize(nested::decode_l2_fault(esr, 0x1234, 0x8000, arch::kModeEL1h, false));
    }
}
void mmio(benchmark::State& state) {
    test::TestCpu cpu;
    cpu.state.context.pstate = arch::kModeEL1h;
    auto iss = arch::AbortIss{}.with<arch::AbortIss::ISV>(1).with<arch::AbortIss::SAS>(2).with<arch::AbortIss::SRT>(5);
    for (auto _ : state) {
        benchmark::DoNotOptimize(iss);
        const kvm::MmioAccess access = kvm::decode_mmio(iss, arch::Ipa(0x900'0000), cpu.state, 0);
        benchmark::DoNotOptimize(kvm::loaded_value(access, 0x1234));
    }
}
void skip(benchmark::State& state) {
    test::TestCpu cpu;
    cpu.state.context.pstate = arch::kModeEL1h;
    for (auto _ : state) {
        kvm::skip_instruction(cpu.state);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(l2_fault);
BENCHMARK(mmio);
BENCHMARK(skip);

}  // namespace
