// What a kernel works on, and the kernels that there are: one for each level of instructions.

#pragma once

#include "network.hpp"

namespace baler {

enum class Status : std::uint8_t { ok, too_short, bad_state, bad_length, bad_number, bad_class };

// The objects of a parent that are known so far.
struct Family {
    std::int64_t children, first_child, last_child;
    std::int64_t weight;
};

// One collection in one chunk: baler.learned.task.Task.
struct Job {
    std::int64_t events, objects, parents;
    const std::int64_t* counts;
    const std::int64_t* parent_counts;
    const std::int16_t* event_features;
    const std::int16_t* parent_features;
    const std::int64_t* parent_bases;
    const std::int16_t* object_features;
    const std::int64_t* object_bases;
    const std::int64_t* weights;
    const bool* given;
    std::uint8_t* classes;
    std::int64_t* numbers;
    const std::int64_t* keys;
    Family* families;  // (parents,)
    std::int64_t* moments;  // (parents, centroids)
};

// Symbols of a lane, in the order of decoding; to be coded from last to first. A symbol is its start above bit
// 16, its frequency below. Raw bits are two: the bits, then their number above bit 16 and 0 below.
struct Symbols {
    std::uint32_t* data = nullptr;
    std::size_t size = 0, capacity = 0;
};

// Raw bits of a column, and the product of the probabilities of its symbols.
struct Cost {
    double bits = 0;
    double probability = 1;
};

// Some events, which are coded one after the other into one stream.
struct Lane {
    Status status = Status::ok;
    std::int64_t event = 0, last_event = 0;  // the last is outside
    std::int64_t object = 0, parent = 0;  // the first of the first event
    std::uint64_t state = 0;
    const std::uint8_t* next = nullptr;  // words of the stream; PADDING bytes follow its end
    const std::uint8_t* end = nullptr;
    Symbols symbols;
};

constexpr int PADDING = 1024;  // more than one value can read
constexpr int SYMBOLS = 256;  // more than one value can make

constexpr int MOST_WEIGHED = 1 << 16;  // objects of a parent

constexpr int PARENT_STATES = 64;  // that are kept in case they are needed again

// The memory of a lane that is being worked on.
struct Slot {
    Lane* lane;
    std::int64_t event, last_event, object, rank, count;
    std::int64_t first_parent, parents;  // of the event
    std::int64_t parent, peer;  // of the object; -1 if there is none
    std::uint64_t reading;
    const std::uint8_t* next;
    alignas(16) std::int32_t outputs[ROWS];
    std::int32_t* event_state;  // (units,)
    std::int32_t* state;  // (units,)
    std::int16_t* active;  // (units,) activations, as they are packed
    std::int16_t* features;  // (pairs, 2) of the object
    std::int16_t* before;  // of the previous one
    std::uint8_t* classes;  // (columns,) of the object
    int unusual;  // how many columns of the previous object were not of the class that rows are relative to
    const std::int32_t** unusual_rows;  // (columns,) theirs
    const std::int32_t* parent_row;
    const std::int32_t* key_rank_row;
    const std::int16_t* peer_features;
    std::int16_t tally[2];  // feature of the parent's, and 0
    std::int16_t* tallies;  // (slots,) features
    std::int16_t* object_features;
    std::int16_t* scratch;  // (features of an event or a parent, 2)
    std::int32_t* parent_states;  // (PARENT_STATES, units)
    std::int64_t parent_tags[PARENT_STATES];
    std::int16_t* peers;  // (parents of the event, pairs, 2)
    std::int64_t peers_capacity;
};

constexpr int SLOTS = 4;  // lanes that are worked on together

// Out of line, and compiled for every processor.
void grow(Symbols& symbols);
void grow_peers(const Network& net, Slot& slot);
void settle(Cost& cost);

using Run = void (*)(const Network&, const Job&, Lane* lanes, int count, Slot* slots, Cost* costs);

struct Level {
    const char* name;
    int packed;  // units of a vector, if packing two of them mixes their units as pack_order says; else 0
    Run decode, encode;
};

extern const Level LEVEL_PORTABLE;
#ifdef BALER_X86
extern const Level LEVEL_AVX2, LEVEL_AVX512;
#endif

}  // namespace baler
