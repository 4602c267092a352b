#include "layout.hpp"

#include <algorithm>

namespace baler {

namespace {

// The unit that is at a place after vectors of units were packed, two into one: instructions for that work on
// each 128 bits of a vector alone.
int packed_unit(int place, int packed) {
    if (packed == 0) return place;
    const int block = place / (2 * packed) * (2 * packed), within = place % (2 * packed);
    const int part = within / 8, of_part = within % 8;
    return block + (of_part < 4 ? 4 * part + of_part : packed + 4 * part + of_part - 4);
}

}  // namespace

void add_wide(std::int32_t* to, const std::int16_t* row, int units) {
    for (int u = 0; u < units; ++u) to[u] += 64 * row[u];
}

const std::int32_t* wide_rows(Arena& arena, const std::int16_t* rows, int count, int units) {
    auto* const wide = arena.take<std::int32_t>(static_cast<std::size_t>(count) * units);
    std::transform(rows, rows + static_cast<std::size_t>(count) * units, wide, [](int x) { return 64 * x; });
    return wide;
}

const std::int32_t* relative_rows(Arena& arena, const std::int16_t* rows, int count, int units, int usual) {
    auto* const wide = arena.take<std::int32_t>(static_cast<std::size_t>(count) * units);
    for (int k = 0; k < count * units; ++k) wide[k] = 64 * (rows[k] - rows[usual * units + k % units]);
    return wide;
}

const std::int32_t* ranked_rows(
    Arena& arena, const std::int16_t* rows, int count, int units, const std::int16_t* first,
    const std::int32_t* later
) {
    auto* const wide = arena.take<std::int32_t>(static_cast<std::size_t>(count + 1) * units);
    for (int k = 0; k <= count; ++k) {
        std::int32_t* const row = wide + k * units;
        std::fill_n(row, units, 0);
        add_wide(row, rows + std::max(k - 1, 0) * units, units);
        if (k == 0) {
            add_wide(row, first, units);
        } else {
            for (int u = 0; u < units; ++u) row[u] += later[u];
        }
    }
    return wide;
}

void pair_weights(
    std::int16_t* to, const std::int16_t* weights, int units, int columns, int first, int count
) {
    for (int k = 0; k < count + count % 2; ++k) {
        std::int16_t* const pair = to + k / 2 * 2 * units + k % 2;
        for (int u = 0; u < units; ++u) {
            pair[2 * u] = k < count ? weights[static_cast<std::size_t>(u) * columns + first + k] : 0;
        }
    }
}

const std::int16_t* paired(Arena& arena, const std::int16_t* weights, int units, int columns) {
    auto* const to = arena.take<std::int16_t>(static_cast<std::size_t>(columns + columns % 2) * units);
    pair_weights(to, weights, units, columns, 0, columns);
    return to;
}

const std::int16_t* packed_limits(Arena& arena, int units, int rectified, int packed) {
    auto* const low = arena.take<std::int16_t>(static_cast<std::size_t>(units));
    for (int k = 0; k < units; ++k) low[k] = packed_unit(k, packed) < rectified ? 0 : -8192;
    return low;
}

void pack_heads(
    Arena& arena, Column& column, const std::int16_t* heads, const std::int32_t* offsets, int units, int packed
) {
    const int decisions = column.atoms + column.is_signed, placing = column.numeric ? 3 : 0;
    column.groups = std::max(1, (decisions + placing + ROWS - 1) / ROWS);
    auto* const to = arena.take<std::int16_t>(static_cast<std::size_t>(column.groups) * ROWS * units);
    auto* const starts = arena.take<std::int32_t>(static_cast<std::size_t>(column.groups) * ROWS);
    for (int row = 0; row < column.groups * ROWS; ++row) {
        const int stored = row < placing ? decisions + row : row - placing;
        const bool used = row < placing + decisions;
        starts[row] = used ? offsets[stored] : 0;
        for (int k = 0; k < units; ++k) {
            const std::size_t step = static_cast<std::size_t>(row / ROWS) * (units / STEP) + k / STEP;
            to[(step * ROWS + row % ROWS) * STEP + k % STEP] =
                used ? heads[static_cast<std::size_t>(stored) * units + packed_unit(k, packed)] : 0;
        }
    }
    column.heads = to;
    column.offsets = starts;
}

const Table* make_tables(Arena& arena, const std::uint16_t* tables, int count) {
    auto* const made = arena.take<Table>(static_cast<std::size_t>(count));
    for (int k = 0; k < count; ++k, tables += NODES) {
        Table& table = made[k];
        for (int n = 0; n < NODES - 1; ++n) {
            table.nodes[n] = tables[n] | static_cast<std::uint32_t>(tables[n + 1] - tables[n]) << 16;
        }
        const auto slots = [&](int z) {
            const std::uint32_t node = table.nodes[z >> 6];
            return static_cast<int>((node & 0xffff) + (((node >> 16) * (z & 63)) >> 6));
        };
        int z = 0;
        for (int part = 0; part < 256; ++part) {
            // Fewer slots than bins that most numbers have on their left, each of which has one of its own: of 0 to
            // 200, this is wrong least often.
            const int before = std::max(0, 256 * part - 112);
            while (z < 64 * (NODES - 2) && slots(z + 1) <= before) ++z;
            table.start[part] = static_cast<std::uint16_t>(z);
        }
    }
    return made;
}

}  // namespace baler
