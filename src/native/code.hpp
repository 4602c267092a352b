// Encoding and decoding, for one level of instructions. A file that includes this has defined `Simd` in its
// unnamed namespace, where everything here is too: no other file may call what this level was compiled to.
//
// A few lanes are worked on together, column by column: while one waits for its network, its table or its
// coder, the processor is busy with the others, and weights come into the nearest cache once for all.

#pragma once

#include <cstring>

#include "kernel.hpp"

#if defined(__GNUC__)
#define BALER_INLINE inline __attribute__((always_inline))
#define BALER_APART __attribute__((noinline))  // has all registers for itself
#define BALER_UNROLL _Pragma("GCC unroll 8")
#define BALER_PREFETCH(address) __builtin_prefetch(address)
#else
#define BALER_INLINE inline
#define BALER_APART
#define BALER_UNROLL
#define BALER_PREFETCH(address) static_cast<void>(address)
#endif

namespace baler {
namespace {

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

template <class T>
BALER_INLINE T clamp(T x, T low, T high) {
    return x < low ? low : x > high ? high : x;
}

BALER_INLINE int bits_of(uint64_t x) {
#if defined(__GNUC__)
    return x == 0 ? 0 : 64 - __builtin_clzll(x);
#else
    int bits = 0;
    while (x >> bits != 0 && ++bits < 64) {}
    return bits;
#endif
}

// ---- States -----------------------------------------------------------------------------------------------

constexpr int U = Simd::units;
constexpr int L = Simd::lanes;  // whose states are summed together, so that weights are loaded once
constexpr int WIDE = Simd::vectors;  // of each of them that are kept in registers
constexpr int NARROW = STEP / U < WIDE ? STEP / U : WIDE;

// N vectors of the states of L lanes.
template <int N>
struct Sums {
    Simd::Vector part[L][N];

