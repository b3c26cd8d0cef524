// SPDX-License-Identifier: GPL-2.0-only
// The register file of a vCPU: one home in memory for each system register (sysregs.def says which kind).
//
// Registers with a VNCR offset live in a page of their own, in the layout of [DDI0487] D8.11, because under NV2 the
// hardware itself reads and writes that page while virtual EL2 runs; all others live in an array. The same layout serves
// flat guests, so that nothing depends on whether a vCPU has an EL2.
#pragma once
#include <arch/address.hpp>
#include <arch/registers.hpp>
#include <port/port.h>

namespace nest::vncr {

class RegisterFile {
public:
    RegisterFile() = default;
    RegisterFile(const RegisterFile&) = delete;
    RegisterFile& operator=(const RegisterFile&) = delete;
    ~RegisterFile() {
        if (page_)
            nest_port_pages_free(page_, 0);
    }

    // False: no memory. Sleeps.
    [[nodiscard]] bool init() {
        page_ = static_cast<u64*>(nest_port_pages_alloc(0, false));
        return page_ != nullptr;
    }

    u64 get(arch::SysReg reg) const { return *slot(reg); }
    void set(arch::SysReg reg, u64 value) { *slot(reg) = value; }

    template <typename R>
    R get() const {
        return R::of(get(R::kReg));
    }
    template <typename R>
    void set(R reg) {
        set(R::kReg, reg.raw);
    }

    // What VNCR_EL2 is given while virtual EL2 runs: the page's address in the linear map.
    u64* page() const { return page_; }

    // For many accesses in a row: without a View the compiler reloads the page's address after each access to a system
    // register, as that clobbers memory.
    class View {
    public:
        u64 get(arch::SysReg reg) const { return *slot(page_, memory_, reg); }
        void set(arch::SysReg reg, u64 value) const { *slot(page_, memory_, reg) = value; }

    private:
        friend class RegisterFile;
        View(u64* page, u64* memory) : page_(page), memory_(memory) {}
        u64* page_;
        u64* memory_;
    };
    View view() const { return {page_, const_cast<u64*>(memory_)}; }

private:
    [[gnu::always_inline]] static u64* slot(u64* page, u64* memory, arch::SysReg reg) {
        const s16 offset = arch::info(reg).vncr;
        return offset >= 0 ? page + offset / 8 : memory + static_cast<size_t>(reg);
    }
    u64* slot(arch::SysReg reg) const { return slot(page_, const_cast<u64*>(memory_), reg); }

    u64* page_ = nullptr;
    u64 memory_[arch::kSysRegCount] = {};
};

}  // namespace nest::vncr
