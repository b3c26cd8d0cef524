// SPDX-License-Identifier: GPL-2.0-only
// Linux's error numbers (include/uapi/asm-generic/errno*.h), the only ones the core returns.
#pragma once

namespace nest {

enum class Errno : int {
    kPerm = 1,
    kNoEnt = 2,
    kIntr = 4,
    kIo = 5,
    kNxIo = 6,
    k2Big = 7,
    kNoExec = 8,
    kBadF = 9,
    kAgain = 11,
    kNoMem = 12,
    kFault = 14,
    kBusy = 16,
    kExist = 17,
    kNoDev = 19,
    kInval = 22,
    kNoTty = 25,
    kNoSpc = 28,
    kRange = 34,
    kNoSys = 38,
    kOverflow = 75,
    kOpNotSupp = 95,
    kHwPoison = 133,
};

}  // namespace nest