    BALER_INLINE void load(int lane, const int32_t* from) {
        BALER_UNROLL
        for (int i = 0; i < N; ++i) part[lane][i] = Simd::load(from + U * i);
    }
    BALER_INLINE void store(int lane, int32_t* to) const {
        BALER_UNROLL
        for (int i = 0; i < N; ++i) Simd::store(to + U * i, part[lane][i]);
    }
    BALER_INLINE void add(int lane, const int32_t* row) {
        BALER_UNROLL
        for (int i = 0; i < N; ++i) part[lane][i] = Simd::add(part[lane][i], Simd::load(row + U * i));
    }
    BALER_INLINE void add(const int16_t* weights, size_t units, const int16_t* const (&features)[L], int pairs) {
        for (size_t p = 0; p < size_t(pairs); ++p, weights += 2 * units) {
            Simd::Packed weight[N];
            BALER_UNROLL
            for (int i = 0; i < N; ++i) weight[i] = Simd::load(weights + 2 * U * i);
            BALER_UNROLL
            for (int lane = 0; lane < L; ++lane) {
                const Simd::Packed pair = Simd::pair(features[lane] + 2 * p);
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
BALER_INLINE void for_units(int units, const Function& function) {
    int at = 0;
    for (; at + WIDE * U <= units; at += WIDE * U) function.template operator()<WIDE>(at);
    for (; at < units; at += NARROW * U) function.template operator()<NARROW>(at);
}

// state = bias + weights * features, of an event or a parent; many pairs of features are 0
BALER_APART void outer_state(
    int units, int32_t* state, const int32_t* bias, const int16_t* weights, const int16_t* from, int features,
    int16_t* scratch
) {
    int16_t* const pairs = scratch;  // that are not 0
    int32_t* const at_pair = reinterpret_cast<int32_t*>(scratch + 2 * ((features + 1) / 2));
    int used = 0;
    for (int k = 0; k < features; k += 2) {
        const int16_t first = from[k], second = k + 1 < features ? from[k + 1] : int16_t{0};
        pairs[2 * used] = first;
        pairs[2 * used + 1] = second;
        at_pair[used] = k;
        used += (first | second) != 0;
    }
    constexpr int MOST = 8, FEW = STEP / U;
    const auto sum = [&]<int N>(int at) {
        Simd::Vector part[N];
        for (int i = 0; i < N; ++i) part[i] = Simd::load(bias + at + U * i);
        for (int p = 0; p < used; ++p) {
            const Simd::Packed pair = Simd::pair(pairs + 2 * p);
            const int16_t* weight = weights + size_t(at_pair[p]) * units + 2 * at;
            for (int i = 0; i < N; ++i) {
                part[i] = Simd::add_products(part[i], Simd::load(weight + 2 * U * i), pair);
            }
        }
        for (int i = 0; i < N; ++i) Simd::store(state + at + U * i, part[i]);
    };
    int at = 0;
    for (; at + MOST * U <= units; at += MOST * U) sum.template operator()<MOST>(at);
    for (; at < units; at += STEP) sum.template operator()<FEW>(at);
}

// The step of a rank: from 8 on, four share an octave.
BALER_INLINE int64_t ladder(int64_t rank, int64_t last) {
    const int bits = bits_of(uint64_t(rank));
    const int64_t step = rank < 8 ? rank : 4 * bits - 8 + ((rank >> (bits - 3)) & 3);
    return step < last ? step : last;
}

// The states before the first column.
BALER_APART void first_states(const Network& net, Slot* const* slots) {
    const int32_t *rank_row[L], *left_row[L];
    const int16_t *before[L], *object[L], *tallies[L];
    for (int lane = 0; lane < L; ++lane) {
        const Slot& slot = *slots[lane];
        rank_row[lane] = net.rank_rows + net.units * (slot.rank > 0 ? 1 + ladder(slot.rank, net.ranks - 1) : 0);
        left_row[lane] = net.left_rows + net.units * ladder(slot.count - 1 - slot.rank, net.ranks - 1);
        before[lane] = slot.before;
        object[lane] = slot.object_features;
        tallies[lane] = slot.tallies;
    }
    for_units(net.units, [&]<int N>(int at) {
        Sums<N> sums;
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            const Slot& slot = *slots[lane];
            sums.load(lane, slot.event_state + at);
            sums.add(lane, rank_row[lane] + at);
            sums.add(lane, left_row[lane] + at);
            for (int k = 0; k < slot.unusual; ++k) sums.add(lane, slot.unusual_rows[k] + at);
        }
        sums.add(net.previous + 2 * at, net.units, before, net.pairs);
        sums.add(net.object + 2 * at, net.units, object, (net.object_features + 1) / 2);
        sums.add(net.slot + 2 * at, net.units, tallies, (net.slots + 1) / 2);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) sums.store(lane, slots[lane]->state + at);
    });
}

// Adds what is known with a column.
BALER_APART void add_column(const Network& net, const Column& column, int j, Slot* const* slots) {
    const int32_t* row[L];
    const int16_t* features[L];
    for (int lane = 0; lane < L; ++lane) {
        const int which = slots[lane]->classes[j];
        row[lane] = which == column.atoms ? nullptr : column.own_rows + net.units * which;
        features[lane] = slots[lane]->features + 2 * column.first_pair;
    }
    for_units(net.units, [&]<int N>(int at) {
        Sums<N> sums;
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) sums.load(lane, slots[lane]->state + at);
        sums.add(column.own + 2 * at, net.units, features, column.pairs);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            if (row[lane] != nullptr) sums.add(lane, row[lane] + at);
            sums.store(lane, slots[lane]->state + at);
        }
    });
}

const int32_t* parent_state(const Network& net, const Job& job, Slot& slot) {
    const int64_t at = slot.parent % PARENT_STATES;
    int32_t* state = slot.parent_states + at * net.units;
    if (slot.parent_tags[at] != slot.parent) {
        slot.parent_tags[at] = slot.parent;
        const int16_t* features = job.parent_features + slot.parent * net.parent_features;
        outer_state(net.units, state, net.zeros, net.parent, features, net.parent_features, slot.scratch);
    }
    return state;
}

// The feature of a sum of weights.
BALER_INLINE int16_t log_of(int64_t sum) {
    if (sum == 0) return -512;
    const int octave = bits_of(uint64_t(sum)) - 1;
    return int16_t(clamp<int64_t>(16 * octave + ((sum << 4) >> octave) - 272, -512, 511));
}

// Finds parent and peer.
void follow_key(const Network& net, const Job& job, Slot& slot) {
    const int which = slot.classes[0], atoms = net.column[0].atoms;
    const int64_t index = which < atoms    ? job.keys[which]
                          : which == atoms ? job.numbers[slot.object]
                                           : -1;
    slot.parent_row = net.orphan_row;
    slot.key_rank_row = net.key_rank_rows;
    slot.peer_features = net.no_features;
    slot.tally[0] = 0;
    if (index < 0 || index >= slot.parents) return;
    slot.parent = slot.first_parent + index;
    slot.parent_row = parent_state(net, job, slot);
    Family& family = job.families[slot.parent];
    if (family.children > 0) {
        slot.peer = family.last_child;
        slot.key_rank_row += net.units * (1 + ladder(family.children, net.ranks - 1));
        slot.peer_features = slot.peers + index * 2 * net.pairs;
    }
    if (net.weight >= 0) slot.tally[0] = log_of(family.weight);
}

// Adds what is known with the key.
BALER_APART void add_relations(const Network& net, Slot* const* slots) {
    const int16_t *features[L], *tally[L];
    bool any = false;
    for (int lane = 0; lane < L; ++lane) {
        features[lane] = slots[lane]->peer_features;
        tally[lane] = slots[lane]->tally;
        any |= features[lane] != net.no_features;
    }
    for_units(net.units, [&]<int N>(int at) {
        Sums<N> sums;
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) {
            const Slot& slot = *slots[lane];
            sums.load(lane, slot.state + at);
            sums.add(lane, slot.parent_row + at);
            sums.add(lane, slot.key_rank_row + at);
        }
        if (any) sums.add(net.peer + 2 * at, net.units, features, net.pairs);
        if (net.weight >= 0) sums.add(net.tally + 2 * at, net.units, tally, 1);
        BALER_UNROLL
        for (int lane = 0; lane < L; ++lane) sums.store(lane, slots[lane]->state + at);
    });
}

// ---- Outputs ----------------------------------------------------------------------------------------------

constexpr int PACKED = 2 * U;  // units of packed activations

// Computes the activations for a column, and its first outputs; keeps the activations if there are more.
template <bool MORE>
BALER_APART void first_outputs(const Network& net, const Column& column, Slot* const* slots) {
    Simd::Vector sums[L][ROWS] = {};
    const int32_t* states[L];
    int16_t* actives[L];
    for (int lane = 0; lane < L; ++lane) {
        states[lane] = slots[lane]->state;
        actives[lane] = slots[lane]->active;
    }
    const int16_t *head = column.heads, *low = net.low;
    const int32_t *bias = column.bias, *const end = bias + net.units;
    size_t at = 0;
    for (; bias != end; bias += STEP, low += STEP, head += ROWS * STEP) {
        BALER_UNROLL
        for (int k = 0; k < STEP; k += PACKED, at += PACKED) {
            const Simd::Vector first = Simd::load(bias + k), second = Simd::load(bias + k + U);
            const Simd::Packed limit = Simd::load(low + k);
            Simd::Packed weight[ROWS];
            BALER_UNROLL
            for (int r = 0; r < ROWS; ++r) weight[r] = Simd::load(head + STEP * r + k);
            BALER_UNROLL
            for (int lane = 0; lane < L; ++lane) {
                const Simd::Packed active = Simd::activate(
                    Simd::add(Simd::load(states[lane] + at), first),
                    Simd::add(Simd::load(states[lane] + at + U), second), limit
                );
                if (MORE) Simd::store(actives[lane] + at, active);
                BALER_UNROLL
                for (int r = 0; r < ROWS; ++r) {
                    sums[lane][r] = Simd::add_products(sums[lane][r], weight[r], active);
                }
            }
        }
    }
    BALER_UNROLL
    for (int lane = 0; lane < L; ++lane) Simd::store_totals(slots[lane]->outputs, sums[lane], column.offsets);
}

// Computes later outputs for the same activations.
BALER_APART void more_outputs(const Network& net, const Column& column, Slot& slot, int group) {
    Simd::Vector sums[ROWS] = {};
    const int16_t* head = column.heads + size_t(group) * ROWS * net.units;
    const int16_t *active = slot.active, *const end = active + net.units;
    for (; active != end; active += STEP, head += ROWS * STEP) {
        BALER_UNROLL
        for (int k = 0; k < STEP; k += PACKED) {
            const Simd::Packed some = Simd::load(active + k);
            BALER_UNROLL
            for (int r = 0; r < ROWS; ++r) {
                sums[r] = Simd::add_products(sums[r], Simd::load(head + STEP * r + k), some);
            }
        }
    }
    Simd::store_totals(slot.outputs, sums, column.offsets + group * ROWS);
}

// ---- Numbers ----------------------------------------------------------------------------------------------

// x / y, rounded down; y > 0
BALER_INLINE int64_t floor_divided(int64_t x, int64_t y) { return x / y - (x % y < 0); }

BALER_INLINE int64_t wrap(int64_t x, int64_t period) {
    if (period == 0) return x;
    const int64_t up = x + (period >> 1);
    if (0 <= up && up < period) return x;  // as most often, and a division takes long
    return x - period * floor_divided(up, period);
}

// Writes the features of a value, FEATURES at a time.
BALER_INLINE void make_features(const Column& column, Slot& slot, int which, int64_t number, int64_t base) {
    const bool on = which == column.atoms || which == column.atoms + 1;
    const int64_t turned = wrap(number - base, column.period);
    int16_t* features = slot.features + 2 * column.first_pair;
    for (int k = 0; k < column.features; k += FEATURES) {
        Simd::make_features(features + k, column.feature[k / FEATURES], on, number, turned);
    }
}

// The mean of a column in the objects of the same parent, by their weights.
int64_t centroid(const Network& net, const Column& column, const Job& job, int64_t parent, const int64_t* numbers) {
    const Family& family = job.families[parent];
    if (family.weight == 0) return column.center;
    const int64_t moment = job.moments[parent * net.centroids + column.centroid];
    const int64_t mean = floor_divided(2 * moment + family.weight, 2 * family.weight);
    return wrap(numbers[family.first_child] + mean, column.period);
}

BALER_INLINE int64_t base_of(const Network& net, const Column& column, const Job& job, const Slot& slot, int j) {
    const int64_t* numbers = job.numbers + j * job.objects;
    switch (column.base) {
        case Base::previous:
            return slot.rank > 0 ? numbers[slot.object - 1] : column.center;
        case Base::peer:
            return slot.peer >= 0 ? numbers[slot.peer] : column.center;
        case Base::parent:
            if (slot.parent >= 0) {
                const int64_t number = job.parent_bases[j * job.parents + slot.parent];
                if (number != NO_BASE) return number;
            }
            return column.center;
        case Base::object: {
            const int64_t number = job.object_bases[j * job.objects + slot.object];
            return number != NO_BASE ? number : column.center;
        }
        case Base::centroid:
            return slot.parent >= 0 ? centroid(net, column, job, slot.parent, numbers) : column.center;
        case Base::center:
            break;
    }
    return column.center;
}

// ---- Tables -----------------------------------------------------------------------------------------------

// round(2 ** (16 - t / 8))
constexpr int32_t INVERSE[56] = {
    65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734, 32768, 30048, 27554, 25268, 23170, 21247, 19484,
    17867, 16384, 15024, 13777, 12634, 11585, 10624, 9742, 8933, 8192, 7512, 6889, 6317, 5793, 5312, 4871,
    4467, 4096, 3756, 3444, 3158, 2896, 2656, 2435, 2233, 2048, 1878, 1722, 1579, 1448, 1328, 1218, 1117,
    1024, 939, 861, 790, 724, 664, 609, 558,
};

// 2 ** 24 / INVERSE, for a guess
constexpr int32_t REACH[56] = {
    256, 279, 304, 332, 362, 395, 431, 470, 512, 558, 609, 664, 724, 790, 861, 939, 1024, 1117, 1218, 1328,
    1448, 1579, 1722, 1878, 2048, 2233, 2435, 2656, 2896, 3158, 3444, 3756, 4096, 4467, 4871, 5313, 5793,
    6317, 6890, 7513, 8192, 8934, 9743, 10625, 11586, 12633, 13774, 15020, 16384, 17867, 19486, 21237, 23173,
    25267, 27549, 30067,
};

// A table that lies around a number.
struct Placement {
    const Table* table;
    int64_t center;  // the number where it lies
    int64_t first;  // the numbers of the first bin, without their low bits
    int low_bits;
    int32_t inverse, reach;
    int32_t edge;  // how far the first bin's edge is left of where the table lies
};

BALER_INLINE Placement place(const Column& column, const int32_t* outputs, int64_t base) {
    const int64_t location = clamp(outputs[0], -(1 << 24), 1 << 24);
    const int64_t mu = base * 64 + ((location * column.unit) >> 18);
    const int level = clamp(((outputs[1] + (1 << 14)) >> 15) + column.level, 0, LEVELS - 1);
    const int shape = clamp((outputs[2] + (1 << 17)) >> 18, 0, column.shapes - 1);
    const int low_bits = level < 56 ? 0 : (level >> 3) - 6;
    const int64_t m = mu >> low_bits;
    const int scale = level - 8 * low_bits;
    return {
        column.tables + shape,
        mu >> 6,
        (m >> 6) - BINS / 2,
        low_bits,
        INVERSE[scale],
        REACH[scale],
        64 * (BINS / 2) + int32_t(m & 63) + int32_t(int64_t{32} >> low_bits),
    };
}

// The slots of all bins left of one; 0 for the first and TOP_SLOT for the one after the last as well, as the
// table is at its ends there.
BALER_INLINE int32_t cumulative(const Placement& placement, int32_t bin) {
    const int32_t apart = 64 * bin - placement.edge;
    const int32_t z = clamp((apart * placement.inverse) >> 8, -16384, 16384) + 16384;
    const uint32_t node = placement.table->nodes[z >> 6];
    return int32_t((node & 0xffff) + (((node >> 16) * (z & 63)) >> 6)) + bin;
}

struct Bin {
    int32_t index, start, stop;
};

BALER_INLINE Bin find_bin(const Placement& placement, int32_t slot) {
    const int32_t z = placement.table->start[slot >> 8];
    int32_t i = clamp((placement.edge + (((z - 16384) * placement.reach) >> 16)) >> 6, 0, BINS - 1);
    int32_t start = cumulative(placement, i), stop = cumulative(placement, i + 1);
    const int32_t after = cumulative(placement, i + 2);
    if (start <= slot && slot < after) {
        const bool second = slot >= stop;
        return {i + second, second ? stop : start, second ? after : stop};
    }
    while (slot < start) stop = start, start = cumulative(placement, --i);
    while (slot >= stop) start = stop, stop = cumulative(placement, ++i + 1);
    return {i, start, stop};
}

BALER_INLINE int32_t odds_of(const Network& net, int32_t output) {
    return net.odds[clamp(((output + (1 << 13)) >> 14) + ODDS / 2, 0, ODDS - 1)];
}

// ---- Decoding ---------------------------------------------------------------------------------------------

constexpr int ESCAPE_BITS = 6, LONGEST = 56, VERBATIM = 63;
constexpr uint64_t LOWEST = uint64_t{1} << 31;

// A lane's coder, in registers while a value is read.
struct Reader {
    uint64_t state;
    const uint8_t* next;

