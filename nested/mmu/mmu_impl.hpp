// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu's bodies, for the one place that instantiates it.
#pragma once
#include <nested/mmu/mmu_canonical.hpp>
#include <nested/mmu/mmu_fault.hpp>
#include <nested/mmu/mmu_tlbi.hpp>
