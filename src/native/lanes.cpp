#include "lanes.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

static_assert(std::endian::native == std::endian::little, "streams are copied as they are in memory");

namespace baler {

namespace {

constexpr std::align_val_t LINE{64};
constexpr std::uint64_t LOWEST = std::uint64_t{1} << 31;

// The lanes of a job, and their symbols.
class Lanes {
public:
    Lanes(const Job& job, std::span<const std::int64_t> ends, std::size_t first, std::size_t count) : lanes_(count) {
        std::int64_t event = 0, object = 0, parent = 0;
        const auto go_to = [&](std::int64_t last) {
            for (; event < last; ++event) {
                object += job.counts[event];
                parent += job.parent_counts[event];
            }
        };
        if (first > 0) go_to(ends[first - 1]);
        for (std::size_t k = 0; k < count; ++k) {
            Lane& lane = lanes_[k];
            lane.event = event;
            lane.object = object;
            lane.parent = parent;
            lane.last_event = ends[first + k];
            go_to(lane.last_event);
        }
    }
    Lanes(const Lanes&) = delete;
    Lanes& operator=(const Lanes&) = delete;
    ~Lanes() {
        for (Lane& lane : lanes_) std::free(lane.symbols.data);
    }

    std::span<Lane> all() { return lanes_; }
    // Gives the memory of the symbols of some lanes to the lanes that come next.
    void pass_on(std::size_t first) {
        for (std::size_t k = first; k < std::min(first + TOGETHER, lanes_.size()); ++k) {
            Symbols symbols = std::exchange(lanes_[k].symbols, {});
            symbols.size = 0;
            if (k + TOGETHER < lanes_.size()) {
                lanes_[k + TOGETHER].symbols = symbols;
            } else {
                std::free(symbols.data);
            }
        }
    }
    Result result() const {
        for (std::size_t k = 0; k < lanes_.size(); ++k) {
            if (lanes_[k].status != Status::ok) return {lanes_[k].status, static_cast<std::int64_t>(k)};
        }
        return {Status::ok, 0};
    }

private:
    std::vector<Lane> lanes_;
};

// The memory of the lanes that are worked on together.
class Workshop {
public:
    explicit Workshop(const Network& net) {
        const auto units = static_cast<std::size_t>(net.units), pairs = static_cast<std::size_t>(net.pairs);
        const auto columns = static_cast<std::size_t>(net.columns);
        const auto widest = static_cast<std::size_t>(std::max(net.event_features, net.parent_features));
        for (Quad& quad : quads_) {
            quad = {};
            quad.event_states = zeros<std::int32_t>(LANES * units);
            quad.states = zeros<std::int32_t>(LANES * units);
            quad.actives = zeros<std::int16_t>(LANES * units);
            quad.features = zeros<std::int32_t>(LANES * pairs);
            quad.before = zeros<std::int32_t>(LANES * pairs);
            for (int lane = 0; lane < LANES; ++lane) {
                quad.next[lane] = quad.end[lane] = nothing_;
                quad.symbol[lane] = &quad.nowhere;
                Slot& slot = quad.slot[lane];
                slot.count = 1;
                slot.parent = slot.peer = -1;
                slot.unusual_rows = zeros<const std::int32_t*>(columns);
                slot.object_features = zeros<std::int32_t>(static_cast<std::size_t>(net.object_pairs));
                slot.tallies = zeros<std::int32_t>(static_cast<std::size_t>(net.slot_pairs));
                slot.scratch = zeros<std::int32_t>(2 * (widest + SPARE));
                if (net.has_key) slot.parent_states = zeros<std::int32_t>(PARENT_STATES * units);
                slot.parent_row = net.orphan_row;
                slot.key_rank_row = net.key_rank_rows;
                slot.peer_features = net.no_features;
            }
        }
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;
    ~Workshop() {
        for (Quad& quad : quads_) {
            for (Slot& slot : quad.slot) std::free(slot.peers);
        }
    }
    Quad* quads() { return quads_; }

private:
    template <class T>
    T* zeros(std::size_t size) {
        T* const made = arena_.take<T>(size);
        std::fill_n(made, size, T{});
        return made;
    }

    Arena arena_;
    Quad quads_[QUADS];
    std::uint8_t nothing_[4] = {};  // the stream of a lane that is not there
};

template <class T>
T* enlarged(T* old, std::size_t size) {
    void* block = std::realloc(old, size * sizeof(T));
    if (block == nullptr) throw std::bad_alloc();
    return static_cast<T*>(block);
}

// Goes through the symbols of a lane, from last to first; without branches, as no processor could foresee them.
struct Writer {
    const std::uint64_t* first;
    const std::uint64_t* symbol;  // the one before it is next
    std::uint32_t* word;  // the one before it is written next
    std::uint64_t state = LOWEST;