    BALER_INLINE explicit Reader(const Slot& slot) : state(slot.reading), next(slot.next) {}
    BALER_INLINE void leave(Slot& slot) const {
        slot.reading = state;
        slot.next = next;
    }
    BALER_INLINE int32_t point() const { return int32_t(state & 0xffff); }

    // Without a branch, as no processor could foresee it.
    BALER_INLINE void refill() {
        uint32_t word;
        std::memcpy(&word, next, 4);
        const uint64_t more = state << 32 | word;
        const bool low = state < LOWEST;
        state = low ? more : state;
        next += low ? 4 : 0;
    }
    BALER_INLINE void pop(int32_t start, int32_t frequency) {
        state = uint64_t(frequency) * (state >> 16) + (state & 0xffff) - uint64_t(start);
        refill();
    }
    BALER_INLINE uint64_t pop_piece(int size) {
        const uint64_t bits = state & ((uint64_t{1} << size) - 1);
        state >>= size;
        refill();
        return bits;
    }
    BALER_INLINE uint64_t pop_raw(int width) {
        uint64_t bits = pop_piece(width < 16 ? width : 16);
        for (int at = 16; at < width; at += 16) bits |= pop_piece(width - at < 16 ? width - at : 16) << at;
        return bits;
    }
    BALER_INLINE bool pop_decision(int32_t yes) {
        const bool is_so = point() < yes;
        pop(is_so ? 0 : yes, is_so ? yes : 65536 - yes);
        return is_so;
    }
};

struct Value {
    int which;  // its class
    int64_t number;
};

void fail(Slot& slot, Status status) {
    if (slot.lane->status == Status::ok) slot.lane->status = status;
}

Value decode_escape(const Column& column, Slot& slot, Reader reader, bool negative, int64_t center) {
    const int length = int(reader.pop_raw(ESCAPE_BITS));
    const bool verbatim = length == VERBATIM, too_long = !verbatim && length > LONGEST;
    const uint64_t code = reader.pop_raw(verbatim || too_long ? 0 : length);
    reader.leave(slot);
    if (verbatim) return {column.atoms + 2, column.center};
    if (too_long && reader.next <= slot.lane->end) fail(slot, Status::bad_length);
    return {column.atoms + negative, int64_t(code >> 1 ^ (0 - (code & 1))) + center};
}

BALER_INLINE Value decode_value(const Network& net, const Column& column, Slot& slot, int64_t base) {
    Reader reader(slot);
    int32_t placing[ROWS];
    std::memcpy(placing, slot.outputs, sizeof placing);
    int at = column.numeric ? 3 : 0;  // of the next decision among the outputs
    bool negative = false;
    for (int k = 0; k < column.atoms + column.is_signed; ++k, ++at) {
        if (at > 0 && at % ROWS == 0) more_outputs(net, column, slot, at / ROWS);
        const bool yes = reader.pop_decision(odds_of(net, slot.outputs[at % ROWS]));
        if (k == column.atoms) {
            negative = yes;
        } else if (yes) {
            reader.leave(slot);
            return {k, column.center};
        }
    }
    if (!column.numeric) return decode_escape(column, slot, reader, false, 0);
    const Placement placement = place(column, placing, base);
    const int32_t point = reader.point();
    if (point >= TOP_SLOT) {
        reader.pop(TOP_SLOT, ESCAPES);
        return decode_escape(column, slot, reader, negative, placement.center);
    }
    const Bin bin = find_bin(placement, point);
    reader.pop(bin.start, bin.stop - bin.start);
    const int64_t high = (placement.first + bin.index) * (int64_t{1} << placement.low_bits);
    const int64_t number = high + int64_t(reader.pop_raw(placement.low_bits));
    reader.leave(slot);
    return {column.atoms + negative, wrap(number, column.period)};
}

BALER_INLINE Value decode_known(const Network& net, const Column& column, Slot& slot, int64_t base) {
    Value value = decode_value(net, column, slot, base);
    if (slot.next > slot.lane->end) {
        fail(slot, Status::too_short);
        slot.next = slot.lane->end;
    }
    if (value.number <= -MAX_NUMBER || value.number >= MAX_NUMBER) {
        fail(slot, Status::bad_number);
        value.number = column.center;
    }
    return value;
}

// ---- Encoding ---------------------------------------------------------------------------------------------

BALER_INLINE void push(Slot& slot, Cost& cost, int32_t start, int32_t frequency) {
    Symbols& symbols = slot.lane->symbols;
    symbols.data[symbols.size++] = uint32_t(start) << 16 | uint32_t(frequency);
    cost.probability *= frequency * (1.0 / 65536);
    if (cost.probability < 1e-280) settle(cost);
}

BALER_INLINE void push_raw(Slot& slot, Cost& cost, uint64_t bits, int width) {
    Symbols& symbols = slot.lane->symbols;
    for (int at = 0; at < width; at += 16) {
        const int size = width - at < 16 ? width - at : 16;
        symbols.data[symbols.size++] = uint32_t(bits >> at) & ((1u << size) - 1);
        symbols.data[symbols.size++] = uint32_t(size) << 16;
    }
    cost.bits += width;
}

BALER_INLINE void push_decision(Slot& slot, Cost& cost, int32_t yes, bool is_so) {
    push(slot, cost, is_so ? 0 : yes, is_so ? yes : 65536 - yes);
}

void encode_escape(Slot& slot, Cost& cost, bool verbatim, int64_t number, int64_t center) {
    if (verbatim) return push_raw(slot, cost, VERBATIM, ESCAPE_BITS);
    const int64_t apart = number - center;
    const uint64_t code = uint64_t(apart) << 1 ^ uint64_t(apart >> 63);
    int length = 0;
    while (code >> length) ++length;
    push_raw(slot, cost, uint64_t(length), ESCAPE_BITS);
    push_raw(slot, cost, code, length);
}

BALER_INLINE void encode_value(
    const Network& net, const Column& column, Slot& slot, int64_t base, Value value, Cost& cost
) {
    int32_t placing[ROWS];
    std::memcpy(placing, slot.outputs, sizeof placing);
    int at = column.numeric ? 3 : 0;
    for (int k = 0; k < column.atoms + column.is_signed; ++k, ++at) {
        if (at > 0 && at % ROWS == 0) more_outputs(net, column, slot, at / ROWS);
        const bool yes = value.which == (k < column.atoms ? k : column.atoms + 1);
        push_decision(slot, cost, odds_of(net, slot.outputs[at % ROWS]), yes);
        if (yes && k < column.atoms) return;
    }
    const bool verbatim = value.which == column.atoms + 2;
    if (!column.numeric) return encode_escape(slot, cost, verbatim, value.number, 0);
    const Placement placement = place(column, placing, base);
    if (!verbatim && wrap(value.number, column.period) == value.number) {
        const int64_t turned = placement.center + wrap(value.number - placement.center, column.period);
        const int64_t bin = (turned >> placement.low_bits) - placement.first;
        if (0 <= bin && bin < BINS) {
            const int32_t start = cumulative(placement, int32_t(bin));
            push(slot, cost, start, cumulative(placement, int32_t(bin) + 1) - start);
            return push_raw(slot, cost, uint64_t(turned), placement.low_bits);
        }
    }
    push(slot, cost, TOP_SLOT, ESCAPES);
    encode_escape(slot, cost, verbatim, value.number, placement.center);
}

// Reports what the axes of a task do not have.
BALER_INLINE void check_value(const Column& column, Slot& slot, Value value) {
    const bool on = value.which == column.atoms || (value.which == column.atoms + 1 && column.is_signed);
    const bool off = value.which < column.atoms || value.which == column.atoms + 2;
    if (!on && !off) fail(slot, Status::bad_class);
    if (off && value.number != column.center) fail(slot, Status::bad_number);
}

// ---- Objects ----------------------------------------------------------------------------------------------

void begin_lane(Slot& slot, Lane& lane) {
    slot.lane = &lane;
    slot.event = lane.event - 1;
    slot.last_event = lane.last_event;
    slot.object = lane.object - 1;
    slot.rank = -1;
    slot.count = 0;
    slot.first_parent = lane.parent;
    slot.parents = 0;
    slot.reading = lane.state;
    slot.next = lane.next;
    for (int64_t& tag : slot.parent_tags) tag = -1;
}

// Asks for what the next event needs: there are more streams of memory than processors can foresee.
void prefetch_event(const Network& net, const Job& job, const Slot& slot) {
    constexpr int64_t LINE = 64, FEW = 16;
    const auto fetch = [](const void* first, int64_t bytes) {
        const auto* const from = static_cast<const char*>(first);
        for (int64_t at = 0; at < bytes && at < FEW * LINE; at += LINE) BALER_PREFETCH(from + at);
    };
    if (slot.event + 1 >= slot.last_event) return;
    const int64_t parent = slot.first_parent + slot.parents, parents = job.parent_counts[slot.event + 1];
    fetch(job.event_features + (slot.event + 1) * net.event_features, 2 * net.event_features + LINE - 2);
    if (parents == 0) return;
    fetch(job.parent_features + parent * net.parent_features, 2 * parents * net.parent_features + LINE - 2);
    fetch(job.families + parent, parents * int64_t{sizeof(Family)} + LINE - 8);
    for (int j = 0; j < net.columns; ++j) {
        if (net.column[j].base == Base::parent) {
            fetch(job.parent_bases + j * job.parents + parent, 8 * parents + LINE - 8);
        }
    }
}

// Goes to the next object; returns false if there is none.
bool next_object(const Network& net, const Job& job, Slot& slot) {
    if (++slot.rank >= slot.count) {
        do {
            if (++slot.event >= slot.last_event) return false;
            slot.first_parent += slot.parents;
            slot.parents = job.parent_counts[slot.event];
            slot.count = job.counts[slot.event];
        } while (slot.count == 0);
        slot.rank = 0;
        slot.unusual = 0;
        std::memset(slot.before, 0, sizeof(int16_t) * 2 * net.pairs);
        for (int p = 0; p < net.slots; ++p) slot.tallies[p] = log_of(0);
        if (net.has_key && slot.parents > slot.peers_capacity) grow_peers(net, slot);
        prefetch_event(net, job, slot);
        const int16_t* features = job.event_features + slot.event * net.event_features;
        outer_state(
            net.units, slot.event_state, net.bias, net.event, features, net.event_features, slot.scratch
        );
    }
    ++slot.object;
    slot.parent = slot.peer = -1;
    const int16_t* features = job.object_features + slot.object * net.object_features;
    BALER_PREFETCH(features + 4 * net.object_features);
    std::memcpy(slot.object_features, features, sizeof(int16_t) * net.object_features);
    return true;
}

// Adds an object to the tally of its parent.
void weigh(const Network& net, const Job& job, const Slot& slot, Family& family) {
    if (slot.classes[net.weight] != net.column[net.weight].atoms) return;
    const int64_t number = job.numbers[net.weight * job.objects + slot.object];
    const int64_t weight = job.weights[clamp<int64_t>(number - net.first_weight, 0, net.weights - 1)];
    family.weight += weight;
    for (int j = 0; j < net.columns; ++j) {
        const Column& column = net.column[j];
        if (column.base != Base::centroid) continue;
        constexpr int64_t FARTHEST = 1 << 24;
        const int64_t* numbers = job.numbers + j * job.objects;
        const int64_t apart = wrap(numbers[slot.object] - numbers[family.first_child], column.period);
        job.moments[slot.parent * net.centroids + column.centroid] += weight * clamp(apart, -FARTHEST, FARTHEST);
    }
    const int64_t index = slot.parent - slot.first_parent;
    if (index < net.slots) slot.tallies[index] = log_of(family.weight);
}

void end_object(const Network& net, const Job& job, Slot& slot) {
    if (slot.parent >= 0) {
        int16_t* peer = slot.peers + (slot.parent - slot.first_parent) * 2 * net.pairs;
        std::memcpy(peer, slot.features, sizeof(int16_t) * 2 * net.pairs);
        Family& family = job.families[slot.parent];
        if (family.children == 0) family.first_child = slot.object;
        if (net.weight >= 0 && family.children < MOST_WEIGHED) weigh(net, job, slot, family);
        family.last_child = slot.object;
        ++family.children;
    }
    int16_t* features = slot.features;
    slot.features = slot.before;
    slot.before = features;
    slot.unusual = 0;
    for (int j = 0; j < net.columns; ++j) {
        const Column& column = net.column[j];
        slot.unusual_rows[slot.unusual] = column.prev_rows + net.units * slot.classes[j];
        slot.unusual += slot.classes[j] != column.atoms;
    }
}

template <bool ENCODING>
BALER_INLINE void code_value(const Network& net, const Job& job, Slot& slot, int j, Cost* costs) {
    const Column& column = net.column[j];
    const int64_t at = j * job.objects + slot.object, base = base_of(net, column, job, slot, j);
    BALER_PREFETCH(job.numbers + at + 16);
    BALER_PREFETCH(job.classes + at + 64);
    Value value;
    if (ENCODING || job.given[j]) {
        value = {job.classes[at], job.numbers[at]};
        if (!job.given[j]) {
            check_value(column, slot, value);
            encode_value(net, column, slot, base, value, costs[j]);
        }
    } else {
        value = decode_known(net, column, slot, base);
        job.classes[at] = uint8_t(value.which);
        job.numbers[at] = value.number;
    }
    slot.classes[j] = uint8_t(value.which);
    make_features(column, slot, value.which, value.number, base);
}

// Codes one object of each lane. Slots that are not busy have states too, which nobody reads.
template <bool ENCODING>
void code_objects(const Network& net, const Job& job, Slot* const* slots, int busy, Cost* costs) {
    for (int s = 0; s < busy; s += L) first_states(net, slots + s);
    for (int j = 0; j < net.columns; ++j) {
        if (!job.given[j]) {
            const bool more = net.column[j].groups > 1;
            for (int s = 0; s < busy; s += L) {
                (more ? first_outputs<true> : first_outputs<false>)(net, net.column[j], slots + s);
            }
        }
        for (int s = 0; s < busy; ++s) code_value<ENCODING>(net, job, *slots[s], j, costs);
        for (int s = 0; s < busy; s += L) add_column(net, net.column[j], j, slots + s);
        if (j == 0 && net.has_key) {
            for (int s = 0; s < busy; ++s) follow_key(net, job, *slots[s]);
            for (int s = 0; s < busy; s += L) add_relations(net, slots + s);
        }
    }
    for (int s = 0; s < busy; ++s) end_object(net, job, *slots[s]);
}

// Works on all lanes, SLOTS at a time.
template <bool ENCODING>
void code_lanes(const Network& net, const Job& job, Lane* lanes, int count, Slot* memory, Cost* costs) {
    Slot* slots[SLOTS];
    int busy = 0, waiting = 0;
    for (int s = 0; s < SLOTS; ++s) slots[s] = memory + s;
    for (; busy < SLOTS && waiting < count; ++busy, ++waiting) begin_lane(*slots[busy], lanes[waiting]);
    while (busy > 0) {
        for (int s = 0; s < busy;) {
            Slot& slot = *slots[s];
            if (slot.lane->status == Status::ok && next_object(net, job, slot)) {
                ++s;
                continue;
            }
            slot.lane->state = slot.reading;
            slot.lane->next = slot.next;
            if (waiting < count) {
                begin_lane(slot, lanes[waiting++]);
            } else {
                slot.rank = 0;
                slot.count = 1;
                slots[s] = slots[--busy];
                slots[busy] = &slot;
            }
        }
        for (int s = 0; ENCODING && s < busy; ++s) {
            Symbols& symbols = slots[s]->lane->symbols;
            if (symbols.capacity - symbols.size < size_t(net.columns) * SYMBOLS) grow(symbols);
        }
        code_objects<ENCODING>(net, job, slots, busy, costs);
    }
}

}  // namespace
}  // namespace baler
