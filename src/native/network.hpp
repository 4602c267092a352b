// The network of one collection, laid out for speed. Names and arithmetic are those of docs/learned.md.
//
// Files that are compiled for one level of instructions include this: plain structures of plain pointers,
// so that no function of the standard library can be compiled for one processor and called on another.

#pragma once

#include <cstddef>
#include <cstdint>

namespace baler {

constexpr int BINS = 256;
constexpr int TOP_SLOT = 65504;  // the slots from here on are an escape
constexpr int ESCAPES = 32;
constexpr int NODES = 514;
constexpr int ODDS = 384;
constexpr int LEVELS = 352;
constexpr int ROWS = 4;  // outputs that are computed together
constexpr int STEP = 32;  // hidden units come in so many
constexpr std::int64_t MAX_NUMBER = std::int64_t{1} << 53;
constexpr std::int64_t NO_BASE = INT64_MIN;

enum class Kind { clamp, magnitude, wave };
enum class Base : std::uint8_t { center, previous, peer, parent, object, centroid };

struct Feature {
    std::int64_t center;
    std::int64_t multiplier;
    std::int64_t shift;
    Kind kind;
    bool relative;
};

struct alignas(64) Table {
    std::uint16_t start[256];  // about z of the slots from 256 k on, or a bin less: where to look for a slot
    std::uint32_t nodes[NODES - 1];  // a number of the table, and above bit 16 how much larger the next is
};

// Weights are (pairs of features, units, 2): what one pair adds to all units lies together. Rows, and biases of
// states, are 64 times those of the model.
struct Column {
    int atoms;
    int usual;  // a class that is likely to be frequent: its rows are added in any case
    bool numeric, is_signed;
    Base base;
    int centroid;  // which, if that is the base
    std::int64_t period, center, unit;
    int level;
    int features;
    int first_pair;  // of its features among those of all columns
    int pairs;
    const Feature* feature;
    const std::int16_t* own;
    const std::int32_t* own_rows;  // (atoms + 3, units), less that of the usual class
    const std::int32_t* prev_rows;  // the same
    const std::int32_t* bias;  // (units,), and what own_rows of earlier columns were less
    const std::int16_t* heads;  // (groups, units / STEP, ROWS, STEP), units as they are packed
    const std::int32_t* offsets;  // (groups * ROWS,)
    int groups;  // of outputs: location, scale, shape if numeric, then decisions, then nothing
    int shapes;
    const Table* tables;
};

struct Network {
    int units;
    int columns;
    int pairs;  // of features of all columns
    int event_features, parent_features, object_features;
    int object_pairs, slot_pairs;
    int slots;
    int weight;  // column; -1 if there is none
    std::int64_t first_weight, weights;
    int centroids;
    const std::int64_t* centroid;  // (centroids,) columns that are placed from one
    int ranks;
    bool has_key;
    const Column* column;
    const std::int16_t* low;  // (units,) lower limits of activations, as they are packed
    const std::int32_t* bias;  // (units,)
    const std::int16_t* event;
    const std::int16_t* parent;
    const std::int16_t* previous;
    const std::int16_t* peer;
    const std::int16_t* object;
    const std::int16_t* tally;
    const std::int16_t* slot;
    const std::int32_t* rank_rows;  // (1 + ranks, units): that of the first object, with first_row; then all, with
                                    // what prev_rows of all columns are less
    const std::int32_t* left_rows;  // (ranks, units)
    const std::int32_t* key_rank_rows;  // (1 + ranks, units): that of the first, with lonely_row; then all
    const std::int32_t* orphan_row;
    const std::int32_t* zeros;  // (units,)
    const std::int32_t* no_features;  // (pairs,) zeros
    const std::int32_t* odds;
};

}  // namespace baler
