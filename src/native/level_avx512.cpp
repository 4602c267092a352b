// AVX-512 with VNNI: Cascade Lake, Ice Lake, Zen 4 and later.

#include <immintrin.h>

#include <cstring>

#include "four.hpp"

namespace baler {
namespace {

struct Simd {
    static constexpr int units = 16;
    static constexpr int lanes = 4, vectors = 4;
    using Vector = __m512i;
    using Packed = __m512i;

    static Vector load(const std::int32_t* from) { return _mm512_load_si512(from); }
    static Packed load(const std::int16_t* from) { return _mm512_load_si512(from); }
    static void store(std::int32_t* to, Vector v) { _mm512_store_si512(to, v); }
    static void store(std::int16_t* to, Packed v) { _mm512_store_si512(to, v); }
    static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }

    // Two features, in each unit.
    static Packed pair(std::int32_t features) { return _mm512_set1_epi32(features); }
    static Vector add_products(Vector sum, Packed weights, Packed by) {
        return _mm512_dpwssd_epi32(sum, weights, by);
    }
    // Packs the units of each 128 bits of a, then those of b.
    static Packed activate(Vector a, Vector b, Packed low) {
        const Packed both = _mm512_packs_epi32(_mm512_srai_epi32(a, 8), _mm512_srai_epi32(b, 8));
        return _mm512_max_epi16(_mm512_min_epi16(both, _mm512_set1_epi16(8191)), low);
    }
    // Finds the pairs of features that are not 0, and which they are; returns how many.
    static int find_pairs(std::int32_t* pair, std::int32_t* at, const std::int16_t* from, int features) {
        int used = 0;
        __m512i which = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (int k = 0; k < features; k += 32) {
            const __mmask32 there = features - k < 32 ? (1u << (features - k)) - 1 : ~0u;
            const __m512i some = _mm512_maskz_loadu_epi16(there, from + k);
            const __mmask16 found = _mm512_test_epi32_mask(some, some);
            _mm512_storeu_si512(pair + used, _mm512_maskz_compress_epi32(found, some));
            _mm512_storeu_si512(at + used, _mm512_maskz_compress_epi32(found, which));
            used += __builtin_popcount(found);
            which = _mm512_add_epi32(which, _mm512_set1_epi32(16));
        }
        return used;
    }
    // Adds the units of each vector, and an offset for each row.
    static void store_totals(
        std::int32_t (&to)[4][4], int, const Vector (&v)[4][4], const std::int32_t* offsets
    ) {
        BALER_UNROLL
        for (int row = 0; row < 4; ++row) {
            const __m128i totals = all(v[0][row], v[1][row], v[2][row], v[3][row]);
            const __m128i start = _mm_set1_epi32(offsets[row]);
            _mm_store_si128(reinterpret_cast<__m128i*>(to[row]), _mm_add_epi32(totals, start));
        }
    }

private:
    // The sum of the units of each.
    static __m128i all(Vector a, Vector b, Vector c, Vector d) {
        const Vector ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        const Vector cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        const Vector abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
        return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"
#include "momenta.hpp"

namespace baler {

const Level LEVEL_AVX512{"avx512", Simd::units, code_lanes<false>, code_lanes<true>, columns_of, find_momenta};

}  // namespace baler
