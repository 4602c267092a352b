// Any processor: the vectors of 128 bits that most have, and whatever a compiler makes of them where there are none.

#include "four.hpp"

#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

namespace baler {
namespace {

struct Simd {
    static constexpr int units = 4;
    static constexpr int lanes = 2, vectors = 4;
    using Vector = Ints;
    using Packed = std::int16_t __attribute__((vector_size(16)));

    static Vector load(const std::int32_t* from) { return four<Vector>(from); }
    static Packed load(const std::int16_t* from) { return four<Packed>(from); }
    static void store(std::int32_t* to, Vector v) { put(to, v); }
    static void store(std::int16_t* to, Packed v) { put(to, v); }
    static Vector add(Vector a, Vector b) { return a + b; }

    // Two features, in each unit.
    static Packed pair(std::int32_t features) { return reinterpret_cast<Packed>(ints(features)); }
    static Vector add_products(Vector sum, Packed weights, Packed by) {
#if defined(__SSE2__)
        const auto a = reinterpret_cast<__m128i>(weights), b = reinterpret_cast<__m128i>(by);
        return sum + reinterpret_cast<Vector>(_mm_madd_epi16(a, b));
#elif defined(__ARM_NEON) && defined(__aarch64__)
        const auto a = reinterpret_cast<int16x8_t>(weights), b = reinterpret_cast<int16x8_t>(by);
        const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
        return sum + reinterpret_cast<Vector>(vpaddq_s32(low, high));
#else
        const auto a = reinterpret_cast<Vector>(weights), b = reinterpret_cast<Vector>(by);
        return sum + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
    }
    static Packed activate(Vector a, Vector b, Packed low) {
#if defined(__SSE2__)
        const __m128i both = _mm_packs_epi32(reinterpret_cast<__m128i>(a >> 8), reinterpret_cast<__m128i>(b >> 8));
        const __m128i limited = _mm_min_epi16(both, _mm_set1_epi16(8191));
        return reinterpret_cast<Packed>(_mm_max_epi16(limited, reinterpret_cast<__m128i>(low)));
#else
        using Half = std::int16_t __attribute__((vector_size(8)));
        const Half halves[2] = {
            __builtin_convertvector(clamped(a >> 8, -8192, 8191), Half),
            __builtin_convertvector(clamped(b >> 8, -8192, 8191), Half),
        };
        const Packed both = four<Packed>(halves);
        return both > low ? both : low;
#endif
    }
    static int find_pairs(std::int32_t* pair, std::int32_t* at, const std::int16_t* from, int features) {
        return pairs_one_by_one(pair, at, from, features);
    }
    // Adds the units of each vector, and an offset for each row.
    static void store_totals(
        std::int32_t (&to)[4][4], int from, const Vector (&v)[2][4], const std::int32_t* offsets
    ) {
        BALER_UNROLL
        for (int row = 0; row < 4; ++row) {
            BALER_UNROLL
            for (int lane = 0; lane < 2; ++lane) {
                const Vector sum = v[lane][row];
                to[row][from + lane] = offsets[row] + sum[0] + sum[1] + sum[2] + sum[3];
            }
        }
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"
#include "momenta.hpp"

namespace baler {

const Level LEVEL_PORTABLE{"portable", 0, code_lanes<false>, code_lanes<true>, columns_of, find_momenta};

}  // namespace baler
