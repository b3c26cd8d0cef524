// SPDX-License-Identifier: GPL-2.0-only
// A descriptor on its way to the VMM.
#pragma once
#include <base/result.hpp>
#include <port/port.h>
#include <utility>

namespace nest::kvm {

// Reserve it first, then make and publish the object, then install. What is published first, and taken back when there is
// no descriptor, may by then be in the hands of whoever finds objects without a lock. Context: the VMM's; sleeps.
class NewFd {
public:
    NewFd() = default;
    NewFd(const NewFd&) = delete;
    NewFd& operator=(const NewFd&) = delete;
    // Not installed: nobody has ever had it.
    ~NewFd() {
        if (fd_.file)
            nest_port_fd_cancel(&fd_);
    }

    // EMFILE, ENFILE, ENOMEM.
    Status reserve(nest_fd_kind kind) {
        const int error = nest_port_fd_reserve(kind, &fd_);
        return error ? Status(static_cast<Errno>(-error)) : kOk;
    }
    int number() const { return fd_.fd; }
    // Now the process has it, and may close it before this returns: `object` comes with a reference, which goes then.
    int install(void* object) {
        const nest_new_fd fd = std::exchange(fd_, {});
        nest_port_fd_install(&fd, object);
        return fd.fd;
    }

private:
    nest_new_fd fd_{};
};

}  // namespace nest::kvm
