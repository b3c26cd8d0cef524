// SPDX-License-Identifier: GPL-2.0-only
// Sparse: an array by 16-bit number, of which only those pieces have memory that were once wanted.
#pragma once
#include <base/memory.hpp>

namespace nest::vgic {

// T is trivial; an element is all zero until somebody sets it.
template <typename T>
class Sparse {
public:
    // Null: there is no memory for it, so that it is all zero.
    T* find(u32 number) const {
        const Buffer<T>& piece = pieces_[number / kPiece];
        return piece ? &piece[number % kPiece] : nullptr;
    }
    // Null: ENOMEM. Sleeps.
    T* find_or_make(u32 number) {
        Buffer<T>& piece = pieces_[number / kPiece];
        if (!piece)
            piece = Buffer<T>(kPiece);
        return find(number);
    }
    // f(number, element) for all that have memory, in order; until f says false.
    template <typename F>
    void for_each(F&& f) const {
        for (u32 p = 0; p < kPieces; p++)
            for (u32 n = 0; n < pieces_[p].size(); n++)
                if (!f(p * kPiece + n, pieces_[p][n]))
                    return;
    }
    void free_all() {
        for (Buffer<T>& piece : pieces_)
            piece = Buffer<T>();
    }

private:
    static constexpr u32 kPiece = 256, kPieces = 256;
    Buffer<T> pieces_[kPieces];
};

}  // namespace nest::vgic
