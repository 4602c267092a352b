// AVX2: x86 processors since 2013.

#include <immintrin.h>

#include <cstring>

#include "four.hpp"

namespace baler {
namespace {

struct Simd {
    static constexpr int units = 8;
    static constexpr int lanes = 2, vectors = 4;
    using Vector = __m256i;
    using Packed = __m256i;

    static __m256i load(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
    static void store(void* to, __m256i v) { _mm256_store_si256(static_cast<__m256i*>(to), v); }
    static Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }

    // Two features, in each unit.
    static Packed pair(std::int32_t features) { return _mm256_set1_epi32(features); }
    static Vector add_products(Vector sum, Packed weights, Packed by) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, by));
    }
    // Packs the units of each 128 bits of a, then those of b.
    static Packed activate(Vector a, Vector b, Packed low) {
        const Packed both = _mm256_packs_epi32(_mm256_srai_epi32(a, 8), _mm256_srai_epi32(b, 8));
        return _mm256_max_epi16(_mm256_min_epi16(both, _mm256_set1_epi16(8191)), low);
    }
    static int find_pairs(std::int32_t* pair, std::int32_t* at, const std::int16_t* from, int features) {
        return pairs_one_by_one(pair, at, from, features);
    }
    // Adds the units of each vector, and an offset for each row.
    static void store_totals(
        std::int32_t (&to)[4][4], int from, const Vector (&v)[2][4], const std::int32_t* offsets
    ) {
        BALER_UNROLL
        for (int row = 0; row < 4; row += 2) {
            const Vector first = _mm256_hadd_epi32(v[0][row], v[1][row]);
            const Vector second = _mm256_hadd_epi32(v[0][row + 1], v[1][row + 1]);
            const Vector all = _mm256_hadd_epi32(first, second);
            const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
            const __m128i start = _mm_shuffle_epi32(
                _mm_loadl_epi64(reinterpret_cast<const __m128i*>(offsets + row)), _MM_SHUFFLE(1, 1, 0, 0)
            );
            const __m128i totals = _mm_add_epi32(sums, start);
            _mm_storel_epi64(reinterpret_cast<__m128i*>(to[row] + from), totals);
            _mm_storel_epi64(reinterpret_cast<__m128i*>(to[row + 1] + from), _mm_srli_si128(totals, 8));
        }
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"
#include "momenta.hpp"

namespace baler {

const Level LEVEL_AVX2{"avx2", Simd::units, code_lanes<false>, code_lanes<true>, columns_of, find_momenta};

}  // namespace baler
