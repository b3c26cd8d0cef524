// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/shadows.hpp>
#include <nested/mmu/mmu_impl.hpp>

template class nest::nested::ShadowMmu<nest::kvm::Canonical, nest::kvm::ShadowMemory>;
