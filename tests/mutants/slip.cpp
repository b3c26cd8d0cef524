// SPDX-License-Identifier: GPL-2.0-only
#include <cstdlib>

namespace nest::slips {
namespace {

int from_environment() {
    const char* number = std::getenv("NEST_SLIP");
    return number ? std::atoi(number) : -1;
}

}  // namespace

extern const int chosen = from_environment();
bool reached[kMost];

}  // namespace nest::slips
