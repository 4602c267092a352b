// Streams of a collection, and the network in memory.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel.hpp"

namespace baler {

// The levels that run on this processor, the slowest first.
std::vector<const Level*> levels();
// The one with this name; raises std::invalid_argument.
const Level& level_named(const std::string& name);

struct Stream {
    const std::uint8_t* data;
    std::size_t size;
};

struct Result {
    Status status;
    std::int64_t lane;
};

// Fills in the classes and numbers of all columns that are not given. Each lane ends before some event.
Result decode(
    const Level& level, const Network& net, const Job& job, std::span<const std::int64_t> ends,
    std::span<const Stream> streams
);

constexpr std::size_t TOGETHER = LANES * QUADS;  // lanes that are worked on at once

// Makes a stream for each lane from one on, reads it again, and says how many bits each column takes in each TOGETHER
// of them.
Result encode(
    const Level& level, const Network& net, const Job& job, std::span<const std::int64_t> ends, std::size_t first,
    std::vector<std::vector<std::uint8_t>>& streams, double* bits
);

// Memory that begins where cache lines do.
class Arena {
public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    template <class T>
    T* take(std::size_t size) {
        return static_cast<T*>(take_bytes(size * sizeof(T)));
    }

private:
    struct Free {
        void operator()(void* block) const;
    };
    void* take_bytes(std::size_t size);
    std::vector<std::unique_ptr<void, Free>> blocks_;
};

}  // namespace baler
