// SPDX-License-Identifier: GPL-2.0-only
// What other threads do while a vCPU asks whether it may enter its guest: at the top of its loop, and last of all before
// the entry, with interrupts off. Empty until a test sets it, and after FakePort::reset().
#pragma once
#include <functional>

namespace nest::test {

std::function<void()>& on_entry_check();

}  // namespace nest::test
