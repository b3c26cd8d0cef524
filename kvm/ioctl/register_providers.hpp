// SPDX-License-Identifier: GPL-2.0-only
// Registers of ONE_REG that are neither core nor system registers: timers and firmware.
#pragma once
#include <kvm/one_reg/one_reg.hpp>

namespace nest::kvm {

class Vcpu;

class TimerRegisters final : public RegisterProvider {
public:
    explicit TimerRegisters(Vcpu& vcpu) : vcpu_(vcpu) {}
    unsigned count() const override;
    u64 id(unsigned index) const override;
    Result<u64> get(u64 id) override;
    Status set(u64 id, u64 value) override;

private:
    Vcpu& vcpu_;
};

class FirmwareRegisters final : public RegisterProvider {
public:
    explicit FirmwareRegisters(Vcpu& vcpu) : vcpu_(vcpu) {}
    unsigned count() const override;
    u64 id(unsigned index) const override;
    Result<u64> get(u64 id) override;
    Status set(u64 id, u64 value) override;

private:
    Vcpu& vcpu_;
};

// All of them for one vCPU.
class Providers {
public:
    explicit Providers(Vcpu& vcpu) : timers_(vcpu), firmware_(vcpu) {}
    RegisterProviders span() const { return all_; }

private:
    TimerRegisters timers_;
    FirmwareRegisters firmware_;
    RegisterProvider* all_[2] = {&firmware_, &timers_};
};

}  // namespace nest::kvm
