// SPDX-License-Identifier: GPL-2.0-only
// All of SVE's registers at once, as a pattern of their own that a program loads, keeps for a while and compares. At any EL that may
// use SVE; the compiler must use no vector register between load() and store().
#pragma once

// Z0 to Z31 at operand 0, P0 to P15 at operand 1.
#define NEST_EACH_Z(op)                                                                                                  \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, " \
    "29, 30, 31\n\t" op " z\\n, [%0, #\\n, mul vl]\n\t.endr\n\t"
#define NEST_EACH_P(op) ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t" op " p\\n, [%1, #\\n, mul vl]\n\t.endr\n\t"

namespace nest::guests {

class SvePattern {
public:
    using Byte = unsigned char;
    // A vector has at most 256 bytes. P15 is followed by FFR, whose true elements all come first.
    static constexpr unsigned kLongest = 256, kZ = 32, kP = 17;
    static constexpr unsigned bytes(unsigned vector) { return kZ * vector + kP * vector / 8; }

    static unsigned vector_bytes() {
        unsigned long n;
        asm volatile(".arch_extension sve\n\trdvl %0, #1" : "=r"(n));
        return static_cast<unsigned>(n);
    }

    // Bytes of a generator that `seed` starts.
    void make(unsigned vector, unsigned long seed) {
        vector_ = vector;
        for (unsigned i = 0; i < bytes(vector); i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            image_[i] = static_cast<Byte>(seed >> 33);
        }
        Byte* const ffr = image_ + kZ * vector + (kP - 1) * vector / 8;
        for (unsigned i = 0; i < vector / 8; i++)
            ffr[i] = i < (seed >> 40) % (vector / 8) ? 0xff : 0;
    }
    void load() const {
        asm volatile(".arch_extension sve\n\t"
                     "ldr p0, [%1, #16, mul vl]\n\twrffr p0.b\n\t"
                     NEST_EACH_P("ldr")
                     NEST_EACH_Z("ldr")
                     ::"r"(image_), "r"(image_ + kZ * vector_) : "memory");
    }
    void store() {
        asm volatile(".arch_extension sve\n\t"
                     NEST_EACH_Z("str")
                     NEST_EACH_P("str")
                     "rdffr p0.b\n\tstr p0, [%1, #16, mul vl]"
                     ::"r"(image_), "r"(image_ + kZ * vector_) : "memory");
    }
    // The number of bytes that differ.
    unsigned differ(const SvePattern& other) const {
        unsigned n = 0;
        for (unsigned i = 0; i < bytes(vector_); i++)
            n += image_[i] != other.image_[i];
        return n;
    }
    void prepare_like(const SvePattern& other) { vector_ = other.vector_; }

private:
    alignas(16) Byte image_[kZ * kLongest + kP * kLongest / 8];
    unsigned vector_ = 0;
};

}  // namespace nest::guests

#undef NEST_EACH_Z
#undef NEST_EACH_P
