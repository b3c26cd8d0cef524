// SPDX-License-Identifier: GPL-2.0-only
// Object lifetime in the core: make<T>() and destroy() over the port's allocator. There is no operator new.
#pragma once
#include <base/types.hpp>
#include <new>
#include <port/port.h>
#include <utility>

namespace nest {

// nullptr when there is no memory. Sleeps.
template <typename T, typename... Args>
[[nodiscard]] T* make(Args&&... args) {
    void* memory = nest_port_alloc(sizeof(T));
    return memory ? ::new (memory) T(std::forward<Args>(args)...) : nullptr;
}

template <typename T>
void destroy(T* object) {
    if (!object)
        return;
    object->~T();
    nest_port_free(object);
}

// Owns one object of make<T>().
template <typename T>
class Owned {
public:
    Owned() = default;
    explicit Owned(T* object) : object_(object) {}
    Owned(Owned&& other) noexcept : object_(other.release()) {}
    Owned& operator=(Owned&& other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~Owned() { destroy(object_); }
    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    T* release() { return std::exchange(object_, nullptr); }
    void reset(T* object = nullptr) {
        destroy(object_);
        object_ = object;
    }

private:
    T* object_ = nullptr;
};

// A zeroed array of trivial elements; empty when there was no memory (check with operator bool).
template <typename T>
class Buffer {
    static_assert(__is_trivially_copyable(T));

public:
    Buffer() = default;
    explicit Buffer(size_t count) : data_(static_cast<T*>(nest_port_alloc(count * sizeof(T)))), count_(data_ ? count : 0) {}
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Buffer() { nest_port_free(data_); }
    explicit operator bool() const { return data_ != nullptr; }
    T* data() const { return data_; }
    size_t size() const { return count_; }
    T& operator[](size_t i) const { return data_[i]; }
    T* begin() const { return data_; }
    T* end() const { return data_ + count_; }

private:
    T* data_ = nullptr;
    size_t count_ = 0;
};

}  // namespace nest
