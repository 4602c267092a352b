// Encoding and decoding of lanes, for one level of instructions. Weights come into the nearest cache once for all
// lanes: these are worked on together, column by column.

#pragma once

#include "values.hpp"

namespace baler {
namespace {

// ---- Parents ----------------------------------------------------------------------------------------------

// The feature of a sum of weights.
int32_t log_of(int64_t sum) {
    if (sum == 0) return -512;
    const int octave = length_of(uint64_t(sum)) - 1;
    return int32_t(clamp<int64_t>(16 * octave + ((sum << 4) >> octave) - 272, -512, 511));
}

void set_feature(int32_t* pairs, int64_t at, int32_t feature) {
    const auto narrow = int16_t(feature);
    std::memcpy(reinterpret_cast<char*>(pairs) + sizeof narrow * at, &narrow, sizeof narrow);
}

const int32_t* parent_state(const Network& net, const Job& job, Slot& slot) {
    const int64_t at = slot.parent % PARENT_STATES;
    int32_t* state = slot.parent_states + at * net.units;
    if (slot.parent_tags[at] != slot.parent) {
        slot.parent_tags[at] = slot.parent;
        const int16_t* features = job.parent_features + slot.parent * net.parent_features;
        outer_state(
            size_t(net.units), state, U, net.zeros, net.parent, features, net.parent_features, slot.scratch
        );
    }
    return state;
}

// Finds parent and peer.
void follow_key(const Network& net, const Job& job, Slot& slot, int which, int64_t number) {
    const int atoms = net.column[0].atoms;
    const int64_t index = which < atoms ? job.keys[which] : which == atoms ? number : -1;
    slot.parent_row = net.orphan_row;
    slot.key_rank_row = net.key_rank_rows;
    slot.peer_features = net.no_features;
    slot.tally = 0;
    if (index < 0 || index >= slot.parents) return;
    slot.parent = slot.first_parent + index;
    slot.parent_row = parent_state(net, job, slot);
    const Family& family = job.families[slot.parent];
    if (family.children > 0) {
        slot.peer = family.last_child;
        slot.key_rank_row += net.units * (1 + ladder(family.children, net.ranks - 1));
        slot.peer_features = slot.peers + index * net.pairs;
    }
    if (net.weight >= 0) slot.tally = log_of(family.weight) & 0xffff;
}

// Adds an object to the tally of its parent.
void weigh(const Network& net, const Job& job, Slot& slot, Family& family) {
    const int64_t* numbers = job.numbers + net.weight * job.objects;
    if (job.classes[net.weight * job.objects + slot.object] != net.column[net.weight].atoms) return;
    const int64_t weight = job.weights[clamp<int64_t>(numbers[slot.object] - net.first_weight, 0, net.weights - 1)];
    family.weight += weight;
    for (int k = 0; k < net.centroids; ++k) {
        constexpr int64_t FARTHEST = 1 << 24;
        const int64_t* placed = job.numbers + net.centroid[k] * job.objects;
        const int64_t apart = wrapped(placed[slot.object] - placed[family.first_child], net.column[net.centroid[k]].period);
        job.moments[slot.parent * net.centroids + k] += weight * clamp(apart, -FARTHEST, FARTHEST);
    }
    const int64_t index = slot.parent - slot.first_parent;
    if (index < net.slots) set_feature(slot.tallies, index, log_of(family.weight));
}

// ---- Objects ----------------------------------------------------------------------------------------------

// Asks for what the next event needs: there are more streams of memory than processors foresee.
void prefetch_event(const Network& net, const Job& job, const Slot& slot) {
    constexpr uintptr_t LINE = 64;
    constexpr int64_t MOST = 1024;
    const auto fetch = [](const void* first, int64_t bytes) {
        const auto from = reinterpret_cast<uintptr_t>(first);
        const uintptr_t end = from + uintptr_t(bytes < MOST ? bytes : MOST);
        for (uintptr_t at = from / LINE * LINE; at < end; at += LINE) {
            __builtin_prefetch(reinterpret_cast<const void*>(at));
        }
    };
    if (slot.event + 1 >= slot.last_event) return;
    const int64_t parent = slot.first_parent + slot.parents, parents = job.parent_counts[slot.event + 1];
    fetch(job.event_features + (slot.event + 1) * net.event_features, 2 * net.event_features);
    fetch(job.parent_features + parent * net.parent_features, 2 * parents * net.parent_features);
    fetch(job.families + parent, parents * int64_t{sizeof(Family)});
    for (int j = 0; j < net.columns; ++j) {
        if (net.column[j].base == Base::parent) fetch(job.parent_bases[j] + parent, 8 * parents);
    }
}

void begin_event(const Network& net, const Job& job, Quad& quad, int lane) {
    Slot& slot = quad.slot[lane];
    slot.rank = 0;
    slot.unusual = 0;
    for (int p = 0; p < net.pairs; ++p) quad.before[LANES * p + lane] = 0;
    for (int p = 0; p < net.slots; ++p) set_feature(slot.tallies, p, log_of(0));
    if (net.has_key && slot.parents > slot.peers_capacity) grow_peers(net, slot);
    prefetch_event(net, job, slot);
    const int16_t* features = job.event_features + slot.event * net.event_features;
    outer_state(
        size_t(net.units), quad.event_states + U * lane, U * LANES, net.bias, net.event, features,
        net.event_features, slot.scratch
    );
}

// Goes to the next object; returns false if there is none.
bool next_object(const Network& net, const Job& job, Quad& quad, int lane) {
    Slot& slot = quad.slot[lane];
    if (++slot.rank >= slot.count) {
        do {
            if (++slot.event >= slot.last_event) return false;
            slot.first_parent += slot.parents;
            slot.parents = job.parent_counts[slot.event];
            slot.count = job.counts[slot.event];
        } while (slot.count == 0);
        begin_event(net, job, quad, lane);
    }
    ++slot.object;
    slot.parent = slot.peer = -1;
    if (net.object_features > 0) {
        const int16_t* features = job.object_features + slot.object * net.object_features;
        __builtin_prefetch(features + 4 * net.object_features);
        std::memcpy(slot.object_features, features, sizeof(int16_t) * size_t(net.object_features));
    }
    return true;
}

void end_object(const Network& net, const Job& job, Quad& quad, int lane) {
    Slot& slot = quad.slot[lane];
    if (slot.parent < 0) return;
    int32_t* const peer = slot.peers + (slot.parent - slot.first_parent) * net.pairs;
    for (int p = 0; p < net.pairs; ++p) peer[p] = quad.features[LANES * p + lane];
    Family& family = job.families[slot.parent];
    if (family.children == 0) family.first_child = slot.object;
    if (net.weight >= 0 && family.children < MOST_WEIGHED) weigh(net, job, slot, family);
    family.last_child = slot.object;
    ++family.children;
}

template <bool ENCODING>
BALER_INLINE void code_values(const Network& net, const Job& job, Quad& quad, int j, int live, Cost* costs) {
    const Column& column = net.column[j];
    int64_t* const numbers = job.numbers + j * job.objects;
    uint8_t* const classes = job.classes + j * job.objects;
    find_bases(net, column, job, quad, j);
    if (ENCODING || job.given[j]) {
        const Slot* const slot = quad.slot;
        const int64_t at[] = {slot[0].object, slot[1].object, slot[2].object, slot[3].object};
        for (const int64_t object : at) {
            __builtin_prefetch(numbers + object + 16);
            __builtin_prefetch(classes + object + 64);
        }
        put(quad.which, Ints{classes[at[0]], classes[at[1]], classes[at[2]], classes[at[3]]});
        put(quad.number, Longs{numbers[at[0]], numbers[at[1]], numbers[at[2]], numbers[at[3]]});
        if (ENCODING && !job.given[j]) {
            check_encoded(column, quad);
            encode_values(net, column, quad, costs[j]);
        }
    } else {
        decode_values(net, column, quad);
        check_decoded(column, quad);
        for_lanes(live, [&](int lane) {
            const int64_t at = quad.slot[lane].object;
            __builtin_prefetch(numbers + at + 16, 1);
            __builtin_prefetch(classes + at + 64, 1);
            classes[at] = uint8_t(quad.which[lane]);
            numbers[at] = quad.number[lane];
        });
    }
    make_features(column, quad);
}

// Codes one object of each lane. Lanes that are not there beside others have states too, which nobody reads.
template <bool ENCODING>
void code_objects(const Network& net, const Job& job, Quad* quads, int count, Cost* costs) {
    const auto for_quads = [&](const auto& function) {
        for (int q = 0; q < count; ++q) {
            const int live = bits_of(four<Ints>(quads[q].live));
            if (live != 0) function(quads[q], live);
        }
    };
    const auto for_parts = [&](const auto& function) {
        for_quads([&](Quad& quad, int) {
            for (int from = 0; from < LANES; from += L) function(quad, from);
        });
    };
    for_parts([&](Quad& quad, int from) {
        first_states(net, quad, from);
        for (int lane = 0; lane < L; ++lane) quad.slot[from + lane].unusual = 0;
    });
    for (int j = 0; j < net.columns; ++j) {
        const Column& column = net.column[j];
        if (!job.given[j]) {
            const auto outputs = column.groups > 1 ? first_outputs<true> : first_outputs<false>;
            for_parts([&](Quad& quad, int from) { outputs(net, column, quad, from); });
        }
        for_quads([&](Quad& quad, int live) { code_values<ENCODING>(net, job, quad, j, live, costs); });
        if (column.pairs > 0) {
            const auto add = column.pairs == 1   ? add_column<1>
                             : column.pairs == 2 ? add_column<2>
                             : column.pairs == 3 ? add_column<3>
                                                 : add_column<0>;
            for_parts([&](Quad& quad, int from) { add(net, column, quad, from); });
        }
        for_quads([&](Quad& quad, int live) {
            for_lanes(live & bits_of(four<Ints>(quad.which) != column.usual), [&](int lane) {
                Slot& slot = quad.slot[lane];
                const int64_t row = net.units * quad.which[lane];
                add_row(net, quad, lane, column.own_rows + row);
                slot.unusual_rows[slot.unusual++] = column.prev_rows + row;
            });
        });
        if (j == 0 && net.has_key) {
            for_quads([&](Quad& quad, int live) {
                for_lanes(live, [&](int lane) {
                    follow_key(net, job, quad.slot[lane], quad.which[lane], quad.number[lane]);
                });
            });
            for_parts([&](Quad& quad, int from) { add_relations(net, quad, from); });
        }
    }
    for_quads([&](Quad& quad, int live) {
        for_lanes(live, [&](int lane) { end_object(net, job, quad, lane); });
        int32_t* const features = quad.features;
        quad.features = quad.before;
        quad.before = features;
    });
}

// ---- Lanes ------------------------------------------------------------------------------------------------

void begin_lane(Quad& quad, int at, Lane& lane) {
    Slot& slot = quad.slot[at];
    slot.lane = &lane;
    slot.event = lane.event - 1;
    slot.last_event = lane.last_event;
    slot.object = lane.object - 1;
    slot.rank = -1;
    slot.count = 0;
    slot.first_parent = lane.parent;
    slot.parents = 0;
    for (int64_t& tag : slot.parent_tags) tag = -1;
    quad.reading[at] = lane.state;
    quad.next[at] = lane.next;
    quad.end[at] = lane.end;
    quad.live[at] = -1;
}

// Leaves a place where nothing that is done does harm.
void end_lane(Quad& quad, int at) {
    Slot& slot = quad.slot[at];
    slot.lane->state = quad.reading[at];
    slot.lane->next = quad.next[at];
    slot.rank = 0;
    slot.count = 1;
    slot.object = 0;
    slot.parent = slot.peer = -1;
    quad.symbol[at] = &quad.nowhere;
    quad.live[at] = 0;
}

void make_room(const Network& net, Quad& quad, int at) {
    Symbols& symbols = quad.slot[at].lane->symbols;
    if (symbols.capacity - symbols.size < size_t(net.columns) * SYMBOLS) grow(symbols);
    quad.symbol[at] = symbols.data + symbols.size;
}

// Goes to the next object of each place, in the same lane or another; returns how many places have one.
template <bool ENCODING>
int next_objects(const Network& net, const Job& job, Quad* quads, int used, Lane*& lane, const Lane* end) {
    int busy = 0;
    for (int k = 0; k < LANES * used; ++k) {
        Quad& quad = quads[k / LANES];
        const int at = k % LANES;
        while (quad.live[at]) {
            const bool goes_on = quad.slot[at].lane->status == Status::ok;
            if (goes_on && next_object(net, job, quad, at)) break;
            end_lane(quad, at);
            if (lane != end) begin_lane(quad, at, *lane++);
        }
        if (!quad.live[at]) continue;
        ++busy;
        if (ENCODING) make_room(net, quad, at);
    }
    return busy;
}

// Works on all lanes, as many at a time as there are places.
template <bool ENCODING>
void code_lanes(const Network& net, const Job& job, Lane* lanes, int count, Quad* quads, Cost* costs) {
    const int used = count <= LANES ? 1 : QUADS;
    Lane *lane = lanes, *const end = lanes + count;
    for (int k = 0; k < LANES * used && lane != end; ++k) begin_lane(quads[k / LANES], k % LANES, *lane++);
    while (next_objects<ENCODING>(net, job, quads, used, lane, end) > 0) {
        code_objects<ENCODING>(net, job, quads, used, costs);
        for (int k = 0; ENCODING && k < LANES * used; ++k) {
            const Quad& quad = quads[k / LANES];
            const int at = k % LANES;
            if (!quad.live[at]) continue;
            Symbols& symbols = quad.slot[at].lane->symbols;
            symbols.size = size_t(quad.symbol[at] - symbols.data);
        }
    }
}

}  // namespace
}  // namespace baler
