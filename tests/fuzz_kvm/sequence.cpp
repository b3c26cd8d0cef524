// SPDX-License-Identifier: GPL-2.0-only
#include "sequence.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "threads.hpp"

namespace nest::fuzz_kvm {
namespace {

constexpr int kDescriptors = 1024;

int open_descriptors() {
    int count = 0;
    for (int i = 0; i < kDescriptors; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

struct Run {
    const Sequence& sequence;
    const std::vector<size_t>& kept;
    World& world;
    Report& report;

    void steps(unsigned thread, bool first) {
        for (const size_t number : kept) {
            const Action& action = sequence.actions[number];
            if (action.thread != thread || action.first != first)
                continue;
            report.step[thread] = static_cast<u32>(number);
            if (sigsetjmp(*landing(), 1) == 0)
                perform(world, action.what, action.seed);
            else
                world.say("a fault of this process");
            end_step();
        }
    }
    void thread(unsigned number) {
        enter_thread(number, report);
        register_thread();
        steps(number, false);
    }
};

}  // namespace

Sequence make_sequence(u64 seed) {
    Random r(seed);
    Sequence sequence{seed, r.one_in(2) ? 1 : 2 + static_cast<unsigned>(r.below(kThreads - 1)), r.one_in(2),
                      r.one_in(6) ? 1 + r.below(400'000) : 0, {}};
    for (u64 i = r.percent(90) ? 1 + r.below(2) : 0; i > 0; i--)
        sequence.actions.push_back({0, true, Step::boot, r.next()});
    for (u64 i = 4 + r.below(36); i > 0; i--) {
        const unsigned thread = static_cast<unsigned>(r.below(sequence.threads));
        const Step what = random_step(r);
        sequence.actions.push_back({thread, false, what, r.next()});
    }
    return sequence;
}

void run_sequence(const Sequence& sequence, const std::vector<size_t>& kept, Report& report, bool verbose) {
    const int before = open_descriptors();
    install_handlers();
    enter_thread(0, report);
    register_thread();
    World& world = *new World(report, verbose);     // no destructor: other threads may hang on to it at exit
    Run run{sequence, kept, world, report};
    run.steps(0, true);
    world.alone = sequence.threads == 1;
    std::vector<std::thread> others;
    for (unsigned number = 1; number < sequence.threads; number++)
        others.emplace_back([&run, number] { run.thread(number); });
    run.steps(0, false);
    for (std::thread& other : others)
        other.join();
    if (sequence.closes) {
        world.close_all();
        if (const int after = open_descriptors(); sequence.threads == 1 && after != before)
            world.fail("%d descriptors were open before, %d are at the end", before, after);
    }
    _exit(0);
}

}  // namespace nest::fuzz_kvm
