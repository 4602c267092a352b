// AVX-512 with VNNI: Cascade Lake, Ice Lake, Zen 4 and later.

#include <immintrin.h>

#include <cstring>

#include "kernel.hpp"

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
    static Packed pair(const std::int16_t* features) {
        std::int32_t both;
        std::memcpy(&both, features, sizeof both);
        return _mm512_set1_epi32(both);
    }
    static Vector add_products(Vector sum, Packed weights, Packed by) {
        return _mm512_dpwssd_epi32(sum, weights, by);
    }
    // Packs the units of each 128 bits of a, then those of b.
    static Packed activate(Vector a, Vector b, Packed low) {
        const Packed both = _mm512_packs_epi32(_mm512_srai_epi32(a, 8), _mm512_srai_epi32(b, 8));
        return _mm512_max_epi16(_mm512_min_epi16(both, _mm512_set1_epi16(8191)), low);
    }
    static void make_features(
        std::int16_t* to, const Features& features, bool on, std::int64_t number, std::int64_t turned
    ) {
        const __m256i far = _mm256_set1_epi64x(std::int64_t{1} << 40);
        const __m256i from = _mm256_mask_set1_epi64(_mm256_set1_epi64x(number), features.relative, turned);
        const __m256i apart = _mm256_sub_epi64(from, load4(features.center));
        const __m256i limited = _mm256_max_epi64(
            _mm256_min_epi64(apart, far), _mm256_sub_epi64(_mm256_setzero_si256(), far)
        );
        const __m256i product = _mm256_mullo_epi64(limited, load4(features.multiplier));
        const __m256i scaled = _mm256_srav_epi64(product, load4(features.shift));
        const __m256i clamped = _mm256_max_epi64(
            _mm256_min_epi64(scaled, _mm256_set1_epi64x(511)), _mm256_set1_epi64x(-512)
        );
        __m256i made = _mm256_mask_abs_epi64(clamped, features.magnitude, clamped);
        if (features.wave != 0) {
            const __m256i half = _mm256_and_si256(scaled, _mm256_set1_epi64x(511));
            const __m256i rest = _mm256_sub_epi64(_mm256_set1_epi64x(512), half);
            const __m256i wave = _mm256_srli_epi64(_mm256_mul_epu32(half, rest), 7);
            const __mmask8 down = _mm256_test_epi64_mask(scaled, _mm256_set1_epi64x(512));
            made = _mm256_mask_mov_epi64(made, features.wave, wave);
            made = _mm256_mask_sub_epi64(made, features.wave & down, _mm256_setzero_si256(), wave);
        }
        const __mmask8 all = static_cast<__mmask8>(0 - on);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm256_maskz_cvtepi64_epi16(all, made));
    }
    static __m256i load4(const std::int64_t* from) {
        return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
    }
    static void store_totals(std::int32_t* to, const Vector (&v)[4], const std::int32_t* offsets) {
        const Vector ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
        const Vector cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
        const Vector all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
        const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
        const __m128i start = _mm_load_si128(reinterpret_cast<const __m128i*>(offsets));
        _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm_add_epi32(sums, start));
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"

namespace baler {

const Level LEVEL_AVX512{"avx512", Simd::units, code_lanes<false>, code_lanes<true>};

}  // namespace baler
