// SPDX-License-Identifier: GPL-2.0-only
// struct kvm_run on arm64: the page that a vCPU's thread shares with its VMM. abi.cpp proves the layout.
//
// The VMM may write to the page at any time: read each field that matters once, into a local, and check the copy. Otherwise
// the VMM changes the field between the check and the use.
#pragma once
#include <kvm/abi/numbers.hpp>

namespace nest::kvm::abi {

struct Run {
    struct FailEntry {
        u64 hardware_entry_failure_reason;
        u32 cpu;
    };
    struct DebugExit {
        u32 hsr;
        u32 hsr_high;  // ESR_EL2[61:32]
        u64 far;
    };
    struct Mmio {
        u64 phys_addr;
        u8 data[8];  // in the byte order that the access has on the bus
        u32 len;
        u8 is_write;
    };
    struct Hypercall {
        u64 nr;
        u64 args[6];
        u64 ret;
        u64 flags;
    };
    struct InternalError {
        u32 suberror;
        u32 ndata;
        u64 data[16];
    };
    struct SystemEvent {
        u32 type;
        u32 ndata;
        u64 data[16];
    };
    struct ArmNisv {
        u64 esr_iss;
        u64 fault_ipa;
    };
    struct MemoryFault {
        u64 flags;
        u64 gpa;
        u64 size;
    };
    struct ArmSea {
        u64 flags;
        u64 esr;
        u64 gva;
        u64 gpa;
    };
    struct SyncRegs {
        u64 device_irq_level;
    };

    u8 request_interrupt_window;
    u8 immediate_exit;
    u8 padding1[6];

    u32 exit_reason;
    u8 ready_for_interrupt_injection;
    u8 if_flag;
    u16 flags;

    u64 cr8;
    u64 apic_base;

    union {
        FailEntry fail_entry;
        DebugExit debug;
        Mmio mmio;
        Hypercall hypercall;
        InternalError internal;
        SystemEvent system_event;
        ArmNisv arm_nisv;  // KVM_EXIT_ARM_LDST64B as well
        MemoryFault memory_fault;
        ArmSea arm_sea;
        u8 padding[256];
    };

    u64 kvm_valid_regs;
    u64 kvm_dirty_regs;
    union {
        SyncRegs regs;
        u8 padding[SYNC_REGS_SIZE_BYTES];
    } s;
};

struct MpState {
    u32 mp_state;
};

struct SignalMask {
    u32 len;  // of the sigset that follows
};

}  // namespace nest::kvm::abi
