// Momenta of particles, for one level of instructions: the same bits as baler.learned.derived, whose elementary
// functions are those of baler.quantise.elementary, operation by operation.

#pragma once

#include "columns.hpp"

namespace baler {
namespace {

constexpr double SIN[] = {0x1.5d93a5acfd57cp-33,  -0x1.ae5e68a2b9cebp-26, 0x1.71de357b1fe7dp-19,
                          -0x1.a01a019c161d5p-13, 0x1.111111110f8a6p-7,   -0x1.5555555555549p-3};
constexpr double COS[] = {-0x1.8fae9be8838d4p-37, 0x1.1ee9ebdb4b1c4p-29,  -0x1.27e4f809c52adp-22,
                          0x1.a01a019cb1590p-16,  -0x1.6c16c16c15177p-10, 0x1.555555555554cp-5};
constexpr double EXP[] = {0x1.6376972bea4d0p-25, -0x1.bbd41c5d26bf1p-20, 0x1.1566aaf25de2cp-14,
                          -0x1.6c16c16bebd93p-9, 0x1.555555555553ep-3};
constexpr double SINH[] = {1.0 / 121645100408832000.0, 1.0 / 355687428096000.0, 1.0 / 1307674368000.0,
                           1.0 / 6227020800.0, 1.0 / 39916800.0, 1.0 / 362880.0, 1.0 / 5040.0, 1.0 / 120.0, 1.0 / 6.0};

template <size_t N>
BALER_INLINE double polynomial(const double (&coefficients)[N], double x) {
    double total = coefficients[0];
    BALER_UNROLL
    for (size_t k = 1; k < N; ++k) total = total * x + coefficients[k];
    return total;
}

struct Turned {
    double sine, cosine;
};

BALER_INLINE Turned sin_cos(double x) {
    const bool inside = __builtin_fabs(x) < 0x1p20;
    const double nearest = __builtin_rint(x * 0x1.45f306dc9c883p-1), quarters = inside ? nearest : 0.0;
    const double reduced = ((x - quarters * 0x1.921fb54400000p+0) - quarters * 0x1.0b4611a600000p-34) -
                           quarters * 0x1.3198a2e037073p-69;
    const double r = inside ? reduced : __builtin_nan(""), square = r * r;
    const double sine = r + (r * square) * polynomial(SIN, square);
    const double half = 0.5 * square, whole = 1.0 - half, rest = (square * square) * polynomial(COS, square);
    const double cosine = whole + (((1.0 - whole) - half) + rest);
    const int64_t quadrant = int64_t(quarters) & 3;
    const bool odd = (quadrant & 1) != 0;
    const uint64_t sine_sign = uint64_t(quadrant >> 1) << 63, cosine_sign = uint64_t((quadrant + 1) >> 1 & 1) << 63;
    return {
        from_pattern<double>(pattern(odd ? cosine : sine) ^ sine_sign),
        from_pattern<double>(pattern(odd ? sine : cosine) ^ cosine_sign),
    };
}

BALER_INLINE double exp(double x) {
    const double low_limit = x < -708.0 ? -708.0 : x, limited = low_limit > 708.0 ? 708.0 : low_limit;
    const double power = __builtin_rint(limited * 0x1.71547652b82fep+0);
    const double high = limited - power * 0x1.62e42fee00000p-1, low = power * 0x1.a39ef35793c76p-33;
    const double r = high - low, square = r * r, c = r - square * polynomial(EXP, square);
    const double found = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    const int64_t exponent = int64_t(power == power ? power : 0.0);
    return found * from_pattern<double>(uint64_t(exponent + 1023) << 52);
}

// The components of momenta, and their magnitudes.
void find_momenta(const double* pt, const double* eta, const double* phi, int64_t size, double* const (&to)[4]) {
    for (int64_t first = 0; first < size; first += RUN) {
        const int count = int(size - first < RUN ? size - first : RUN);
        const double *const t = pt + first, *const h = eta + first, *const f = phi + first;
        double found[4][RUN];
        for (int i = 0; i < count; ++i) {
            const Turned turned = sin_cos(f[i]);
            found[0][i] = t[i] * turned.cosine;
            found[1][i] = t[i] * turned.sine;
        }
        for (int i = 0; i < count; ++i) {
            const double along = h[i], square = along * along, power = exp(__builtin_fabs(along));
            const double near = along + (along * square) * polynomial(SINH, square), inverse = 1.0 / power;
            const double far = __builtin_copysign(0.5 * (power - inverse), along);
            found[2][i] = t[i] * (__builtin_fabs(along) < 1.0 ? near : far);
            found[3][i] = t[i] * (0.5 * (power + inverse));
        }
        for (int k = 0; k < 4; ++k) std::memcpy(to[k] + first, found[k], sizeof(double) * size_t(count));
    }
}

}  // namespace
}  // namespace baler
