// The states of objects, and the outputs for a column, for one level of instructions. A file that includes this has
// defined `Simd` in its unnamed namespace: long vectors of units. States of a quad are (units / U, LANES, U), so that
// those of all lanes are found from one pointer.

#pragma once

#include "four.hpp"

namespace baler {
namespace {

constexpr int U = Simd::units;
constexpr int L = Simd::lanes;  // whose states are summed together, so that weights are loaded once
constexpr int WIDE = Simd::vectors;  // of each of them that are kept in registers
constexpr int NARROW = STEP / U < WIDE ? STEP / U : WIDE;
constexpr int PACKED = 2 * U;  // units of packed activations

// N vectors of the states of L lanes.
template <int N>
struct Sums {
    Simd::Vector part[L][N];

    BALER_INLINE void load(const int32_t* from) {
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            BALER_UNROLL
            for (int i = 0; i < N; ++i) part[lane][i] = Simd::load(from + U * (LANES * i + lane));
        }
    }
    BALER_INLINE void store(int32_t* to) const {
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            BALER_UNROLL
            for (int i = 0; i < N; ++i) Simd::store(to + U * (LANES * i + lane), part[lane][i]);
        }
    }
    BALER_INLINE void add(int lane, const int32_t* row) {
        BALER_UNROLL
        for (int i = 0; i < N; ++i) part[lane][i] = Simd::add(part[lane][i], Simd::load(row + U * i));
    }
    // Adds weights times pairs of features: that of a lane, `apart` from each other.
    template <class Features>
    BALER_INLINE void add(const int16_t* weights, size_t units, int pairs, const Features& feature) {
        for (size_t p = 0; p < size_t(pairs); ++p, weights += 2 * units) {
            Simd::Packed weight[N];
            BALER_UNROLL
            for (int i = 0; i < N; ++i) weight[i] = Simd::load(weights + 2 * U * i);
            BALER_UNROLL
            for (int lane = 0; lane < L; ++lane) {
                const Simd::Packed pair = Simd::pair(feature(lane, p));
                BALER_UNROLL
                for (int i = 0; i < N; ++i) {
                    part[lane][i] = Simd::add_products(part[lane][i], weight[i], pair);
                }
            }
        }
    }
};

// Calls for all units: function.template operator()<N>(first unit of N vectors).
template <class Function>
BALER_INLINE void for_units(size_t units, const Function& function) {
    size_t at = 0;
    for (; at + WIDE * U <= units; at += WIDE * U) function.template operator()<WIDE>(at);
    if constexpr (NARROW != WIDE) {
        for (; at < units; at += NARROW * U) function.template operator()<NARROW>(at);
    }
}

// state = bias + weights * features, of an event or a parent; many pairs of features are 0. Vectors of the state are
// `apart` from each other.
BALER_APART void outer_state(
    size_t units, int32_t* state, size_t apart, const int32_t* bias, const int16_t* weights, const int16_t* from,
    int features, int32_t* scratch
) {
    int32_t *const pair = scratch, *const at_pair = scratch + features + SPARE;  // that are not 0
    const int used = Simd::find_pairs(pair, at_pair, from, features);
    constexpr int MANY = 8, FEW = STEP / U;
    const auto sum = [&]<int N>(size_t at) {
        Simd::Vector part[N];
        BALER_UNROLL
        for (int i = 0; i < N; ++i) part[i] = Simd::load(bias + at + U * i);
        for (int p = 0; p < used; ++p) {
            const Simd::Packed features = Simd::pair(pair[p]);
            const int16_t* weight = weights + size_t(at_pair[p]) * 2 * units + 2 * at;
            BALER_UNROLL
            for (int i = 0; i < N; ++i) {
                part[i] = Simd::add_products(part[i], Simd::load(weight + 2 * U * i), features);
            }
        }
        BALER_UNROLL
        for (int i = 0; i < N; ++i) Simd::store(state + apart * (at / U + i), part[i]);
    };
    size_t at = 0;
    for (; at + MANY * U <= units; at += MANY * U) sum.template operator()<MANY>(at);
    for (; at < units; at += STEP) sum.template operator()<FEW>(at);
}

