// SPDX-License-Identifier: GPL-2.0-only
// census [PASS …]: a VM for each pass of outcome.hpp tries every system register and system instruction; a line PASS or
// FAIL for each pass, and before a FAIL, the encodings that did something else than the tables say.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "../../guests/machine/kvm_abi.hpp"
#include "../../guests/machine/machine.hpp"
#include "../../guests/machine/mmio.hpp"
#include "../../guests/machine/time_limit.hpp"
#include "predict.hpp"

namespace nest::census {
namespace {

using guests::Machine;
using guests::Vcpu;
using guests::Verdict;

constexpr unsigned kSecondsPerPart = 60, kShown = 100;

constexpr u64 kEcUnknown = 0, kEcSystem = 0x18, kEcSve = 0x19, kEcSme = 0x1d;

Ids read_ids(const Vcpu& vcpu) {
    Ids ids;
    for (const unsigned op1 : {0u, 1u, 3u})
        for (unsigned crm = 0; crm < 8; crm++)
            for (unsigned op2 = 0; op2 < 8; op2++) {
                const Encoding e = arch::encode(3, op1, 0, crm, op2);
                try {
                    ids.set(e, vcpu.get(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | e.raw));
                } catch (const guests::SystemError&) {
                    // no register of the ABI
                }
            }
    return ids;
}

// Until the payload has been through; false: something else ended it, and that has been said.
bool run(Pass pass, Machine& machine) {
    guests::Report report(machine);
    Vcpu& vcpu = machine.vcpus()[0];
    guests::set_time_limit(kSecondsPerPart);
    for (;;) {
        if (!vcpu.run()) {
            if (!guests::is_late())
                continue;
            std::printf("FAIL census-%s no answer in %u s, PC %s\n", name_of(pass), kSecondsPerPart, guests::hex(vcpu.get(guests::kPc)).c_str());
            return false;
        }
        kvm_run& state = vcpu.state();
        if (state.exit_reason != KVM_EXIT_MMIO) {
            std::printf("FAIL census-%s exit %u to the VMM, PC %s\n", name_of(pass), state.exit_reason,
                        guests::hex(vcpu.get(guests::kPc)).c_str());
            return false;
        }
        if (!state.mmio.is_write) {
            guests::answer_read(state);
            continue;
        }
        const u64 value = guests::value_written(state);
        if (state.mmio.phys_addr != guests::kReport + guests::report::kVerdict) {
            report.take(state.mmio.phys_addr, value);
            continue;
        }
        switch (static_cast<Verdict>(value)) {
        case Verdict::end: return true;
        case Verdict::pass: guests::set_time_limit(kSecondsPerPart); break;
        default: std::printf("FAIL census-%s %s\n", name_of(pass), report.failure().c_str()); return false;
        }
    }
}

std::string describe(const Outcome& outcome, bool is_read) {
    switch (outcome.how) {
    case How::not_tried: return "nothing";
    case How::done: return is_read ? "the value " + guests::hex(outcome.value) : "done";
    case How::taken: return "an exception, ESR " + guests::hex(outcome.esr);
    case How::taken_by_l2: return "an exception to L2's EL1, ESR " + guests::hex(outcome.esr);
    }
    return "?";
}

std::string describe(const Expected& expected) {
    std::string text;
    const auto add = [&](bool may, const std::string& what) { text += may ? (text.empty() ? "" : " or ") + what : ""; };
    add(expected.may_be_done, expected.value ? "the value " + guests::hex(*expected.value) : "done");
    add(expected.may_be_undefined, "UNDEFINED");
    add(expected.may_trap, "EC 0x18");
    add(expected.may_trap_vectors, "EC 0x19 or 0x1d");
    add(expected.may_fault, "an abort");
    return text;
}

bool is_el0(Pass pass) { return pass == Pass::el0 || pass == Pass::vel2_el0 || pass == Pass::l2_el0; }

// EC 0x18 of this very instruction: [DDI0487] D24.2.40.
bool is_syndrome_of(u32 esr, Encoding e, bool is_read) {
    const u32 iss = u32{e.op0()} << 20 | u32{e.op2()} << 17 | u32{e.op1()} << 14 | u32{e.crn()} << 10 | u32{e.crm()} << 1 | is_read;
    return esr == (kEcSystem << 26 | 1u << 25 | iss);
}

bool as_expected(Pass pass, const Expected& expected, const Outcome& outcome, Encoding e, bool is_read) {
    if (outcome.how == How::done)
        return expected.may_be_done && (!is_read || !expected.value || *expected.value == outcome.value);
    const u32 ec = outcome.esr >> 26;
    const bool of_l2 = pass == Pass::l2 || pass == Pass::l2_el0 || pass == Pass::l2_traps;
    // What L2 may not do at all is L2's own affair; what L1 traps is L1's.
    const bool own = of_l2 ? outcome.how == How::taken_by_l2 : outcome.how == How::taken;
    if (ec == kEcUnknown)
        return expected.may_be_undefined && own && outcome.esr == 1u << 25;
    if (ec == kEcSystem)
        return expected.may_trap && is_syndrome_of(outcome.esr, e, is_read) && (!of_l2 || !own || Ids::in_space(e) || is_el0(pass));
    if (ec == kEcSve || ec == kEcSme)
        return expected.may_trap_vectors && own;
    return expected.may_fault && own && (ec == 0x24 || ec == 0x25);
}

Outcome outcome_in(const Machine& machine, Encoding e, bool is_read) {
    Outcome outcome;
    std::memcpy(&outcome, machine.ram().data() + (kResults - guests::kRam) + index_of(e.raw, is_read) * sizeof outcome, sizeof outcome);
    return outcome;
}

bool compare(Pass pass, const Machine& machine, const Predictor& predictor) {
    unsigned wrong = 0, counts[4] = {};
    for (u64 encoding = 1 << 14; encoding < 4 << 14; encoding++)
        for (const bool is_read : {true, false}) {
            const Encoding e{static_cast<nest::u16>(encoding)};
            const Outcome outcome = outcome_in(machine, e, is_read);
            counts[size_t(outcome.how)]++;
            if (outcome.how == How::not_tried)
                continue;
            const Expected expected = predictor.expect(pass, e, is_read);
            if (!as_expected(pass, expected, outcome, e, is_read) && wrong++ < kShown)
                std::printf("  %s, %s: %s, expected %s\n", name_of(e).c_str(), is_read ? "read" : "written", describe(outcome, is_read).c_str(),
                            describe(expected).c_str());
        }
    if (wrong)
        std::printf("FAIL census-%s %u encodings do not do what the tables say\n", name_of(pass), wrong);
    else
        std::printf("PASS census-%s %u done, %u exceptions, %u of them L2's own, %u not tried\n", name_of(pass), counts[1],
                    counts[2] + counts[3], counts[3], counts[0]);
    return !wrong;
}

[[noreturn]] void one_pass(Pass pass) {
    try {
        const bool el2 = pass != Pass::el1 && pass != Pass::el0;
        if (el2 && !guests::has_virtual_el2(guests::open_kvm())) {
            std::printf("SKIP census-%s no virtual EL2\n", name_of(pass));
            std::fflush(stdout);
            _exit(0);
        }
        Machine machine(guests::open_kvm(), u64(pass), el2 ? guests::Level::el2 : guests::Level::el1);
        const Ids ids = read_ids(machine.vcpus()[0]);
        const bool good = run(pass, machine) &&
                          compare(pass, machine, Predictor(ids, outcome_in(machine, arch::encoding_of(arch::SysReg::ICH_VTR_EL2), true).value));
        std::fflush(stdout);
        _exit(!good);
    } catch (const std::exception& error) {
        std::printf("FAIL census-%s %s\n", name_of(pass), error.what());
        std::fflush(stdout);
        _exit(1);
    }
}

bool wanted(Pass pass, int count, char** words) {
    for (int i = 1; i < count; i++)
        if (std::string_view(words[i]) == name_of(pass))
            return true;
    return count == 1;
}

}  // namespace
}  // namespace nest::census

int main(int count, char** words) {
    using namespace nest::census;
    bool good = true;
    for (u64 i = 0; i < u64(Pass::count); i++) {
        const Pass pass = static_cast<Pass>(i);
        if (!wanted(pass, count, words))
            continue;
        const pid_t child = fork();     // one VM in a process of its own
        if (child == 0)
            one_pass(pass);
        int status = 1;
        waitpid(child, &status, 0);
        if (!WIFEXITED(status))
            std::printf("FAIL census-%s the VMM ended with wait status %d\n", name_of(pass), status);
        good &= status == 0;
    }
    return good ? 0 : 1;
}
