// Columns and their axes, for one level of instructions: the same bits as the methods of baler.learned.axis.Axis.
//
// A run of values stays in the nearest cache while one loop after the other goes over it: what these do is simple
// enough for compilers to make vectors of it.

#pragma once

#include "axis.hpp"
#include "four.hpp"

namespace baler {
namespace {

constexpr int RUN = 512;

// ---- Lattices ---------------------------------------------------------------------------------------------

template <size_t SIZE>
struct BitsOf;
template <>
struct BitsOf<1> { using type = uint8_t; };
template <>
struct BitsOf<2> { using type = uint16_t; };
template <>
struct BitsOf<4> { using type = uint32_t; };
template <>
struct BitsOf<8> { using type = uint64_t; };

template <class T>
using Pattern = typename BitsOf<sizeof(T)>::type;

template <class T>
BALER_INLINE Pattern<T> pattern(T value) {
    return __builtin_bit_cast(Pattern<T>, value);
}

template <class T>
BALER_INLINE T from_pattern(Pattern<T> bits) {
    return __builtin_bit_cast(T, bits);
}

template <class T>
constexpr bool IS_FLOAT = T(0.5) != T(0);

template <class T>
BALER_INLINE bool is_finite(T value) {
    if constexpr (IS_FLOAT<T>) {
        constexpr auto TOP = Pattern<T>(sizeof(T) == 4 ? 0x7f800000 : 0x7ff0000000000000);
        return (pattern(value) & TOP) != TOP;
    }
    return true;
}

// The nearest integer, halves to even; 0 if there is none below 2 ** 62.
BALER_INLINE int64_t rounded(double ratio) {
    const double whole = __builtin_rint(ratio);
    return int64_t(__builtin_fabs(whole) < 0x1p62 ? whole : 0.0);
}

struct OfIntegers {
    BALER_INLINE explicit OfIntegers(const Axis&, int64_t) {}
    template <class T>
    BALER_INLINE int64_t nearest(T value, int) const {
        return int64_t(value);
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int) const {
        return T(number);
    }
};

struct OfBits {
    int shift;
    BALER_INLINE explicit OfBits(const Axis& axis, int64_t) : shift(axis.shift) {}
    template <class T>
    BALER_INLINE int64_t nearest(T value, int) const {
        constexpr int SIGN = 8 * sizeof(T) - 1;
        const uint64_t bits = pattern(value), magnitude = bits & ((uint64_t{1} << SIGN) - 1);
        const uint64_t half = (uint64_t{1} << shift) >> 1;
        const auto number = int64_t((magnitude >> shift) + ((magnitude & half) != 0));
        return number ^ -int64_t(bits >> SIGN);
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int) const {
        constexpr int SIGN = 8 * sizeof(T) - 1;
        const uint64_t sign = uint64_t(number) >> 63;
        const uint64_t magnitude = (uint64_t(number) ^ (0 - sign)) << shift;
        return from_pattern<T>(Pattern<T>((magnitude & ((uint64_t{1} << SIGN) - 1)) | sign << SIGN));
    }
};

struct OfDecimal {
    double power;
    BALER_INLINE explicit OfDecimal(const Axis& axis, int64_t) : power(axis.step) {}
    template <class T>
    BALER_INLINE int64_t nearest(T value, int) const {
        return rounded(double(value) * power);
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int) const {
        return T(double(number) / power);
    }
};

struct OfUniform {
    double step;
    BALER_INLINE explicit OfUniform(const Axis& axis, int64_t) : step(axis.step) {}
    template <class T>
    BALER_INLINE int64_t nearest(T value, int) const {
        return rounded(double(value) / step);
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int) const {
        return T(double(number) * step);
    }
};

struct OfScaled {
    const double* steps;
    BALER_INLINE explicit OfScaled(const Axis& axis, int64_t first) : steps(axis.steps + first) {}
    template <class T>
    BALER_INLINE int64_t nearest(T value, int i) const {
        return rounded(double(value) / steps[i]);
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int i) const {
        return T(double(number) * steps[i]);
    }
};

// Parameters are copied: what is written might be they, for all that compilers know.
struct OfLogarithmic {
    static constexpr int64_t ONE = int64_t{1023} << 52;
    static constexpr int64_t FARTHEST = int64_t{1} << 50;