// The step of a rank: from 8 on, four share an octave.
BALER_INLINE int64_t ladder(int64_t rank, int64_t last) {
    const int length = length_of(uint64_t(rank));
    const int64_t step = rank < 8 ? rank : 4 * length - 8 + ((rank >> (length - 3)) & 3);
    return step < last ? step : last;
}

// The states before the first column, of lanes from one on.
BALER_APART void first_states(const Network& net, Quad& quad, int from) {
    const Slot* const slot = quad.slot + from;
    const int32_t *rank_row[L], *left_row[L];
    for (int lane = 0; lane < L; ++lane) {
        const int64_t rank = slot[lane].rank, left = slot[lane].count - 1 - rank;
        rank_row[lane] = net.rank_rows + net.units * (rank > 0 ? 1 + ladder(rank, net.ranks - 1) : 0);
        left_row[lane] = net.left_rows + net.units * ladder(left, net.ranks - 1);
    }
    const int32_t* const before = quad.before + from;
    for_units(size_t(net.units), [&]<int N>(size_t at) {
        Sums<N> sums;
        sums.load(quad.event_states + LANES * at + U * from);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            sums.add(lane, rank_row[lane] + at);
            sums.add(lane, left_row[lane] + at);
            for (int k = 0; k < slot[lane].unusual; ++k) sums.add(lane, slot[lane].unusual_rows[k] + at);
        }
        const size_t units = size_t(net.units);
        sums.add(net.previous + 2 * at, units, net.pairs, [&](int lane, size_t p) {
            return before[LANES * p + lane];
        });
        sums.add(net.object + 2 * at, units, net.object_pairs, [&](int lane, size_t p) {
            return slot[lane].object_features[p];
        });
        sums.add(net.slot + 2 * at, units, net.slot_pairs, [&](int lane, size_t p) {
            return slot[lane].tallies[p];
        });
        sums.store(quad.states + LANES * at + U * from);
    });
}

// Adds what is known with a column that has P pairs of features; any number, if P is 0. Lanes come in turn: while one
// is loaded or stored, another is summed.
template <int P>
BALER_APART void add_column(const Network& net, const Column& column, Quad& quad, int from) {
    const int32_t* const features = quad.features + LANES * column.first_pair + from;
    const size_t units = size_t(net.units);
    for_units(units, [&]<int N>(size_t at) {
        int32_t* const states = quad.states + LANES * at + U * from;
        const int16_t* const weights = column.own + 2 * at;
        if constexpr (P == 0) {
            Sums<N> sums;
            sums.load(states);
            sums.add(weights, units, column.pairs, [&](int lane, size_t p) { return features[LANES * p + lane]; });
            return sums.store(states);
        }
        Simd::Packed weight[P + 1][N];
        BALER_UNROLL
        for (int p = 0; p < P; ++p) {
            BALER_UNROLL
            for (int i = 0; i < N; ++i) weight[p][i] = Simd::load(weights + 2 * units * p + 2 * U * i);
        }
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            Simd::Vector sums[N];
            BALER_UNROLL
            for (int i = 0; i < N; ++i) sums[i] = Simd::load(states + U * (LANES * i + lane));
            BALER_UNROLL
            for (int p = 0; p < P; ++p) {
                const Simd::Packed pair = Simd::pair(features[LANES * p + lane]);
                BALER_UNROLL
                for (int i = 0; i < N; ++i) sums[i] = Simd::add_products(sums[i], weight[p][i], pair);
            }
            BALER_UNROLL
            for (int i = 0; i < N; ++i) Simd::store(states + U * (LANES * i + lane), sums[i]);
        }
    });
}

// Adds a row to the state of a lane.
BALER_INLINE void add_row(const Network& net, Quad& quad, int lane, const int32_t* row) {
    int32_t* state = quad.states + U * lane;
    for (const int32_t* const end = row + net.units; row != end; row += STEP, state += STEP * LANES) {
        BALER_UNROLL
        for (int k = 0; k < STEP; k += U) {
            Simd::store(state + LANES * k, Simd::add(Simd::load(state + LANES * k), Simd::load(row + k)));
        }
    }
}

