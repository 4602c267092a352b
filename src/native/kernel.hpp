// What a kernel works on, and the kernels that there are: one for each level of instructions.

#pragma once

#include "axis.hpp"

namespace baler {

enum class Status : std::uint8_t { ok, too_short, bad_state, bad_length, bad_number, bad_class };

// The objects of a parent that are known so far.
struct Family {
    std::int64_t children, first_child, last_child;
    std::int64_t weight;
};

// The objects of one collection in one chunk: baler.learned.task.Task.
struct Job {
    std::int64_t events, objects, parents;
    const std::int64_t* counts;
    const std::int64_t* parent_counts;
    const std::int16_t* event_features;
    const std::int16_t* parent_features;
    const std::int64_t* const* parent_bases;  // of each column: (parents,), if that is its base
    const std::int16_t* object_features;
    const std::int64_t* const* object_bases;  // of each column: (objects,), if that is its base
    const std::int64_t* weights;
    const bool* given;
    std::uint8_t* classes;
    std::int64_t* numbers;
    const std::int64_t* keys;
    Family* families;  // (parents,)
    std::int64_t* moments;  // (parents, centroids)
};

// Symbols of a lane, in the order of decoding; to be coded from last to first. From the lowest bit on: 16 bits of the
// frequency less 1, 16 of the start, then raw bits that follow the symbol: 16 of them, and how many there are. Raw
// bits alone follow a symbol that has all slots, and costs nothing.
struct Symbols {
    std::uint64_t* data = nullptr;
    std::size_t size = 0, capacity = 0;
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
constexpr int MOST_WEIGHED = 1 << 16;  // objects of a parent that count
constexpr int SPARE = 32;  // that may be written though not there
constexpr int PARENT_STATES = 64;  // that are kept in case they are needed again

// Where a lane is, and what it knows of its event and its object.
struct Slot {
    Lane* lane;
    std::int64_t event, last_event, object, rank, count;
    std::int64_t first_parent, parents;  // of the event
    std::int64_t parent, peer;  // of the object; -1 if there is none
    int unusual;  // columns so far that are not of the usual class
    const std::int32_t** unusual_rows;  // (columns,) theirs, for the next object
    const std::int32_t* parent_row;
    const std::int32_t* key_rank_row;
    const std::int32_t* peer_features;  // (pairs,)
    std::int32_t tally;  // feature of the parent's
    std::int32_t* tallies;  // (slots / 2,) features, two in each
    std::int32_t* object_features;  // the same
    std::int32_t* parent_states;  // (PARENT_STATES, units)
    std::int64_t parent_tags[PARENT_STATES];
    std::int32_t* peers;  // (parents of the event, pairs)
    std::int64_t peers_capacity;
    std::int32_t* scratch;  // (2, features of an event or a parent, and SPARE)
};

constexpr int LANES = 4;  // of a quad

// Lanes that are worked on together: their values are computed in vectors of four.
struct alignas(64) Quad {
    std::uint64_t reading[LANES];  // states of coders
    const std::uint8_t* next[LANES];
    const std::uint8_t* end[LANES];
    std::uint64_t* symbol[LANES];  // where the next is put
    std::uint64_t nowhere;  // for symbols of lanes that are not there
    std::int64_t base[LANES];
    std::int64_t number[LANES];
    std::int32_t which[LANES];  // class
    std::int32_t live[LANES];  // -1; 0 if there is no lane
    alignas(16) std::int32_t outputs[ROWS][LANES];
    std::int32_t* event_states;  // (units, LANES) in all, like the others in an order of each level's own
    std::int32_t* states;
    std::int16_t* actives;  // activations
    std::int32_t* features;  // (pairs, LANES), two in each, of the objects
    std::int32_t* before;  // of the previous ones
    Slot slot[LANES];
};

constexpr int QUADS = 2;  // while one waits for its tables and coders, the processor is busy with the other

// Raw bits of a column, and products of the probabilities of its symbols.
struct alignas(32) Cost {
    double probability[LANES] = {1, 1, 1, 1};
    double bits = 0;
};

// Out of line, and compiled for every processor.
void grow(Symbols& symbols);
void grow_peers(const Network& net, Slot& slot);
void settle(Cost& cost);

using Run = void (*)(const Network&, const Job&, Lane* lanes, int count, Quad* quads, Cost* costs);

struct Level {
    const char* name;
    int packed;  // units of a vector, if packing two of them mixes their units as packed_unit says; else 0
    Run decode, encode;
    const Columns& (*columns)(const Axis&);
    void (*momenta)(const double* pt, const double* eta, const double* phi, std::int64_t size, double* const (&to)[4]);
};

extern const Level LEVEL_PORTABLE;
#ifdef BALER_X86
extern const Level LEVEL_AVX2, LEVEL_AVX512;
#endif

}  // namespace baler
