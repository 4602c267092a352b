// AVX2: x86 processors since 2013.

#include <immintrin.h>

#include <cstring>

#include "features.hpp"
#include "kernel.hpp"

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
    static Packed pair(const std::int16_t* features) {
        std::int32_t both;
        std::memcpy(&both, features, sizeof both);
        return _mm256_set1_epi32(both);
    }
    static Vector add_products(Vector sum, Packed weights, Packed by) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, by));
    }
    // Packs the units of each 128 bits of a, then those of b.
    static Packed activate(Vector a, Vector b, Packed low) {
        const Packed both = _mm256_packs_epi32(_mm256_srai_epi32(a, 8), _mm256_srai_epi32(b, 8));
        return _mm256_max_epi16(_mm256_min_epi16(both, _mm256_set1_epi16(8191)), low);
    }
    static void make_features(
        std::int16_t* to, const Features& features, bool on, std::int64_t number, std::int64_t turned
    ) {
        for (int k = 0; k < features.count; ++k) {
            to[k] = on ? feature_of(features, k, number, turned) : std::int16_t{0};
        }
    }
    static void store_totals(std::int32_t* to, const Vector (&v)[4], const std::int32_t* offsets) {
        const Vector all = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
        const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
        const __m128i start = _mm_load_si128(reinterpret_cast<const __m128i*>(offsets));
        _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm_add_epi32(sums, start));
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"

namespace baler {

const Level LEVEL_AVX2{"avx2", Simd::units, code_lanes<false>, code_lanes<true>};

}  // namespace baler
