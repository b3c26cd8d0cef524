// SPDX-License-Identifier: GPL-2.0-only
// In every test program with slips: appends to the file NEST_SLIP_REACHED a line for each test, "Suite.Test", milliseconds
// and the numbers of the slips that it reached.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>

namespace nest::slips {
namespace {

class Listener final : public testing::EmptyTestEventListener {
public:
    explicit Listener(const char* name) : file_(name, std::ios::app) {}
    void OnTestStart(const testing::TestInfo&) override { std::memset(reached, 0, sizeof(reached)); }
    void OnTestEnd(const testing::TestInfo& test) override {
        file_ << test.test_suite_name() << '.' << test.name() << ' ' << test.result()->elapsed_time();
        for (int number = 0; number < kMost; number++)
            if (reached[number])
                file_ << ' ' << number;
        file_ << '\n' << std::flush;
    }

private:
    std::ofstream file_;
};

const bool listens = [] {
    if (const char* name = std::getenv("NEST_SLIP_REACHED"))
        testing::UnitTest::GetInstance()->listeners().Append(new Listener(name));
    return true;
}();

}  // namespace
}  // namespace nest::slips
