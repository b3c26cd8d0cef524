// SPDX-License-Identifier: GPL-2.0-only
// The shadow MMU over a VM's canonical stage 2.
#pragma once
#include <kvm/memory/canonical.hpp>
#include <nested/mmu/mmu.hpp>

// Instantiated in shadows.cpp.
extern template class nest::nested::ShadowMmu<nest::kvm::Canonical, nest::kvm::ShadowMemory>;
