// SPDX-License-Identifier: GPL-2.0-only
// fail_nth [--stride N] [--times N] [PATTERN …]: every call of the interface with its first allocation or copy failing, then its
// second, and so on until it gets through undisturbed. A line PASS or FAIL for each step; --list names them.
#include <fnmatch.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "injector.hpp"
#include "runner.hpp"

namespace nest::fail_nth {
namespace {

constexpr int kSkipped = 4;     // kselftest's exit status for it

Steps all_steps() {
    Steps all;
    for (const auto& some : {system_steps, memory_steps, irq_steps, device_steps, its_steps, vcpu_steps, run_steps, nested_steps})
        for (Step& step : some())
            all.push_back(std::move(step));
    return all;
}

bool wanted(const Step& step, const std::vector<const char*>& patterns) {
    for (const char* pattern : patterns)
        if (fnmatch(pattern, step.name, 0) == 0)
            return true;
    return patterns.empty();
}

int main(const std::vector<const char*>& words) {
    std::vector<const char*> patterns;
    Faults faults;
    bool list = false;
    for (size_t i = 0; i < words.size(); i++) {
        if (std::strcmp(words[i], "--list") == 0)
            list = true;
        else if (std::strcmp(words[i], "--stride") == 0 && i + 1 < words.size())
            faults.stride = static_cast<unsigned>(std::strtoul(words[++i], nullptr, 10));
        else if (std::strcmp(words[i], "--times") == 0 && i + 1 < words.size())
            faults.times = static_cast<unsigned>(std::strtoul(words[++i], nullptr, 10));
        else
            patterns.push_back(words[i]);
    }
    if (!faults.stride || !faults.times) {
        std::printf("FAIL fail-nth --stride and --times take a number from 1 on\n");
        return 1;
    }
    if (!list && !Injector::prepare()) {
        std::printf("this kernel has no fault injection, or debugfs is not mounted\n");
        return kSkipped;
    }
    bool good = true, any = false;
    for (const Step& step : all_steps()) {
        if (!wanted(step, patterns))
            continue;
        any = true;
        if (list)
            std::puts(step.name);
        else
            good &= run_step(step, faults);
    }
    if (!any)
        std::printf("FAIL fail-nth no step has such a name\n");
    return good && any ? 0 : 1;
}

}  // namespace
}  // namespace nest::fail_nth

int main(int count, char** words) {
    try {
        return nest::fail_nth::main({words + 1, words + count});
    } catch (const std::exception& error) {
        std::printf("FAIL fail-nth %s\n", error.what());
        return 1;
    }
}
