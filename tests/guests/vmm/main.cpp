// SPDX-License-Identifier: GPL-2.0-only
// nested_guests [--move-every MICROSECONDS] [PATTERN …]: the cases of cases.def and traps.def, a line PASS, FAIL or SKIP for
// each; --list names them. With --move-every each machine moves to a new VM again and again.
#include <fnmatch.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "../machine/machine.hpp"
#include "run.hpp"

namespace nest::guests {
namespace {

// A case, and the names of its verdicts in their order: one, but for a table.
struct Unit {
    Case number;
    unsigned vcpus;
    std::vector<std::string> names;
};

std::vector<std::string> names_of(Case number, const char* name) {
    if (number != Case::traps)
        return {name};
    std::vector<std::string> names;
#define TRAP(row, instruction, control, bit, needs, syndrome, after) \
    names.push_back(std::string("trap-") + row);                     \
    names.push_back(std::string("no-trap-") + row);
#include "../traps.def"
#undef TRAP
    return names;
}

std::vector<Unit> units() {
    return {
#define CASE(function, name, vcpus) {Case::function, vcpus, names_of(Case::function, name)},
#include "../cases.def"
#undef CASE
    };
}

// Which names were asked for.
struct Filter {
    std::vector<const char*> patterns;

    bool wants(const std::string& name) const {
        for (const char* pattern : patterns)
            if (fnmatch(pattern, name.c_str(), 0) == 0)
                return true;
        return patterns.empty();
    }
    bool wants(const Unit& unit) const {
        for (const std::string& name : unit.names)
            if (wants(name))
                return true;
        return false;
    }
};

void say(const Filter& filter, Verdict verdict, const std::string& name, const std::string& reason) {
    if (!filter.wants(name))
        return;
    const char* word = verdict == Verdict::pass ? "PASS" : verdict == Verdict::skip ? "SKIP" : "FAIL";
    std::printf("%s %s%s%s\n", word, name.c_str(), reason.empty() ? "" : " ", reason.c_str());
    std::fflush(stdout);
}

// The child's part: a byte into `progress` for each verdict, 'F' for a failure, and 'M' for a move.
[[noreturn]] void child(const Filter& filter, const Unit& unit, size_t first, unsigned move_every, int progress) {
    size_t next = first;
    const auto put = [&](char byte) {
        if (write(progress, &byte, 1) != 1)
            _exit(1);
    };
    Teller tell;
    tell.moved = [&] { put('M'); };
    tell.verdict = [&](Verdict verdict, const std::string& reason) {
        if (next >= unit.names.size())
            return;
        say(filter, verdict, unit.names[next++], reason);
        put(verdict == Verdict::fail ? 'F' : '.');
    };
    run_case(u64(unit.number) | u64{first} << 32, unit.vcpus, move_every, tell);
}

struct Progress {
    size_t verdicts = 0, moves = 0;
    bool failed = false;
    int status = 0;
};

// One VM in a process of its own, so that nothing of it, not even a crash, reaches the next.
Progress one_vm(const Filter& filter, const Unit& unit, size_t first, unsigned move_every) {
    int ends[2];
    if (pipe(ends))
        throw SystemError("pipe");
    const pid_t pid = fork();
    if (pid < 0)
        throw SystemError("fork");
    if (pid == 0) {
        close(ends[0]);
        child(filter, unit, first, move_every, ends[1]);
    }
    close(ends[1]);
    Progress progress;
    for (char byte; read(ends[0], &byte, 1) == 1;) {
        progress.verdicts += byte != 'M';
        progress.moves += byte == 'M';
        progress.failed |= byte == 'F';
    }
    close(ends[0]);
    waitpid(pid, &progress.status, 0);
    return progress;
}

// True if nothing failed.
bool run_unit(const Filter& filter, const Unit& unit, unsigned move_every, size_t& moves) {
    bool good = true;
    for (size_t first = 0; first < unit.names.size();) {
        Progress progress = one_vm(filter, unit, first, move_every);
        moves += progress.moves;
        const bool complete = first + progress.verdicts >= unit.names.size();
        if (!complete && !progress.failed) {
            say(filter, Verdict::fail, unit.names[first + progress.verdicts++],
                "the VMM ended with wait status " + std::to_string(progress.status));
            progress.failed = true;
        }
        good &= !progress.failed;
        first += progress.verdicts;
    }
    return good;
}

int main(const std::vector<const char*>& words) {
    Filter filter;
    bool list = false;
    unsigned move_every = 0;
    size_t moves = 0;
    for (auto word = words.begin(); word != words.end(); ++word) {
        if (std::strcmp(*word, "--list") == 0)
            list = true;
        else if (std::strcmp(*word, "--move-every") == 0 && word + 1 != words.end())
            move_every = std::stoul(*++word);
        else
            filter.patterns.push_back(*word);
    }
    const bool offered = !list && has_virtual_el2(open_kvm());
    bool good = true;
    for (const Unit& unit : units()) {
        if (!filter.wants(unit))
            continue;
        if (list || !offered) {
            for (const std::string& name : unit.names)
                list ? void(std::puts(name.c_str())) : say(filter, Verdict::skip, name, "no virtual EL2");
        } else {
            good &= run_unit(filter, unit, move_every, moves);
        }
    }
    if (move_every)
        std::printf("%zu moves\n", moves);
    return good ? 0 : 1;
}

}  // namespace
}  // namespace nest::guests

int main(int count, char** words) {
    try {
        return nest::guests::main({words + 1, words + count});
    } catch (const std::exception& error) {
        std::printf("FAIL nested-guests %s\n", error.what());
        return 1;
    }
}
