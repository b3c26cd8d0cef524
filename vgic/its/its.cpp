// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/its/its.hpp>
#include <vgic/lpi.hpp>

namespace nest::vgic {

Its::Its(Distributor& distributor) : distributor_(distributor), mappings_(distributor) {
    reset_registers();
    distributor.offer_lpis();
}

Its::~Its() = default;

Status Its::set_base(u64 address, u64 ipa_limit) {
    Guard guard(lock_);
    if (base() != kNoBase)
        return Errno::kExist;
    if (address % kFrameSize)
        return Errno::kInval;
    NEST_TRY(check_range(address, kItsSize, ipa_limit));
    base_.store_release(address);
    return kOk;
}

Status Its::init() {
    Guard guard(lock_);
    if (initialized())
        return kOk;
    NEST_TRY(mappings_.init());
    initialized_.store_release(true);
    return kOk;
}

void Its::reset() {
    Guard guard(lock_);
    if (!initialized())
        return;
    reset_registers();
    mappings_.clear();
}

Its::Delivery Its::send(u32 device_id, u32 event_id) {
    if (!initialized())
        return Delivery::kLost;
    NEST_UNINITIALIZED Kicks kicks;
    bool taken = false;
    {
        IrqGuard guard(mappings_.translations().lock());
        if (const Event* const event = mappings_.translations().find_for_message(device_id, event_id))
            taken = pend_lpi(distributor_, event->lpi, kicks);
    }
    kicks.deliver(distributor_);
    return taken ? Delivery::kDelivered : Delivery::kLost;
}

}  // namespace nest::vgic
