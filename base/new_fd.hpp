// SPDX-License-Identifier: GPL-2.0-only
// A descriptor on its way to the VMM.
#pragma once
#include <base/result.hpp>
#include <port/port.h>
#include <utility>

namespace nest::kvm {

// Reserve the descriptor first, then make and publish the object, then install. The other way round: thread A publishes the
// object, thread B finds it without a lock and uses it, then A gets no descriptor and would have to take the object back
// from B. Context: the VMM's; sleeps.
class NewFd {
public:
    NewFd() = default;
    NewFd(const NewFd&) = delete;
    NewFd& operator=(const NewFd&) = delete;
    // If the descriptor was not installed, nobody has ever seen it, and it is given back.
    ~NewFd() {
        if (fd_.file)
            nest_port_fd_cancel(&fd_);
    }

    // `vcpu_id` is part of the name of a vCPU's descriptors. EMFILE, ENFILE, ENOMEM.
    Status reserve(nest_fd_kind kind, u32 vcpu_id = 0) {
        const int error = nest_port_fd_reserve(kind, vcpu_id, &fd_);
        return error ? Status(static_cast<Errno>(-error)) : kOk;
    }
    int number() const { return fd_.fd; }
    // From now on the process has the descriptor, and another thread may close it before install() returns: so `object` comes
    // with a reference for the file, which the close drops.
    int install(void* object) {
        const nest_new_fd fd = std::exchange(fd_, {});
        nest_port_fd_install(&fd, object);
        return fd.fd;
    }

private:
    nest_new_fd fd_{};
};

}  // namespace nest::kvm
