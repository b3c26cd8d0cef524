// SPDX-License-Identifier: GPL-2.0-only
// Copies between the core and guest memory, through the memory slots and the VMM's own mapping.
#pragma once
#include <arch/address.hpp>
#include <base/result.hpp>
#include <kvm/memory/memslots.hpp>

namespace nest::kvm {

// Any alignment; may span slots. EFAULT: no memory there (for a write also: read-only memory), or the VMM's mapping is gone;
// part of the bytes may have been copied. A write marks its frames dirty; `ring`: DirtyPage::mark(). Context: a thread of the VMM, with none of the slots'
// locks held; may fault, and take as long as the VMM takes to answer its fault (userfaultfd).
Status read_guest(Memslots& slots, arch::Ipa from, void* to, size_t bytes);
Status write_guest(Memslots& slots, arch::Ipa to, const void* from, size_t bytes, DirtyRing* ring);

}  // namespace nest::kvm