    std::ptrdiff_t left() const { return symbol - first; }
    void step() {
        const std::uint64_t next = *--symbol, frequency = (next & 0xffff) + 1, start = next >> 16 & 0xffff;
        const std::uint64_t bits = next >> 32 & 0xffff, size = next >> 48;
        make_room(std::uint64_t{1} << (63 - size));
        state = state << size | bits;
        make_room(frequency << 47);
        state = ((state / frequency) << 16) + state % frequency + start;
    }
    void make_room(std::uint64_t limit) {
        const bool full = state >= limit;
        word[-1] = static_cast<std::uint32_t>(state);
        word -= full;
        state >>= full ? 32 : 0;
    }
};

// Reads a stream in the slots that its symbols have, as a decoder does that places its tables where they were.
struct Checker {
    const std::uint64_t* symbol;
    const std::uint64_t* last;
    const std::uint8_t* word;
    const std::uint8_t* end;
    std::uint64_t state;
    bool good = true;

    std::ptrdiff_t left() const { return last - symbol; }
    void step() {
        const std::uint64_t next = *symbol++, frequency = (next & 0xffff) + 1, start = next >> 16 & 0xffff;
        const std::uint64_t bits = next >> 32 & 0xffff, size = next >> 48;
        const std::uint64_t slot = (state & 0xffff) - start;
        good &= slot < frequency;
        state = frequency * (state >> 16) + slot;
        refill();
        good &= (state & ~(~std::uint64_t{0} << size)) == bits;
        state >>= size;
        refill();
    }
    void refill() {
        const bool low = state < LOWEST, there = word < end;
        std::uint32_t next;
        std::memcpy(&next, there ? word : end - sizeof next, sizeof next);
        good &= !low | there;
        word += low & there ? sizeof next : 0;
        state = low ? state << 32 | next : state;
    }
    bool ends_well() const { return good && word == end && state == LOWEST; }
};

// Takes all steps of some lanes. Each waits for the one before it in its lane: four are worked on in turn.
template <class Coder>
void run(std::span<Coder> coders) {
    constexpr std::size_t FOUR = 4;
    for (; coders.size() >= FOUR; coders = coders.subspan(FOUR)) {
        Coder some[FOUR] = {coders[0], coders[1], coders[2], coders[3]};  // in registers
        std::ptrdiff_t common = some[0].left();
        for (const Coder& coder : some) common = std::min(common, coder.left());
        for (; common > 0; --common) {
            for (Coder& coder : some) coder.step();
        }
        for (Coder& coder : some) {
            while (coder.left() > 0) coder.step();
        }
        std::copy_n(some, FOUR, coders.begin());
    }
    for (Coder& coder : coders) {
        while (coder.left() > 0) coder.step();
    }
}

// Makes the streams of a few lanes; words are room for each of them.
void write_streams(
    std::span<Lane> lanes, std::vector<std::uint8_t>* streams, std::vector<std::vector<std::uint32_t>>& words
) {
    std::vector<Writer> writers;
    words.resize(std::max(words.size(), lanes.size()));
    for (std::size_t k = 0; k < lanes.size(); ++k) {
        const Symbols& symbols = lanes[k].symbols;
        const std::size_t most = 2 * symbols.size + 1;
        if (words[k].size() < most) words[k].resize(most);
        writers.push_back({symbols.data, symbols.data + symbols.size, words[k].data() + most});
    }
    run<Writer>(writers);
    for (std::size_t k = 0; k < lanes.size(); ++k) {
        const std::uint32_t* end = words[k].data() + 2 * lanes[k].symbols.size + 1;
        streams[k].resize(8 + sizeof(std::uint32_t) * static_cast<std::size_t>(end - writers[k].word));
        std::memcpy(streams[k].data(), &writers[k].state, 8);
        std::memcpy(streams[k].data() + 8, writers[k].word, streams[k].size() - 8);
    }
}

// Reads the streams of a few lanes.
void check_streams(std::span<Lane> lanes, const std::vector<std::uint8_t>* streams) {
    std::vector<Checker> checkers;
    for (const Lane& lane : lanes) {
        const std::vector<std::uint8_t>& stream = *streams++;
        const Symbols& symbols = lane.symbols;
        std::uint64_t state;
        std::memcpy(&state, stream.data(), 8);
        const std::uint8_t* const end = stream.data() + stream.size();
        checkers.push_back({symbols.data, symbols.data + symbols.size, stream.data() + 8, end, state});
    }
    run<Checker>(checkers);
    for (std::size_t k = 0; k < lanes.size(); ++k) {
        if (!checkers[k].ends_well()) lanes[k].status = Status::bad_state;
    }
}

// Copies a stream to where it may be read beyond its end, and reads its state; returns what follows it.
std::uint8_t* begin_stream(const Stream& stream, Lane& lane, std::uint8_t* room) {
    if (stream.size > 0) std::memcpy(room, stream.data, stream.size);
    std::memset(room + stream.size, 0, PADDING);
    std::uint8_t* const after = room + stream.size + PADDING;
    std::memcpy(&lane.state, room, 8);
    lane.next = room + 8;
    lane.end = room + stream.size;
    if (stream.size < 8) {
        lane.status = Status::too_short;
        lane.next = lane.end;
    } else if (stream.size % 4 != 0 || lane.state < LOWEST || lane.state >= LOWEST << 32) {
        lane.status = Status::bad_state;
    }
    return after;
}

}  // namespace

void grow(Symbols& symbols) {
    const std::size_t more = std::max<std::size_t>(symbols.capacity, std::size_t{1} << 20);
    symbols.data = enlarged(symbols.data, symbols.capacity + more);
    symbols.capacity += more;
}

void grow_peers(const Network& net, Slot& slot) {
    const auto each = static_cast<std::size_t>(net.pairs);
    slot.peers = enlarged(slot.peers, static_cast<std::size_t>(slot.parents) * each + 1);
    slot.peers_capacity = slot.parents;
}

void settle(Cost& cost) {
    for (double& probability : cost.probability) {
        cost.bits -= std::log2(probability);
        probability = 1;
    }
}

std::vector<const Level*> levels() {
    std::vector<const Level*> found{&LEVEL_PORTABLE};
#ifdef BALER_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) {
        found.push_back(&LEVEL_AVX2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512vnni")) {
            found.push_back(&LEVEL_AVX512);
        }
    }
#endif
    return found;
}

const Level& level_named(const std::string& name) {
    for (const Level* level : levels()) {
        if (level->name == name) return *level;
    }
    throw std::invalid_argument("no level " + name + " on this processor");
}

Result decode(
    const Level& level, const Network& net, const Job& job, std::span<const std::int64_t> ends,
    std::span<const Stream> streams
) {
    std::size_t size = 0;
    for (const Stream& stream : streams) size += stream.size + PADDING;
    const auto room = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    Lanes lanes(job, ends, 0, streams.size());
    std::uint8_t* at = room.get();
    for (std::size_t k = 0; k < streams.size(); ++k) at = begin_stream(streams[k], lanes.all()[k], at);
    Workshop workshop(net);
    level.decode(net, job, lanes.all().data(), static_cast<int>(streams.size()), workshop.quads(), nullptr);
    for (Lane& lane : lanes.all()) {
        if (lane.status == Status::ok && (lane.next != lane.end || lane.state != LOWEST)) {
            lane.status = Status::bad_state;
        }
    }
    return lanes.result();
}

Result encode(
    const Level& level, const Network& net, const Job& job, std::span<const std::int64_t> ends, std::size_t first,
    std::vector<std::vector<std::uint8_t>>& streams, double* bits
) {
    Lanes lanes(job, ends, first, streams.size());
    Workshop workshop(net);
    std::vector<std::vector<std::uint32_t>> words;
    for (std::size_t k = 0; k < streams.size(); k += TOGETHER) {  // few at a time, for their symbols take memory
        std::vector<Cost> costs(static_cast<std::size_t>(net.columns));
        const std::span<Lane> few = lanes.all().subspan(k, std::min<std::size_t>(TOGETHER, streams.size() - k));
        level.encode(net, job, few.data(), static_cast<int>(few.size()), workshop.quads(), costs.data());
        if (lanes.result().status != Status::ok) break;
        write_streams(few, streams.data() + k, words);
        check_streams(few, streams.data() + k);
        lanes.pass_on(k);
        for (Cost& cost : costs) {
            settle(cost);
            *bits++ = cost.bits;
        }
    }
    return lanes.result();
}

void Arena::Free::operator()(void* block) const { ::operator delete(block, LINE); }

void* Arena::take_bytes(std::size_t size) {
    blocks_.emplace_back(::operator new(std::max<std::size_t>(size, 1), LINE));
    return blocks_.back().get();
}

}  // namespace baler