    const double* powers;
    const int64_t *edges, *start;
    int64_t bins, octaves, before, within;
    int start_shift, period_shift;
    double inverse;  // of bins, for a guess

    BALER_INLINE explicit OfLogarithmic(const Axis& axis, int64_t)
        : powers(axis.powers), edges(axis.edges), start(axis.start), bins(axis.bins), octaves(axis.octaves),
          before(axis.lowest - 1), within((axis.octaves << 52) - 1), start_shift(axis.start_shift),
          period_shift(axis.period_shift), inverse(1.0 / double(axis.bins)) {}

    template <class T>
    BALER_INLINE int64_t nearest(T value, int) const {
        const auto bits = int64_t(pattern(double(value)));
        const int64_t magnitude = bits & INT64_MAX, key = magnitude - ONE, part = key & within;
        const int64_t guess = start[part >> start_shift];
        const int64_t bin = (key >> period_shift) * bins + guess + (part >= edges[guess + 1]);
        const int64_t positive = bin - before > 1 ? bin - before : 1;
        const bool inside = magnitude >= int64_t{1} << 52 && magnitude < int64_t{2047} << 52;
        return inside ? (bits < 0 ? -positive : positive) : 0;
    }
    template <class T>
    BALER_INLINE T value(int64_t number, int) const {
        const int64_t magnitude = clamp<int64_t>(number < 0 ? -number : number, 0, FARTHEST);
        const int64_t k = magnitude + before;
        const double guess = double(k) * inverse;  // off by one at most, rounded down
        const auto whole = int64_t(guess), low = whole - (double(whole) > guess), rest = k - low * bins;
        const int64_t off = (rest < 0) - (rest >= bins), period = low - off, bin = rest + off * bins;
        const int64_t exponent = clamp<int64_t>(period * octaves, -1200, 1200);
        const double power = powers[bin] * scale(exponent / 2) * scale(exponent - exponent / 2);
        const uint64_t sign = uint64_t(number) & uint64_t(INT64_MIN), there = 0 - uint64_t(number != 0);
        return T(from_pattern<double>((pattern(power) & there) | sign));
    }

private:
    // 2 ** exponent; of two factors the first loses nothing, so that it is rounded once.
    static BALER_INLINE double scale(int64_t exponent) { return from_pattern<double>(uint64_t(exponent + 1023) << 52); }
};

// ---- Columns ----------------------------------------------------------------------------------------------

// Calls for each run: function(lattice, first value, how many).
template <class L, class Function>
BALER_INLINE void for_runs(const Axis& axis, int64_t size, const Function& function) {
    for (int64_t first = 0; first < size; first += RUN) {
        function(L(axis, first), first, int(size - first < RUN ? size - first : RUN));
    }
}

BALER_INLINE bool is_on(uint8_t kind, uint8_t on) { return uint8_t(kind - on) < 2; }

// Classes and numbers of a run, of which the numbers on the lattice are known, and which of these are too far away.
template <class T>
BALER_INLINE void classify(
    const Axis& axis, const T* values, int size, const uint8_t* far, uint8_t* classes, int64_t* numbers
) {
    const auto on = uint8_t(axis.atoms);
    if (axis.is_signed) {
        for (int i = 0; i < size; ++i) {
            classes[i] = uint8_t(on + (numbers[i] < 0));
            numbers[i] = numbers[i] < 0 ? -numbers[i] : numbers[i];
        }
    } else {
        for (int i = 0; i < size; ++i) classes[i] = on;
    }
    for (int i = 0; i < size; ++i) classes[i] = far[i] ? uint8_t(on + 2) : classes[i];
    for (int k = axis.atoms; k-- > 0;) {
        const auto atom = Pattern<T>(axis.atom[size_t(k)]);
        for (int i = 0; i < size; ++i) classes[i] = pattern(values[i]) == atom ? uint8_t(k) : classes[i];
    }
    const int64_t center = axis.center;
    for (int i = 0; i < size; ++i) {
        const int64_t number = numbers[i];
        numbers[i] = is_on(classes[i], on) ? number : center;
    }
}

template <class L, class T>
BALER_INLINE void find_nearest(const L& lattice, const T* values, int size, uint8_t* far, int64_t* numbers) {
    for (int i = 0; i < size; ++i) numbers[i] = lattice.nearest(values[i], i);
    for (int i = 0; i < size; ++i) {
        far[i] = numbers[i] <= -MAX_NUMBER || numbers[i] >= MAX_NUMBER || !is_finite(values[i]);
    }
}

template <class T, class L>
void split_column(const Axis& axis, const void* from, int64_t size, uint8_t* classes, int64_t* numbers) {
    const T* const values = static_cast<const T*>(from);
    for_runs<L>(axis, size, [&](const L& lattice, int64_t first, int count) {
        uint8_t far[RUN];
        find_nearest(lattice, values + first, count, far, numbers + first);
        classify(axis, values + first, count, far, classes + first, numbers + first);
    });
}

// error / limit of each value of a run; infinite where a special value is not the same.
template <class T>
BALER_INLINE void find_errors(
    const Bound& bound, const T* values, const T* back, int64_t first, int size, double* ratios
) {
    const auto divide = [&](const auto& limit) {
        for (int i = 0; i < size; ++i) {
            const double original = double(values[i]), error = __builtin_fabs(double(back[i]) - original);
            ratios[i] = error / limit(original, i);
        }
    };
    const double most = bound.most, *limits = bound.limits + first;
    switch (bound.promise) {
        case Promise::exact: divide([](double, int) { return -1.0; }); break;
        case Promise::absolute: divide([=](double, int) { return most; }); break;
        case Promise::relative: divide([=](double original, int) { return most * __builtin_fabs(original); }); break;
        case Promise::each: divide([=](double, int i) { return limits[i]; }); break;
    }
    const bool exact = bound.promise == Promise::exact;
    for (int i = 0; i < size; ++i) {
        const double ratio = ratios[i];
        const bool usual = (ratio >= 0) & is_finite(values[i]) & (values[i] != T(0)) & !exact;
        const double special = pattern(values[i]) == pattern(back[i]) ? 0.0 : __builtin_inf();
        ratios[i] = usual ? ratio : special;
    }
}

template <class T, class L>
Fitted fit_column(
    const Axis& axis, const Bound& bound, const void* from, int64_t size, uint8_t* classes, int64_t* numbers, void* to
) {
    const T* const all = static_cast<const T*>(from);
    T* const decoded = static_cast<T*>(to);
    Fitted fitted{0, 0};
    int64_t worst = 0;  // the bits of errors are in their order, as these are not negative
    for_runs<L>(axis, size, [&](const L& lattice, int64_t first, int count) {
        const T* const values = all + first;
        T* const back = decoded + first;
        uint8_t far[RUN];
        double ratios[RUN];
        find_nearest(lattice, values, count, far, numbers + first);
        int64_t near[RUN];
        for (int i = 0; i < count; ++i) {
            const int64_t number = numbers[first + i];
            near[i] = far[i] ? 0 : number;
        }
        for (int i = 0; i < count; ++i) back[i] = lattice.template value<T>(near[i], i);
        find_errors(bound, values, back, first, count, ratios);
        for (int i = 0; i < count; ++i) far[i] |= !(ratios[i] <= 1);
        classify(axis, values, count, far, classes + first, numbers + first);
        const uint8_t* const kinds = classes + first;
        const auto on = uint8_t(axis.atoms);
        for (int i = 0; i < count; ++i) {
            const T found = back[i], original = values[i];
            back[i] = is_on(kinds[i], on) ? found : original;
        }
        for (int i = 0; i < count; ++i) {
            const auto bits = int64_t(pattern(ratios[i])), error = is_on(kinds[i], on) ? bits : 0;
            worst = error > worst ? error : worst;
        }
        int kept = 0;
        for (int i = 0; i < count; ++i) kept += kinds[i] == on + 2;
        fitted.kept += kept;
    });
    fitted.worst = from_pattern<double>(uint64_t(worst));
    return fitted;
}

template <class T, class L>
int64_t join_column(
    const Axis& axis, const uint8_t* classes, const int64_t* numbers, int64_t size, const void* verbatim, int64_t kept,
    void* to
) {
    const T* const given = static_cast<const T*>(verbatim);
    T* const values = static_cast<T*>(to);
    const auto on = uint8_t(axis.atoms);
    const bool is_signed = axis.is_signed;
    int64_t used = 0;
    for_runs<L>(axis, size, [&](const L& lattice, int64_t first, int count) {
        const uint8_t* const kinds = classes + first;
        int64_t near[RUN];
        int off = 0;
        for (int i = 0; i < count; ++i) {
            const int64_t number = numbers[first + i];
            const bool negative = (kinds[i] == on + 1) & is_signed;
            near[i] = is_on(kinds[i], on) ? (negative ? -number : number) : 0;
        }
        for (int i = 0; i < count; ++i) off += !is_on(kinds[i], on);
        for (int i = 0; i < count; ++i) values[first + i] = lattice.template value<T>(near[i], i);
        if (off == 0) return;
        for (int i = 0; i < count; ++i) {
            if (kinds[i] < on) {
                values[first + i] = from_pattern<T>(Pattern<T>(axis.atom[kinds[i]]));
            } else if (kinds[i] > on + 2) {
                used = kept + 1;
            } else if (kinds[i] == on + 2 && used++ < kept) {
                values[first + i] = given[used - 1];
            }
        }
    });
    return used;
}

// What a column tells others: features, then indicators of classes. Those of one value begin `apart` from the next.
void column_features(
    const Axis& axis, const uint8_t* classes, const int64_t* numbers, int64_t size, int16_t* features, int64_t apart
) {
    const int on = axis.atoms, marks = on < INDICATORS ? on : INDICATORS;
    const int width = axis.features + marks + axis.is_signed;
    constexpr int64_t FAR = int64_t{1} << 40;
    for (int64_t i = 0; i < size; ++i, features += apart) {
        const int kind = classes[i];
        for (int k = 0; k < axis.features; ++k) {
            const Feature& feature = axis.feature[size_t(k)];
            const int64_t scaled = (clamp(numbers[i] - feature.center, -FAR, FAR) * feature.multiplier) >> feature.shift;
            auto found = int32_t(clamp<int64_t>(scaled, -512, 511));
            if (feature.kind == Kind::magnitude) found = found < 0 ? -found : found;
            if (feature.kind == Kind::wave) {
                const auto half = int32_t(scaled & 511), wave = (half * (512 - half)) >> 7;
                found = scaled & 512 ? -wave : wave;
            }
            features[k] = int16_t(kind == on || kind == on + 1 ? found : 0);
        }
        for (int k = 0; k < marks; ++k) features[axis.features + k] = kind == k ? 64 : 0;
        if (axis.is_signed) features[width - 1] = kind == on + 1 ? 64 : 0;
    }
}

// ---- Which of them ----------------------------------------------------------------------------------------

template <class T, class L>
constexpr Columns COLUMNS{split_column<T, L>, fit_column<T, L>, join_column<T, L>, column_features};

template <class T>
const Columns& of_floats(Lattice lattice) {
    switch (lattice) {
        case Lattice::bits: return COLUMNS<T, OfBits>;
        case Lattice::decimal: return COLUMNS<T, OfDecimal>;
        case Lattice::uniform: return COLUMNS<T, OfUniform>;
        case Lattice::scaled: return COLUMNS<T, OfScaled>;
        default: return COLUMNS<T, OfLogarithmic>;
    }
}

const Columns& columns_of(const Axis& axis) {
    switch (axis.scalar) {
        case Scalar::i8: return COLUMNS<int8_t, OfIntegers>;
        case Scalar::i16: return COLUMNS<int16_t, OfIntegers>;
        case Scalar::i32: return COLUMNS<int32_t, OfIntegers>;
        case Scalar::i64: return COLUMNS<int64_t, OfIntegers>;
        case Scalar::u8: return COLUMNS<uint8_t, OfIntegers>;
        case Scalar::u16: return COLUMNS<uint16_t, OfIntegers>;
        case Scalar::u32: return COLUMNS<uint32_t, OfIntegers>;
        case Scalar::u64: return COLUMNS<uint64_t, OfIntegers>;
        case Scalar::f32: return of_floats<float>(axis.lattice);
        default: return of_floats<double>(axis.lattice);
    }
}

}  // namespace
}  // namespace baler
