// SPDX-License-Identifier: GPL-2.0-only
// Result<T>: a value or an Errno, in two registers; NEST_TRY unwraps or returns the error to the caller.
//
// Not std::expected: that is C++23 in GCC 12 and drags in abort(). The error is stored as a plain int so that
// Result<u64> is returned in x0/x1 and testing it is one branch.
#pragma once
#include <base/errno.hpp>
#include <base/types.hpp>
#include <type_traits>
#include <utility>

namespace nest {

template <typename T>
class [[nodiscard]] Result {
    static_assert(!std::is_reference_v<T>, "a Result holds a value; return a pointer instead of a reference");

public:
    constexpr Result(T value) : value_(std::move(value)), error_(0) {}  // NOLINT: implicit on purpose
    constexpr Result(Errno e) : value_{}, error_(static_cast<int>(e)) {}  // NOLINT: implicit on purpose

    constexpr bool ok() const { return error_ == 0; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr Errno error() const { return static_cast<Errno>(error_); }
    // Only after ok(): the value of a failed Result is a default-constructed T.
    constexpr T& value() { return value_; }
    constexpr const T& value() const { return value_; }
    constexpr T value_or(T other) const { return ok() ? value_ : other; }

private:
    T value_;
    int error_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    constexpr Result() : error_(0) {}
    constexpr Result(Errno e) : error_(static_cast<int>(e)) {}  // NOLINT: implicit on purpose

    constexpr bool ok() const { return error_ == 0; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr Errno error() const { return static_cast<Errno>(error_); }
    constexpr void value() const {}

private:
    int error_;
};

using Status = Result<void>;
inline constexpr Status kOk{};

// The ABI's convention, used once, in entry.h's functions: 0 or more is success, -errno is failure.
constexpr long to_abi(const Status& s) { return s.ok() ? 0 : -static_cast<long>(s.error()); }
template <typename T>
constexpr long to_abi(const Result<T>& r) {
    return r.ok() ? static_cast<long>(r.value()) : -static_cast<long>(r.error());
}

}  // namespace nest

// A statement expression: yields the value, or makes the enclosing function return the error.
#define NEST_TRY(expr)                                              \
    ({                                                              \
        auto&& nest_try_result_ = (expr);                           \
        if (!nest_try_result_.ok()) [[unlikely]]                    \
            return nest_try_result_.error();                        \
        static_cast<decltype(nest_try_result_)&&>(nest_try_result_).value(); \
    })
