// Any processor: loops of fixed length, which compilers turn into what vectors there are.

#include <cstdint>
#include <cstring>

#include "features.hpp"
#include "kernel.hpp"

namespace baler {
namespace {

struct Simd {
    static constexpr int units = 8;
    static constexpr int lanes = 1, vectors = 4;
    struct Vector {
        std::int32_t unit[units];
    };
    struct Packed {
        std::int16_t unit[2 * units];
    };

    static Vector load(const std::int32_t* from) {
        Vector v;
        std::memcpy(&v, from, sizeof v);
        return v;
    }
    static Packed load(const std::int16_t* from) {
        Packed v;
        std::memcpy(&v, from, sizeof v);
        return v;
    }
    static void store(std::int32_t* to, const Vector& v) { std::memcpy(to, &v, sizeof v); }
    static void store(std::int16_t* to, const Packed& v) { std::memcpy(to, &v, sizeof v); }
    static Vector add(Vector a, const Vector& b) {
        for (int i = 0; i < units; ++i) a.unit[i] += b.unit[i];
        return a;
    }
    // Two features, in each unit.
    static Packed pair(const std::int16_t* features) {
        Packed both;
        for (int i = 0; i < 2 * units; ++i) both.unit[i] = features[i % 2];
        return both;
    }
    static Vector add_products(Vector sum, const Packed& weights, const Packed& by) {
        for (int i = 0; i < units; ++i) {
            sum.unit[i] += weights.unit[2 * i] * by.unit[2 * i] + weights.unit[2 * i + 1] * by.unit[2 * i + 1];
        }
        return sum;
    }
    static Packed activate(const Vector& a, const Vector& b, const Packed& low) {
        Packed both;
        for (int i = 0; i < units; ++i) both.unit[i] = limited(a.unit[i] >> 8, low.unit[i]);
        for (int i = 0; i < units; ++i) both.unit[units + i] = limited(b.unit[i] >> 8, low.unit[units + i]);
        return both;
    }
    static void make_features(
        std::int16_t* to, const Features& features, bool on, std::int64_t number, std::int64_t turned
    ) {
        for (int k = 0; k < features.count; ++k) {
            to[k] = on ? feature_of(features, k, number, turned) : std::int16_t{0};
        }
    }
    static void store_totals(std::int32_t* to, const Vector (&v)[4], const std::int32_t* offsets) {
        for (int r = 0; r < 4; ++r) {
            to[r] = offsets[r];
            for (int i = 0; i < units; ++i) to[r] += v[r].unit[i];
        }
    }

private:
    static std::int16_t limited(std::int32_t x, std::int32_t low) {
        x = x < 8191 ? x : 8191;
        return static_cast<std::int16_t>(x > low ? x : low);
    }
};

}  // namespace
}  // namespace baler

#include "code.hpp"

namespace baler {

const Level LEVEL_PORTABLE{"portable", 0, code_lanes<false>, code_lanes<true>};

}  // namespace baler
