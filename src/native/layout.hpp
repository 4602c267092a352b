// Arrays of a model, as they are stored, to arrays as kernels read them.

#pragma once

#include <cstdint>

#include "lanes.hpp"

namespace baler {

// to += 64 * row
void add_wide(std::int32_t* to, const std::int16_t* row, int units);

// Rows, 64 times.
const std::int32_t* wide_rows(Arena& arena, const std::int16_t* rows, int count, int units);

// Rows, 64 times, less one of them.
const std::int32_t* relative_rows(Arena& arena, const std::int16_t* rows, int count, int units, int usual);

// Rows of ranks, 64 times: first that of rank 0 and another row, then all, each with what later ranks have in any
// case.
const std::int32_t* ranked_rows(
    Arena& arena, const std::int16_t* rows, int count, int units, const std::int16_t* first,
    const std::int32_t* later
);

// Some columns of weights, (units, columns), as (pairs, units, 2) at `to`.
void pair_weights(
    std::int16_t* to, const std::int16_t* weights, int units, int columns, int first, int count
);

// All columns of weights.
const std::int16_t* paired(Arena& arena, const std::int16_t* weights, int units, int columns);

// Lower limits of activations in the order of packing.
const std::int16_t* packed_limits(Arena& arena, int units, int rectified, int packed);

// Outputs in groups: location, scale and shape, which are stored last, come first.
void pack_heads(
    Arena& arena, Column& column, const std::int16_t* heads, const std::int32_t* offsets, int units, int packed
);

const Table* make_tables(Arena& arena, const std::uint16_t* tables, int count);

}  // namespace baler
