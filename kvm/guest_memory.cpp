// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/guest_memory.hpp>
#include <linux/port.h>

namespace nest::kvm {
namespace {

// Bytes from `ipa` to the end of its page, at most `bytes`.
size_t within_page(arch::Ipa ipa, size_t bytes) {
    size_t left = arch::kPageSize - ipa.offset(arch::kPageSize);
    return left < bytes ? left : bytes;
}

}  // namespace

Status read_guest(const Memslots& slots, arch::Ipa from, void* to, size_t bytes) {
    MemslotHint hint;
    u8* out = static_cast<u8*>(to);
    while (bytes) {
        const Memslot* slot = slots.find(gfn_of(from), hint);
        size_t part = within_page(from, bytes);
        if (!slot)
            return Errno::kFault;
        arch::Hva hva = slot->hva_of(gfn_of(from)) + from.offset(arch::kPageSize);
        if (nest_port_copy_from_user(out, hva.raw, part))
            return Errno::kFault;
        out += part;
        from += part;
        bytes -= part;
    }
    return kOk;
}

Status write_guest(const Memslots& slots, arch::Ipa to, const void* from, size_t bytes) {
    MemslotHint hint;
    const u8* in = static_cast<const u8*>(from);
    while (bytes) {
        const Memslot* slot = slots.find(gfn_of(to), hint);
        size_t part = within_page(to, bytes);
        if (!slot || !slot->writable())
            return Errno::kFault;
        arch::Hva hva = slot->hva_of(gfn_of(to)) + to.offset(arch::kPageSize);
        if (nest_port_copy_to_user(hva.raw, in, part))
            return Errno::kFault;
        slot->mark_dirty(gfn_of(to));
        in += part;
        to += part;
        bytes -= part;
    }
    return kOk;
}

}  // namespace nest::kvm
