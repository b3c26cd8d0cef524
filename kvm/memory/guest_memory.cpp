// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/guest_memory.hpp>
#include <port/port.h>

namespace nest::kvm {
namespace {

// Bytes from `ipa` to the end of its page, at most `bytes`.
size_t within_page(arch::Ipa ipa, size_t bytes) {
    size_t left = arch::kPageSize - ipa.offset(arch::kPageSize);
    return left < bytes ? left : bytes;
}

}  // namespace

Status read_guest(Memslots& slots, arch::Ipa from, void* to, size_t bytes) {
    u8* out = static_cast<u8*>(to);
    while (bytes) {
        const GuestPage page(slots, gfn_of(from));
        const size_t part = within_page(from, bytes);
        if (!page)
            return Errno::kFault;
        if (nest_port_copy_from_user(out, page.hva().raw + from.offset(arch::kPageSize), part))
            return Errno::kFault;
        out += part;
        from += part;
        bytes -= part;
    }
    return kOk;
}

Status write_guest(Memslots& slots, arch::Ipa to, const void* from, size_t bytes, DirtyRing* ring) {
    const u8* in = static_cast<const u8*>(from);
    while (bytes) {
        const GuestPage page(slots, gfn_of(to));
        const size_t part = within_page(to, bytes);
        if (!page || !page.writable())
            return Errno::kFault;
        if (nest_port_copy_to_user(page.hva().raw + to.offset(arch::kPageSize), in, part))
            return Errno::kFault;
        page.mark_dirty(ring);
        in += part;
        to += part;
        bytes -= part;
    }
    return kOk;
}

}  // namespace nest::kvm
