// SPDX-License-Identifier: GPL-2.0-only
// Atomic and AtomicRef: what each operation leaves behind and gives back. That they are atomic, the tests with threads see.
#include <base/atomic.hpp>
#include <base/types.hpp>
#include <gtest/gtest.h>

namespace nest {
namespace {

// The same of both: `word` is 0x0f to begin with.
template <typename Word>
void check_operations(Word& word) {
    EXPECT_EQ(word.load_relaxed(), 0x0fu);
    EXPECT_EQ(word.fetch_or_release(0x30), 0x0fu);
    EXPECT_EQ(word.fetch_or_acq_rel(0xc0), 0x3fu);
    EXPECT_EQ(word.fetch_and_acq_rel(0xfe), 0xffu);
    EXPECT_EQ(word.fetch_add_relaxed(2), 0xfeu);
    EXPECT_EQ(word.fetch_sub_acq_rel(1), 0x100u);
    EXPECT_EQ(word.exchange_acq_rel(7), 0xffu);
    u64 expected = 8;
    EXPECT_FALSE(word.compare_exchange_acq_rel(expected, 9));
    EXPECT_EQ(expected, 7u) << "what was found";
    EXPECT_TRUE(word.compare_exchange_acq_rel(expected, 9));
    EXPECT_EQ(word.load_acquire(), 9u);
    word.store_release(10);
    EXPECT_EQ(word.load_relaxed(), 10u);
    word.store_relaxed(11);
}

TEST(Atomic, Operations) {
    Atomic<u64> word(0x0f);
    check_operations(word);
    EXPECT_EQ(word.load_acquire(), 11u);
    EXPECT_EQ(Atomic<u64>().load_relaxed(), 0u);
}

TEST(AtomicRef, WorksOnTheWordItself) {
    u64 words[] = {1, 0x0f, 2};
    AtomicRef word(words[1]);
    check_operations(word);
    EXPECT_EQ(words[0], 1u);
    EXPECT_EQ(words[1], 11u);
    EXPECT_EQ(words[2], 2u);
    const u64& to_read = words[2];
    EXPECT_EQ(AtomicRef(to_read).load_acquire(), 2u);
    u8 byte = 1;
    AtomicRef(byte).store_relaxed(0xff);
    EXPECT_EQ(AtomicRef(byte).load_relaxed(), 0xff);
}

}  // namespace
}  // namespace nest
