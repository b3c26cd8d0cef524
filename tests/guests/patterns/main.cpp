// SPDX-License-Identifier: GPL-2.0-only
// sve_patterns SECONDS: a process of the host that keeps patterns in SVE's registers, without a system call in between, while guests
// on the same CPU do so as well. Says how many it compared; exit status 1: one had changed, or there is no SVE.
#include <sys/auxv.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "registers.hpp"

namespace {

constexpr unsigned long kHwcapSve = 1 << 22;

void spin() {
    for (unsigned long i = 0; i < 200'000; i++)
        asm volatile("");
}

// A function of its own: the compiler keeps nothing in vector registers across it.
[[gnu::noinline]] bool keeps(nest::guests::SvePattern& mine, nest::guests::SvePattern& found) {
    mine.load();
    spin();
    found.store();
    return mine.differ(found) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || !(getauxval(AT_HWCAP) & kHwcapSve)) {
        std::fprintf(stderr, argc == 2 ? "no SVE\n" : "usage: sve_patterns SECONDS\n");
        return 1;
    }
    static nest::guests::SvePattern mine, found;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1]));
    unsigned long compared = 0;
    const unsigned vector = nest::guests::SvePattern::vector_bytes();
    while (std::chrono::steady_clock::now() < end) {
        mine.make(vector, static_cast<unsigned long>(getpid()) << 32 | ++compared);
        found.prepare_like(mine);
        if (!keeps(mine, found)) {
            std::printf("FAIL sve-leaks: %u bytes of pattern %lu have changed\n", mine.differ(found), compared);
            return 1;
        }
    }
    std::printf("%lu patterns kept by a process\n", compared);
    return 0;
}
