// SPDX-License-Identifier: GPL-2.0-only
// What other threads do while a vCPU asks, last of all before the entry and with interrupts off, whether it may enter its
// guest. Empty until a test sets it, and after FakePort::reset().
#pragma once
#include <functional>

namespace nest::test {

std::function<void()>& on_entry_check();

}  // namespace nest::test
