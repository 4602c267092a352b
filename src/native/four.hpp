// Vectors of one number for each lane of a quad, for one level of instructions: compilers have them as types.
// This file and those that include it are for files that are compiled for one level: everything is in an unnamed
// namespace, as no other file may call what this level was compiled to.

#pragma once

#include <cstring>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "kernel.hpp"

#define BALER_INLINE inline __attribute__((always_inline))
#define BALER_APART __attribute__((noinline))  // has all registers for itself
#define BALER_UNROLL _Pragma("GCC unroll 8")

namespace baler {
namespace {

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;
using std::uintptr_t;

using Ints = int32_t __attribute__((vector_size(16)));
using UInts = uint32_t __attribute__((vector_size(16)));
using Longs = int64_t __attribute__((vector_size(32)));
using Bits = uint64_t __attribute__((vector_size(32)));
using Reals = double __attribute__((vector_size(32)));

template <class V, class T>
BALER_INLINE V four(const T* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class V, class T>
BALER_INLINE void put(T* to, V v) {
    std::memcpy(to, &v, sizeof v);
}

BALER_INLINE Ints ints(int32_t x) { return Ints{} + x; }
BALER_INLINE Longs longs(int64_t x) { return Longs{} + x; }
BALER_INLINE Longs widened(Ints x) { return __builtin_convertvector(x, Longs); }
BALER_INLINE Ints narrowed(Longs x) { return __builtin_convertvector(x, Ints); }

// Comparisons give -1 where they hold, 0 elsewhere.
template <class V>
BALER_INLINE V chosen(V mask, V yes, V no) {
    return mask ? yes : no;
}

template <class V>
BALER_INLINE V clamped(V x, V low, V high) {
    const V most = x < high ? x : high;
    return most > low ? most : low;
}

BALER_INLINE Ints clamped(Ints x, int32_t low, int32_t high) { return clamped(x, ints(low), ints(high)); }
BALER_INLINE Longs clamped(Longs x, int64_t low, int64_t high) { return clamped(x, longs(low), longs(high)); }

// One bit for each lane of a mask.
BALER_INLINE int bits_of(Ints mask) {
#ifdef __SSE2__
    return _mm_movemask_ps(reinterpret_cast<__m128>(mask));
#else
    return (mask[0] & 1) | (mask[1] & 2) | (mask[2] & 4) | (mask[3] & 8);
#endif
}

BALER_INLINE bool any(Ints mask) { return bits_of(mask) != 0; }

// x >> by, rounded down
BALER_INLINE Longs shifted(Longs x, Longs by) {
#if defined(__AVX2__) && !defined(__AVX512VL__)  // shifts by different numbers of bits fill up with 0 only
    const Longs sign = x < 0;
    return reinterpret_cast<Longs>(reinterpret_cast<Bits>(x ^ sign) >> reinterpret_cast<Bits>(by)) ^ sign;
#else
    return x >> by;
#endif
}

BALER_INLINE Ints looked_up(const int32_t* table, Ints at) {
    return Ints{table[at[0]], table[at[1]], table[at[2]], table[at[3]]};
}

// Calls with each lane of a mask.
template <class Function>
BALER_INLINE void for_lanes(int bits, const Function& function) {
    for (; bits != 0; bits &= bits - 1) function(__builtin_ctz(static_cast<unsigned>(bits)));
}

template <class T>
BALER_INLINE T clamp(T x, T low, T high) {
    return x < low ? low : x > high ? high : x;
}

// Finds the pairs of features that are not 0, and which they are; returns how many.
BALER_INLINE int pairs_one_by_one(int32_t* pair, int32_t* at, const int16_t* from, int features) {
    int used = 0;
    for (int k = 0; k < features; k += 2) {
        const int32_t first = from[k], second = k + 1 < features ? from[k + 1] : 0;
        pair[used] = (first & 0xffff) | second << 16;
        at[used] = k / 2;
        used += (first | second) != 0;
    }
    return used;
}

BALER_INLINE int length_of(uint64_t x) { return x == 0 ? 0 : 64 - __builtin_clzll(x); }

}  // namespace
}  // namespace baler
