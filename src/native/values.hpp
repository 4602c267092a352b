// Classes and numbers of one column in the lanes of a quad: placing tables, decoding, encoding, features.
//
// Lanes are worked on in vectors. What seldom happens in one of them is done for that lane alone.

#pragma once

#include "states.hpp"

namespace baler {
namespace {

// ---- Numbers ----------------------------------------------------------------------------------------------

// x / y, rounded down; y > 0
BALER_INLINE int64_t floor_divided(int64_t x, int64_t y) { return x / y - (x % y < 0); }

BALER_INLINE int64_t wrapped(int64_t x, int64_t period) {
    return period == 0 ? x : x - period * floor_divided(x + (period >> 1), period);
}

BALER_INLINE Longs wrapped(Longs x, int64_t period) {
    if (period == 0) return x;
    const int64_t half = period >> 1;
    x += (x < -half) & period;
    x -= (x >= period - half) & period;
    const int further = bits_of(narrowed((x < -half) | (x >= period - half)));
    for_lanes(further, [&](int lane) { x[lane] = wrapped(x[lane], period); });
    return x;
}

BALER_INLINE Ints feature_of(const Feature& feature, Longs number, Longs turned) {
    constexpr int64_t FAR = int64_t{1} << 40;
    const Longs apart = clamped((feature.relative ? turned : number) - feature.center, -FAR, FAR);
    const Longs scaled = shifted(apart * feature.multiplier, longs(feature.shift));
    if (feature.kind == Kind::wave) {
        const Ints turn = narrowed(scaled), half = turn & 511, wave = (half * (512 - half)) >> 7;
        return chosen((turn & 512) != 0, -wave, wave);
    }
    const Ints limited = narrowed(clamped(scaled, -512, 511));
    return feature.kind == Kind::magnitude ? chosen(limited < 0, -limited, limited) : limited;
}

BALER_INLINE void make_features(const Column& column, Quad& quad) {
    const Ints which = four<Ints>(quad.which);
    const Ints on = (which == column.atoms) | (which == column.atoms + 1);
    const Longs number = four<Longs>(quad.number);
    const Longs turned = wrapped(number - four<Longs>(quad.base), column.period);
    int32_t* to = quad.features + LANES * column.first_pair;
    for (int k = 0; k < column.features; k += 2, to += LANES) {
        Ints pair = feature_of(column.feature[k], number, turned) & 0xffff;
        if (k + 1 < column.features) pair |= feature_of(column.feature[k + 1], number, turned) << 16;
        put(to, pair & on);
    }
}

// ---- Bases ------------------------------------------------------------------------------------------------

// The mean of a column in the objects of the same parent, by their weights.
int64_t centroid(const Network& net, const Column& column, const Job& job, int64_t parent, const int64_t* numbers) {
    const Family& family = job.families[parent];
    if (family.weight == 0) return column.center;
    const int64_t moment = job.moments[parent * net.centroids + column.centroid];
    const int64_t mean = floor_divided(2 * moment + family.weight, 2 * family.weight);
    return wrapped(numbers[family.first_child] + mean, column.period);
}

// Stored as one vector: what is stored in pieces cannot be loaded as one before it has reached the cache.
template <class Function>
BALER_INLINE void set_bases(Quad& quad, const Function& base_of) {
    const Slot* const slot = quad.slot;
    put(quad.base, Longs{base_of(slot[0]), base_of(slot[1]), base_of(slot[2]), base_of(slot[3])});
}

BALER_INLINE void find_bases(const Network& net, const Column& column, const Job& job, Quad& quad, int j) {
    const int64_t* numbers = job.numbers + j * job.objects;
    const int64_t center = column.center;
    const auto or_center = [&](int64_t number) { return number == NO_BASE ? center : number; };
    switch (column.base) {
        case Base::center:
            return put(quad.base, longs(center));
        case Base::previous:
            return set_bases(quad, [&](const Slot& slot) {
                return slot.rank > 0 ? numbers[slot.object - 1] : center;
            });
        case Base::peer:
            return set_bases(quad, [&](const Slot& slot) { return slot.peer >= 0 ? numbers[slot.peer] : center; });
        case Base::parent:
            return set_bases(quad, [&](const Slot& slot) {
                return slot.parent < 0 ? center : or_center(job.parent_bases[j][slot.parent]);
            });
        case Base::object:
            return set_bases(quad, [&](const Slot& slot) {
                return or_center(job.object_bases[j][slot.object]);
            });
        case Base::centroid:
            return set_bases(quad, [&](const Slot& slot) {
                return slot.parent < 0 ? center : centroid(net, column, job, slot.parent, numbers);
            });
    }
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

// The outputs that say where tables lie.
struct Placing {
    Ints location, scale, shape;

    BALER_INLINE explicit Placing(const Quad& quad)
        : location(four<Ints>(quad.outputs[0])), scale(four<Ints>(quad.outputs[1])), shape(four<Ints>(quad.outputs[2])) {}
};

// Tables that lie around numbers.
struct Placement {
    const Table* table[LANES];
    Longs center;  // the numbers where they lie
    Longs first;  // the numbers of the first bins, without their low bits
    Ints low_bits;
    Ints scale, inverse;
    Ints edge;  // how far the first bins' edges are left of where the tables lie

    BALER_INLINE Placement(const Column& column, const Placing& outputs, Longs base) {
        const Longs location = widened(clamped(outputs.location, -(1 << 24), 1 << 24));
        const Ints level = clamped(((outputs.scale + (1 << 14)) >> 15) + column.level, 0, LEVELS - 1);
        const Longs mu = base * 64 + ((location * column.unit) >> 18);
        const Ints shape = clamped((outputs.shape + (1 << 17)) >> 18, 0, column.shapes - 1);
        for (int lane = 0; lane < LANES; ++lane) table[lane] = column.tables + shape[lane];
        low_bits = clamped((level >> 3) - 6, 0, 64);
        scale = level - 8 * low_bits;
        inverse = looked_up(INVERSE, scale);
        const Longs m = shifted(mu, widened(low_bits));
        center = mu >> 6;
        first = (m >> 6) - BINS / 2;
        edge = 64 * (BINS / 2) + narrowed(m & 63) + (32 >> clamped(low_bits, 0, 6));
    }

    // The slots of all bins left of some; 0 for the first and TOP_SLOT for the one after the last as well, since
    // the tables are at their ends there.
    BALER_INLINE Ints cumulative(Ints bin) const {
        const Ints apart = 64 * bin - edge;
        const Ints z = clamped((apart * inverse) >> 8, -16384, 16384) + 16384;
        const Ints at = z >> 6;
        const UInts node{
            table[0]->nodes[at[0]], table[1]->nodes[at[1]], table[2]->nodes[at[2]], table[3]->nodes[at[3]]
        };
        const Ints left = reinterpret_cast<Ints>(node & 0xffff), rise = reinterpret_cast<Ints>(node >> 16);
        return left + ((rise * (z & 63)) >> 6) + bin;
    }

    // Bins that are likely to hold slots, or to be next to those that do.
    BALER_INLINE Ints guess(Ints slot) const {
        const Ints part = slot >> 8;
        const Ints z{
            table[0]->start[part[0]], table[1]->start[part[1]], table[2]->start[part[2]], table[3]->start[part[3]]
        };
        return clamped((edge + (((z - 16384) * looked_up(REACH, scale)) >> 16)) >> 6, 0, BINS - 1);
    }
};

BALER_INLINE Ints odds_of(const Network& net, const int32_t (&output)[LANES]) {
    return looked_up(net.odds, clamped(((four<Ints>(output) + (1 << 13)) >> 14) + ODDS / 2, 0, ODDS - 1));
}

// Calls with the number and the odds of each decision of a column, as long as there are lanes that have not hit.
template <class Function>
BALER_INLINE void for_decisions(
    const Network& net, const Column& column, Quad& quad, const Ints& open, const Function& decide
) {
    int at = column.numeric ? 3 : 0;
    for (int k = 0; k < column.atoms + column.is_signed; ++k, ++at) {
        if (k > 0 && !any(open)) break;
        if (at > 0 && at % ROWS == 0) {
            for (int from = 0; from < LANES; from += L) more_outputs(net, column, quad, from, at / ROWS);
        }
        decide(k, odds_of(net, quad.outputs[at % ROWS]));
    }
}

constexpr int ESCAPE_BITS = 6, LONGEST = 56, VERBATIM = 63;
constexpr int PIECE = 16;  // raw bits are coded in pieces

void fail(Slot& slot, Status status) {
    if (slot.lane->status == Status::ok) slot.lane->status = status;
}

// ---- Decoding ---------------------------------------------------------------------------------------------

constexpr int64_t LOWEST = int64_t{1} << 31;

// The coders of a quad, in registers while values are read.
class Readers {
public:
    BALER_INLINE explicit Readers(Quad& quad) : quad_(quad), state_(four<Longs>(quad.reading)) {}
    BALER_INLINE void leave() const { put(quad_.reading, state_); }

    BALER_INLINE Ints points() const { return narrowed(state_) & 0xffff; }

    BALER_INLINE void pop(Ints start, Ints frequency, Ints mask) {
        const Longs slot = state_ & 0xffff;
        refill(widened(frequency) * (state_ >> 16) + slot - widened(start), mask);
    }
    BALER_INLINE Longs pop_raw(Ints size, Ints mask) {
        const Longs width = widened(size), bits = state_ & ~(longs(-1) << width);
        refill(state_ >> width, mask);
        return bits;
    }

private:
    // Without branches, as no processor could foresee them.
    BALER_INLINE void refill(Longs after, Ints mask) {
        const Longs wide = widened(mask);
        uint32_t word[LANES];
        for (int lane = 0; lane < LANES; ++lane) std::memcpy(word + lane, quad_.next[lane], 4);
        const Longs low = (after < LOWEST) & wide;
        const Longs filled = after << 32 | Longs{word[0], word[1], word[2], word[3]};
        state_ = chosen(low, filled, chosen(wide, after, state_));
        put(quad_.next, four<Longs>(quad_.next) + (low & 4));
    }

    Quad& quad_;
    Longs state_;
};

// One of them.
struct Reader {
    uint64_t state;
    const uint8_t* next;

    void leave(Quad& quad, int lane) const {
        quad.reading[lane] = state;
        quad.next[lane] = next;
    }
    BALER_INLINE void refill() {
        if (state >= uint64_t(LOWEST)) return;
        uint32_t word;
        std::memcpy(&word, next, 4);
        state = state << 32 | word;
        next += 4;
    }
    BALER_INLINE void pop(int32_t start, int32_t frequency) {
        state = uint64_t(frequency) * (state >> 16) + (state & 0xffff) - uint64_t(start);
        refill();
    }
    BALER_INLINE uint64_t pop_raw(int width) {
        uint64_t bits = 0;
        for (int at = 0; at < width; at += PIECE) {
            const int size = width - at < PIECE ? width - at : PIECE;
            bits |= (state & ((1u << size) - 1)) << at;
            state >>= size;
            refill();
        }
        return bits;
    }
};

// Reads an escape: what becomes of a number that lies anywhere, or of none.
void decode_escape(const Column& column, Quad& quad, int lane, Reader& reader, int64_t center) {
    const int length = int(reader.pop_raw(ESCAPE_BITS));
    quad.number[lane] = column.center;
    if (length == VERBATIM) {
        quad.which[lane] = column.atoms + 2;
    } else if (length <= LONGEST) {
        const uint64_t code = reader.pop_raw(length);
        quad.number[lane] = center + int64_t(code >> 1 ^ (0 - (code & 1)));
    } else if (reader.next <= quad.slot[lane].lane->end) {
        fail(quad.slot[lane], Status::bad_length);
    }
}

// Reads a number in one lane, wherever it is.
BALER_APART void decode_alone(const Column& column, const Placement& placement, Quad& quad, int lane) {
    Reader reader{quad.reading[lane], quad.next[lane]};
    const int32_t point = int32_t(reader.state & 0xffff);
    if (point >= TOP_SLOT) {
        reader.pop(TOP_SLOT, ESCAPES);
        decode_escape(column, quad, lane, reader, placement.center[lane]);
    } else {
        const auto left_of = [&](int bin) { return placement.cumulative(ints(bin))[lane]; };
        int bin = placement.guess(ints(point))[lane];
        while (left_of(bin) > point) --bin;
        while (left_of(bin + 1) <= point) ++bin;
        reader.pop(left_of(bin), left_of(bin + 1) - left_of(bin));
        const int low_bits = placement.low_bits[lane];
        const int64_t high = (placement.first[lane] + bin) * (int64_t{1} << low_bits);
        quad.number[lane] = wrapped(high + int64_t(reader.pop_raw(low_bits)), column.period);
    }
    reader.leave(quad, lane);
}

// Reads numbers where a mask is -1.
BALER_INLINE void decode_numbers(const Column& column, const Placing& placing, Quad& quad, Readers& readers, Ints open) {
    const Placement placement(column, placing, four<Longs>(quad.base));
    const Ints point = readers.points(), low_bits = placement.low_bits;
    const Ints bin = placement.guess(point);
    const Ints left = placement.cumulative(bin), middle = placement.cumulative(bin + 1);
    const Ints right = placement.cumulative(bin + 2), is_second = point >= middle;
    const Ints common = open & (left <= point) & (point < right) & (point < TOP_SLOT) & (low_bits <= PIECE);
    const Ints start = chosen(is_second, middle, left), stop = chosen(is_second, right, middle);
    readers.pop(start, stop - start, common);
    const Longs high = (placement.first + widened(bin - is_second)) << widened(low_bits);
    const Longs found = high + readers.pop_raw(low_bits, common), wide = widened(common);
    put(quad.number, chosen(wide, wrapped(found & wide, column.period), longs(column.center)));
    readers.leave();
    for_lanes(bits_of(open & ~common), [&](int lane) {
        const Placement copy = placement;
        decode_alone(column, copy, quad, lane);
    });
}

BALER_INLINE void decode_values(const Network& net, const Column& column, Quad& quad) {
    Readers readers(quad);
    const Placing placing(quad);
    Ints open = four<Ints>(quad.live), which = ints(column.atoms);
    for_decisions(net, column, quad, open, [&](int k, Ints yes) {
        const Ints is_so = readers.points() < yes;
        readers.pop(~is_so & yes, chosen(is_so, yes, 65536 - yes), open);
        which += is_so & open & (k - column.atoms + (k == column.atoms));
        if (k < column.atoms) open &= ~is_so;
    });
    put(quad.which, which);
    if (column.numeric && any(open)) return decode_numbers(column, placing, quad, readers, open);
    put(quad.number, longs(column.center));
    readers.leave();
    for_lanes(bits_of(open), [&](int lane) {
        Reader reader{quad.reading[lane], quad.next[lane]};
        decode_escape(column, quad, lane, reader, 0);
        reader.leave(quad, lane);
    });
}

// Reports what no encoder makes, and goes on with something harmless.
BALER_INLINE void check_decoded(const Column& column, Quad& quad) {
    const Longs number = four<Longs>(quad.number);
    Ints bad = narrowed((number <= -MAX_NUMBER) | (number >= MAX_NUMBER));
    for (int lane = 0; lane < LANES; ++lane) bad[lane] |= -(quad.next[lane] > quad.end[lane]);
    for_lanes(bits_of(bad & four<Ints>(quad.live)), [&](int lane) {
        if (quad.next[lane] > quad.end[lane]) {
            fail(quad.slot[lane], Status::too_short);
            quad.next[lane] = quad.end[lane];
        }
        if (quad.number[lane] <= -MAX_NUMBER || quad.number[lane] >= MAX_NUMBER) {
            fail(quad.slot[lane], Status::bad_number);
            quad.number[lane] = column.center;
        }
    });
}

// ---- Encoding ---------------------------------------------------------------------------------------------

// Puts symbols, and what else is in a word with them, where a mask is -1.
BALER_INLINE void push(Quad& quad, Cost& cost, Ints start, Ints frequency, Longs more, Ints mask) {
    const Longs word = widened(frequency - 1) | widened(start) << 16 | more;
    for (int lane = 0; lane < LANES; ++lane) *quad.symbol[lane] = uint64_t(word[lane]);
    put(quad.symbol, four<Longs>(quad.symbol) + (widened(mask) & int64_t{sizeof(uint64_t)}));
    const Reals probability = __builtin_convertvector(chosen(mask, frequency, ints(65536)), Reals) / 65536;
    const Reals product = four<Reals>(cost.probability) * probability;
    put(cost.probability, product);
    if (any(narrowed(product < 1e-280))) settle(cost);
}

// Raw bits that follow a symbol, at most PIECE.
BALER_INLINE Longs raw(Longs bits, Ints size) {
    const Longs width = widened(size);
    return (bits & ~(longs(-1) << width)) << 32 | width << 48;
}

// Puts a symbol and any number of raw bits.
void push_alone(Quad& quad, Cost& cost, int lane, int start, int frequency, uint64_t bits, int width) {
    uint64_t symbol = uint64_t(frequency - 1) | uint64_t(start) << 16;
    for (int at = 0; at == 0 || at < width; at += PIECE) {
        const int size = width - at < PIECE ? width - at : PIECE;
        const uint64_t piece = bits >> at & ((uint64_t{1} << size) - 1);
        *quad.symbol[lane]++ = symbol | piece << 32 | uint64_t(size) << 48;
        symbol = 65535;
    }
    cost.bits += width;
    cost.probability[lane] *= frequency / 65536.0;
    if (cost.probability[lane] < 1e-280) settle(cost);
}

// Puts an escape: a number that lies anywhere, or that there is none.
void encode_escape(const Column& column, Quad& quad, Cost& cost, int lane, int start, int frequency, int64_t center) {
    const bool verbatim = quad.which[lane] == column.atoms + 2;
    const int64_t apart = quad.number[lane] - center;
    const uint64_t code = uint64_t(apart) << 1 ^ uint64_t(apart >> 63);
    const int length = verbatim ? VERBATIM : length_of(code);
    push_alone(quad, cost, lane, start, frequency, uint64_t(length), ESCAPE_BITS);
    if (!verbatim) push_alone(quad, cost, lane, 0, 65536, code, length);
}

// Puts a number of one lane, wherever it is, or that there is none.
BALER_APART void encode_alone(const Column& column, const Placement& placement, Quad& quad, int lane, Cost& cost) {
    const int64_t number = quad.number[lane], center = placement.center[lane];
    const int low_bits = placement.low_bits[lane];
    const int64_t turned = column.period == 0 ? number : center + wrapped(number - center, column.period);
    const int64_t bin = (turned >> low_bits) - placement.first[lane];
    const bool fits = quad.which[lane] != column.atoms + 2 && wrapped(number, column.period) == number;
    if (!fits || bin < 0 || bin >= BINS) {
        return encode_escape(column, quad, cost, lane, TOP_SLOT, ESCAPES, center);
    }
    const int start = placement.cumulative(ints(int32_t(bin)))[lane];
    const int stop = placement.cumulative(ints(int32_t(bin) + 1))[lane];
    push_alone(quad, cost, lane, start, stop - start, uint64_t(turned), low_bits);
}

// Puts numbers where a mask is -1.
BALER_INLINE void encode_numbers(const Column& column, const Placing& placing, Quad& quad, Cost& cost, Ints open) {
    const Placement placement(column, placing, four<Longs>(quad.base));
    const Ints sought = open & (four<Ints>(quad.which) != column.atoms + 2);
    const Longs number = four<Longs>(quad.number) & widened(sought), center = placement.center;
    Longs turned = number;
    if (column.period != 0) turned = center + wrapped(number - center, column.period);
    const Longs fits = wrapped(number, column.period) == number;
    const Longs bin = shifted(turned, widened(placement.low_bits)) - placement.first;
    const Longs inside = fits & (bin >= 0) & (bin < BINS);
    const Ints common = sought & narrowed(inside) & (placement.low_bits <= PIECE);
    const Ints index = narrowed(bin & inside), start = placement.cumulative(index);
    const Ints stop = placement.cumulative(index + 1), raw_bits = common & placement.low_bits;
    push(quad, cost, start, stop - start, raw(turned, raw_bits), common);
    cost.bits += raw_bits[0] + raw_bits[1] + raw_bits[2] + raw_bits[3];
    for_lanes(bits_of(open & ~common), [&](int lane) {
        const Placement copy = placement;
        encode_alone(column, copy, quad, lane, cost);
    });
}

BALER_INLINE void encode_values(const Network& net, const Column& column, Quad& quad, Cost& cost) {
    const Placing placing(quad);
    const Ints which = four<Ints>(quad.which);
    Ints open = four<Ints>(quad.live);
    for_decisions(net, column, quad, open, [&](int k, Ints yes) {
        const Ints is_so = which == k + (k == column.atoms);
        push(quad, cost, ~is_so & yes, chosen(is_so, yes, 65536 - yes), Longs{}, open);
        if (k < column.atoms) open &= ~is_so;
    });
    if (column.numeric && any(open)) return encode_numbers(column, placing, quad, cost, open);
    for_lanes(bits_of(open), [&](int lane) { encode_escape(column, quad, cost, lane, 0, 65536, 0); });
}

// Reports what the axes of a task do not have.
BALER_INLINE void check_encoded(const Column& column, Quad& quad) {
    const Ints which = four<Ints>(quad.which), live = four<Ints>(quad.live);
    const Ints off = (which < column.atoms) | (which == column.atoms + 2);
    const Ints strange = column.is_signed ? which > column.atoms + 2 : (~off & (which != column.atoms));
    const Ints wrong = off & narrowed(four<Longs>(quad.number) != column.center);
    for_lanes(bits_of(live & (strange | wrong)), [&](int lane) {
        fail(quad.slot[lane], strange[lane] ? Status::bad_class : Status::bad_number);
    });
}

}  // namespace
}  // namespace baler
