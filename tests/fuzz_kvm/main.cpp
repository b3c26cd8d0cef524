// SPDX-License-Identifier: GPL-2.0-only
// fuzz_kvm [--seed S] [--count N] [--seconds T]: so many random sequences, or as many as fit, each in a process of its own.
// fuzz_kvm --replay S [--steps N,N,…] [--repeat N]: that one sequence, or these steps of it, and all that it does said.
// The first that fails ends it, made as short as it may be within --shrink seconds; --keep-going goes on instead.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

#include "shrink.hpp"

namespace nest::fuzz_kvm {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    u64 seed = 0, count = ~u64{0}, seconds = 60, shrink = 300, repeat = 1;
    bool replay = false, keep_going = false;
    std::vector<size_t> steps;
};

bool parse(int count, char** words, Options& options) {
    options.seed = static_cast<u64>(std::chrono::system_clock::now().time_since_epoch().count());
    bool timed = false;
    for (int i = 1; i < count; i++) {
        const std::string word = words[i];
        if (word == "--keep-going") {
            options.keep_going = true;
            continue;
        }
        if (i + 1 >= count)
            return false;
        const char* value = words[++i];
        const u64 number = std::strtoull(value, nullptr, 0);
        if (word == "--seed" || word == "--replay")
            options.seed = number, options.replay = word == "--replay";
        else if (word == "--count")
            options.count = number;
        else if (word == "--seconds")
            options.seconds = number, timed = true;
        else if (word == "--shrink")
            options.shrink = number;
        else if (word == "--repeat")
            options.repeat = number;
        else if (word == "--steps") {
            std::istringstream list(value);
            for (std::string one; std::getline(list, one, ',');)
                options.steps.push_back(std::strtoull(one.c_str(), nullptr, 0));
        } else
            return false;
    }
    if (options.count != ~u64{0} && !timed)
        options.seconds = ~u64{0} >> 1;
    return true;
}

void describe(const Sequence& sequence, const std::vector<size_t>& kept) {
    std::printf("  %u threads%s%s\n", sequence.threads, sequence.closes ? "" : ", nothing closed", sequence.kill_after ? ", killed" : "");
    for (const size_t number : kept)
        std::printf("  step %zu, thread %u: %s\n", number, sequence.actions[number].thread, name_of(sequence.actions[number].what));
}

std::string list_of(const std::vector<size_t>& kept) {
    std::string text;
    for (const size_t number : kept)
        text += (text.empty() ? "" : ",") + std::to_string(number);
    return text;
}

void report_failure(Supervisor& supervisor, const Sequence& sequence, const std::string& why, u64 seconds) {
    std::printf("FAIL sequence-0x%llx %s\n", static_cast<unsigned long long>(sequence.seed), why.c_str());
    std::fflush(stdout);
    const std::vector<size_t> kept = seconds ? shrink(supervisor, sequence, static_cast<unsigned>(seconds)) : all_of(sequence);
    describe(sequence, kept);
    std::printf("again: fuzz_kvm --replay 0x%llx --steps %s\n", static_cast<unsigned long long>(sequence.seed), list_of(kept).c_str());
    std::fflush(stdout);
}

int replay(Supervisor& supervisor, const Options& options) {
    const Sequence sequence = make_sequence(options.seed);
    const std::vector<size_t> kept = options.steps.empty() ? all_of(sequence) : options.steps;
    for (const size_t number : kept)
        if (number >= sequence.actions.size())
            return std::printf("the sequence has %zu steps\n", sequence.actions.size()), 2;
    describe(sequence, kept);
    for (u64 i = 0; i < options.repeat; i++) {
        KernelLog::rearm();
        if (const auto why = supervisor.run(sequence, kept, i == 0)) {
            std::printf("FAIL sequence-0x%llx %s (run %llu)\n", static_cast<unsigned long long>(options.seed), why->c_str(),
                        static_cast<unsigned long long>(i + 1));
            return 1;
        }
    }
    std::printf("it passed\n");
    return 0;
}

int fuzz(Supervisor& supervisor, const Options& options) {
    const auto start = Clock::now();
    const auto seconds = [&] { return static_cast<u64>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count()); };
    Random r(options.seed);
    std::printf("seed 0x%llx\n", static_cast<unsigned long long>(options.seed));
    u64 done = 0, failed = 0;
    for (; done < options.count && seconds() < options.seconds; done++) {
        const Sequence sequence = make_sequence(r.next());
        std::printf("%llu: 0x%llx\n", static_cast<unsigned long long>(done), static_cast<unsigned long long>(sequence.seed));
        std::fflush(stdout);        // and before fork(), so that no child says it again
        const auto why = supervisor.run(sequence, all_of(sequence));
        if (!why)
            continue;
        failed++;
        report_failure(supervisor, sequence, *why, options.shrink);
        if (!options.keep_going)
            break;
        KernelLog::rearm();
    }
    std::printf("%llu sequences in %llu s, %llu failed\n", static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(seconds()), static_cast<unsigned long long>(failed));
    return failed ? 1 : 0;
}

}  // namespace
}  // namespace nest::fuzz_kvm

int main(int count, char** words) {
    using namespace nest::fuzz_kvm;
    Options options;
    if (!parse(count, words, options)) {
        std::fprintf(stderr, "fuzz_kvm [--seed S] [--count N] [--seconds T] [--shrink T] [--keep-going] | --replay S [--steps N,N] [--repeat N]\n");
        return 2;
    }
    Supervisor supervisor;
    return options.replay ? replay(supervisor, options) : fuzz(supervisor, options);
}