// Adds what is known with the key.
BALER_APART void add_relations(const Network& net, Quad& quad, int from) {
    const Slot* const slot = quad.slot + from;
    const size_t units = size_t(net.units);
    bool any_peer = false;
    for (int lane = 0; lane < L; ++lane) any_peer |= slot[lane].peer >= 0;
    for_units(units, [&]<int N>(size_t at) {
        Sums<N> sums;
        sums.load(quad.states + LANES * at + U * from);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            sums.add(lane, slot[lane].parent_row + at);
            sums.add(lane, slot[lane].key_rank_row + at);
        }
        if (any_peer) {
            sums.add(net.peer + 2 * at, units, net.pairs, [&](int lane, size_t p) {
                return slot[lane].peer_features[p];
            });
        }
        if (net.weight >= 0) {
            sums.add(net.tally + 2 * at, units, 1, [&](int lane, size_t) { return slot[lane].tally; });
        }
        sums.store(quad.states + LANES * at + U * from);
    });
}

// Products of heads and activations.
struct Totals {
    Simd::Vector sums[L][ROWS];

    BALER_INLINE Totals() {
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            BALER_UNROLL
            for (int row = 0; row < ROWS; ++row) sums[lane][row] = Simd::Vector{};
        }
    }
    // Adds those of PACKED units; active(lane) are activations.
    template <class Active>
    BALER_INLINE void add(const int16_t* head, const Active& active) {
        Simd::Packed weight[ROWS];
        BALER_UNROLL
        for (int row = 0; row < ROWS; ++row) weight[row] = Simd::load(head + STEP * row);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            const Simd::Packed packed = active(lane);
            BALER_UNROLL
            for (int row = 0; row < ROWS; ++row) {
                sums[lane][row] = Simd::add_products(sums[lane][row], weight[row], packed);
            }
        }
    }
};

// Computes the activations for a column and its first outputs; keeps the activations if there are more.
template <bool MORE>
BALER_APART void first_outputs(const Network& net, const Column& column, Quad& quad, int from) {
    Totals totals;
    const int32_t *states = quad.states + U * from, *bias = column.bias;
    const int16_t *head = column.heads, *low = net.low;
    int16_t* actives = quad.actives + PACKED * from;
    for (int at = 0; at < net.units; at += STEP) {
        BALER_UNROLL
        for (int k = 0; k < STEP; k += PACKED) {
            const Simd::Vector first = Simd::load(bias + k), second = Simd::load(bias + k + U);
            const Simd::Packed limit = Simd::load(low + k);
            totals.add(head + k, [&](int lane) {
                const int32_t* const state = states + LANES * k + U * lane;
                const Simd::Packed active = Simd::activate(
                    Simd::add(Simd::load(state), first), Simd::add(Simd::load(state + U * LANES), second), limit
                );
                if (MORE) Simd::store(actives + LANES * k + PACKED * lane, active);
                return active;
            });
        }
        states += STEP * LANES;
        actives += STEP * LANES;
        head += STEP * ROWS;
        bias += STEP;
        low += STEP;
    }
    Simd::store_totals(quad.outputs, from, totals.sums, column.offsets);
}

// Computes later outputs for the same activations.
BALER_APART void more_outputs(const Network& net, const Column& column, Quad& quad, int from, int group) {
    Totals totals;
    const int16_t* head = column.heads + size_t(group) * ROWS * net.units;
    const int16_t* actives = quad.actives + PACKED * from;
    for (int at = 0; at < net.units; at += STEP, actives += STEP * LANES, head += STEP * ROWS) {
        BALER_UNROLL
        for (int k = 0; k < STEP; k += PACKED) {
            totals.add(head + k, [&](int lane) { return Simd::load(actives + LANES * k + PACKED * lane); });
        }
    }
    Simd::store_totals(quad.outputs, from, totals.sums, column.offsets + group * ROWS);
}

}  // namespace
}  // namespace baler
