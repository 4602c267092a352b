// How the values of one column become classes and numbers: baler.learned.axis.Axis.

#pragma once

#include <array>
#include <cstdint>

#include "network.hpp"

namespace baler {

enum class Scalar : std::uint8_t { i8, i16, i32, i64, u8, u16, u32, u64, f32, f64 };
enum class Lattice : std::uint8_t { integers, bits, decimal, uniform, scaled, logarithmic };

constexpr int MAX_ATOMS = 64, MAX_FEATURES = 64;
constexpr int INDICATORS = 8;

struct Axis {
    Scalar scalar;
    Lattice lattice;
    int atoms;
    std::array<std::uint64_t, MAX_ATOMS> atom;  // their bits
    bool is_signed;
    std::int64_t center;
    int features;  // those that are not relative
    std::array<Feature, MAX_FEATURES> feature;
    int shift;  // of bits
    double step;  // of uniform; 10 to the digits of decimal
    const double* steps;  // of scaled, one for each value
    // Of logarithmic, with the tables of baler.quantise.lattice.
    std::int64_t bins, octaves, lowest;
    const double* powers;  // (bins,)
    const std::int64_t* edges;  // (bins + 1,)
    const std::int64_t* start;  // guesses by the top bits of a key
    int start_shift, period_shift;
};

// How far a value may be from the original.
enum class Promise : std::uint8_t { exact, absolute, relative, each };

struct Bound {
    Promise promise;
    double most;  // of absolute and relative
    const double* limits;  // of each value
};

// What came of a column on its axis.
struct Fitted {
    std::int64_t kept;  // values that are verbatim
    double worst;  // largest error / limit
};

using Split = void (*)(const Axis&, const void* values, std::int64_t size, std::uint8_t* classes, std::int64_t* numbers);
// Moreover, values that are not within a bound are verbatim; decoded is what the values come back as.
using Fit = Fitted (*)(
    const Axis&, const Bound&, const void* values, std::int64_t size, std::uint8_t* classes, std::int64_t* numbers,
    void* decoded
);
// Returns how many values are verbatim; those of no class count as more than there are.
using Join = std::int64_t (*)(
    const Axis&, const std::uint8_t* classes, const std::int64_t* numbers, std::int64_t size, const void* verbatim,
    std::int64_t kept, void* values
);
using Features = void (*)(
    const Axis&, const std::uint8_t* classes, const std::int64_t* numbers, std::int64_t size, std::int16_t* features,
    std::int64_t apart
);

// What a level does with the columns of one axis.
struct Columns {
    Split split;
    Fit fit;
    Join join;
    Features features;
};

}  // namespace baler
