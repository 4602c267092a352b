// The Python module baler._native. Models and tasks come as the objects of baler.learned, which has checked them.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <list>

#include "axes.hpp"
#include "children.hpp"
#include "lanes.hpp"
#include "layout.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace baler {
namespace {

template <class T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

// The array in a field of a Python object, of the shape that is expected.
template <class T>
Array<T> field(nb::handle object, const char* name, std::initializer_list<std::int64_t> shape) {
    auto array = nb::cast<Array<T>>(object.attr(name));
    bool fits = array.ndim() == shape.size();
    for (std::size_t k = 0; fits && k < shape.size(); ++k) {
        fits = array.shape(k) == static_cast<std::size_t>(shape.begin()[k]);
    }
    if (!fits) throw nb::value_error((std::string("an array has an unexpected shape: ") + name).c_str());
    return array;
}

int size_of(nb::handle object, const char* name, std::size_t axis) {
    return static_cast<int>(nb::cast<nb::ndarray<nb::ro>>(object.attr(name)).shape(axis));
}

// A network, with the memory that it points to.
class Kernel {
public:
    Kernel(const std::string& level, nb::handle net, nb::sequence axes, nb::handle odds)
        : level_(level_named(level)) {
        const nb::object columns = net.attr("columns");
        net_.units = size_of(net, "bias", 0);
        net_.columns = static_cast<int>(nb::len(columns));
        net_.ranks = size_of(net, "rank_rows", 0);
        net_.has_key = !nb::cast<std::string>(net.attr("key")).empty();
        net_.event_features = size_of(net, "event", 1);
        net_.parent_features = size_of(net, "parent", 1);
        net_.object_features = size_of(net, "object", 1);
        net_.slots = size_of(net, "slot", 1);
        net_.object_pairs = (net_.object_features + 1) / 2;
        net_.slot_pairs = (net_.slots + 1) / 2;
        net_.weight = nb::cast<int>(net.attr("weight"));
        net_.first_weight = nb::cast<std::int64_t>(net.attr("weight_first"));
        net_.weights = nb::cast<std::int64_t>(net.attr("weight_count"));
        const bool weighs = net_.weight < 0 || (net_.weight < net_.columns && net_.weights > 0 && net_.has_key);
        if (net_.units % STEP != 0 || net_.ranks < 1 || net_.columns < 1 || !weighs) {
            throw nb::value_error("a network has sizes that no kernel can work with");
        }
        net_.low = packed_limits(arena_, net_.units, nb::cast<int>(net.attr("rectified")), level_.packed);
        net_.zeros = zeros<std::int32_t>(net_.units);
        net_.bias = wide(net, "bias", {net_.units});
        net_.left_rows = wide(net, "left_rows", {net_.ranks, net_.units});
        net_.orphan_row = wide(net, "orphan_row", {net_.units});
        net_.event = weights(net, "event", net_.event_features);
        net_.parent = weights(net, "parent", net_.parent_features);
        net_.object = weights(net, "object", net_.object_features);
        net_.slot = weights(net, "slot", net_.slots);
        net_.tally = weights(net, "tally", net_.weight < 0 ? 0 : 1);
        std::int32_t* const always = zeros<std::int32_t>(net_.units);
        add_columns(columns, axes, always);
        net_.previous = joined_weights(net, "previous");
        net_.peer = net_.has_key ? joined_weights(net, "peer") : nullptr;
        net_.no_features = zeros<std::int32_t>(net_.pairs);
        net_.rank_rows = ranked(net, "rank_rows", "first_row", always);
        net_.key_rank_rows = ranked(net, "key_rank_rows", "lonely_row", net_.zeros);
        const auto all_odds = nb::cast<Array<const std::uint16_t>>(odds);
        if (all_odds.size() != ODDS) throw nb::value_error("a model has an unexpected number of odds");
        net_.odds = copied<std::int32_t>(all_odds.data(), ODDS);
    }

    std::pair<Status, std::int64_t> decode(
        nb::handle task, const std::vector<std::int64_t>& ends, const std::vector<nb::bytes>& streams
    ) const {
        const Work work(net_, task);
        work.check_ends(ends, 0, streams.size());
        std::vector<Stream> views;
        for (const nb::bytes& stream : streams) {
            views.push_back({static_cast<const std::uint8_t*>(stream.data()), stream.size()});
        }
        Result result;
        {
            const nb::gil_scoped_release others_run;
            result = baler::decode(level_, net_, work.job, ends, views);
        }
        return {result.status, result.lane};
    }

    nb::tuple encode(
        nb::handle task, const std::vector<std::int64_t>& ends, std::size_t first, std::size_t lanes,
        Array<double> bits
    ) const {
        const Work work(net_, task);
        work.check_ends(ends, first, lanes);
        const std::size_t batches = (lanes + TOGETHER - 1) / TOGETHER;
        if (bits.size() != batches * static_cast<std::size_t>(net_.columns)) throw nb::value_error("bits of other columns");
        std::vector<std::vector<std::uint8_t>> streams(lanes);
        Result result;
        {
            const nb::gil_scoped_release others_run;
            result = baler::encode(level_, net_, work.job, ends, first, streams, bits.data());
        }
        nb::list made;
        for (const auto& stream : streams) made.append(nb::bytes(stream.data(), stream.size()));
        return nb::make_tuple(result.status, result.lane, made);
    }

private:
    // A task, and what the coding of its objects remembers of parents.
    struct Work {
        Work(const Network& net, nb::handle task)
            : counts(nb::cast<Array<const std::int64_t>>(task.attr("counts"))) {
            const auto events = static_cast<std::int64_t>(counts.size());
            const std::int64_t objects = size_of(task, "classes", 1), parents = size_of(task, "parent_features", 0);
            job.events = events;
            job.objects = objects;
            job.parents = parents;
            job.counts = counts.data();
            job.parent_counts = data<const std::int64_t>(task, "parent_counts", {events});
            job.event_features = data<const std::int16_t>(task, "event_features", {events, net.event_features});
            job.parent_features =
                data<const std::int16_t>(task, "parent_features", {parents, net.parent_features});
            job.parent_bases = bases(net, task, "parent_bases", Base::parent, parents);
            job.object_features =
                data<const std::int16_t>(task, "object_features", {objects, net.object_features});
            job.object_bases = bases(net, task, "object_bases", Base::object, objects);
            job.weights = data<const std::int64_t>(task, "weights", {net.weights});
            job.given = data<const bool>(task, "given", {net.columns});
            job.classes = data<std::uint8_t>(task, "classes", {net.columns, objects});
            job.numbers = data<std::int64_t>(task, "numbers", {net.columns, objects});
            job.keys = data<const std::int64_t>(task, "keys", {net.column[0].atoms});
            if (sum(job.counts, events) != objects || sum(job.parent_counts, events) != parents) {
                throw nb::value_error("counts of a task do not sum to its objects and parents");
            }
            families.resize(static_cast<std::size_t>(parents));
            moments.resize(static_cast<std::size_t>(parents) * static_cast<std::size_t>(net.centroids));
            job.families = families.data();
            job.moments = moments.data();
        }

        void check_ends(const std::vector<std::int64_t>& ends, std::size_t first, std::size_t lanes) const {
            const bool fit = std::is_sorted(ends.begin(), ends.end()) && first + lanes <= ends.size();
            if (!fit || ends.empty() || ends.front() < 0 || ends.back() > job.events) {
                throw nb::value_error("lanes do not end within the events of a task");
            }
        }

        template <class T>
        T* data(nb::handle task, const char* name, std::initializer_list<std::int64_t> shape) {
            auto array = field<T>(task, name, shape);
            held.push_back(nb::cast(array));
            return array.data();
        }

        // The numbers of columns that have a base of some kind.
        const std::int64_t* const* bases(
            const Network& net, nb::handle task, const char* name, Base kind, std::int64_t size
        ) {
            auto& found = columns.emplace_back(static_cast<std::size_t>(net.columns));
            for (int j = 0; j < net.columns; ++j) {
                if (net.column[j].base != kind) continue;
                const auto numbers = nb::cast<Array<const std::int64_t>>(task.attr(name)[nb::int_(j)]);
                if (numbers.size() != static_cast<std::size_t>(size)) {
                    throw nb::value_error((std::string("an array has an unexpected shape: ") + name).c_str());
                }
                held.push_back(nb::cast(numbers));
                found[static_cast<std::size_t>(j)] = numbers.data();
            }
            return found.data();
        }

        // A sum of what is not negative, else -1.
        static std::int64_t sum(const std::int64_t* counts, std::int64_t size) {
            std::int64_t total = 0;
            for (std::int64_t k = 0; k < size; ++k) {
                if (counts[k] < 0 || counts[k] > INT32_MAX) return -1;
                total += counts[k];
            }
            return total;
        }

        Array<const std::int64_t> counts;
        std::vector<nb::object> held;
        std::list<std::vector<const std::int64_t*>> columns;
        std::vector<Family> families;
        std::vector<std::int64_t> moments;
        Job job{};
    };

    const std::int32_t* wide(nb::handle object, const char* name, std::initializer_list<std::int64_t> shape) {
        const auto array = field<const std::int16_t>(object, name, shape);
        return wide_rows(arena_, array.data(), static_cast<int>(array.size()) / net_.units, net_.units);
    }

    const std::int32_t* ranked(nb::handle net, const char* name, const char* first, const std::int32_t* later) {
        const auto array = field<const std::int16_t>(net, name, {net_.ranks, net_.units});
        const auto row = field<const std::int16_t>(net, first, {net_.units});
        return ranked_rows(arena_, array.data(), net_.ranks, net_.units, row.data(), later);
    }

    const std::int16_t* weights(nb::handle object, const char* name, int columns) {
        const auto array = field<const std::int16_t>(object, name, {net_.units, columns});
        return paired(arena_, array.data(), net_.units, columns);
    }

    // Weights of the features of all columns; those of each column begin a pair.
    const std::int16_t* joined_weights(nb::handle object, const char* name) {
        int all = 0;
        for (int j = 0; j < net_.columns; ++j) all += net_.column[j].features;
        const auto array = field<const std::int16_t>(object, name, {net_.units, all});
        auto* const to = arena_.take<std::int16_t>(static_cast<std::size_t>(net_.pairs) * 2 * net_.units);
        int first = 0;
        for (int j = 0; j < net_.columns; ++j) {
            const Column& column = net_.column[j];
            std::int16_t* const part = to + static_cast<std::size_t>(column.first_pair) * 2 * net_.units;
            pair_weights(part, array.data(), net_.units, all, first, column.features);
            first += column.features;
        }
        return to;
    }

    // Adds to `always` what prev_rows are less.
    void add_columns(nb::handle nets, nb::sequence axes, std::int32_t* always) {
        std::vector<std::int32_t> own_always(static_cast<std::size_t>(net_.units));
        auto* const columns = arena_.take<Column>(static_cast<std::size_t>(net_.columns));
        auto* const centroid = zeros<std::int64_t>(net_.columns);
        for (int j = 0; j < net_.columns; ++j) {
            const nb::object net = nets[j], axis = axes[j];
            Column& column = *new (columns + j) Column{};
            column.atoms = static_cast<int>(nb::len(nb::handle(axis.attr("atoms"))));
            column.numeric = nb::cast<bool>(axis.attr("numeric"));
            column.is_signed = nb::cast<bool>(axis.attr("signed"));
            column.period = nb::cast<std::int64_t>(axis.attr("period"));
            column.center = nb::cast<std::int64_t>(axis.attr("center"));
            column.base = static_cast<Base>(nb::cast<int>(net.attr("base")));
            column.centroid = net_.centroids;
            if (column.base == Base::centroid) centroid[net_.centroids++] = j;
            column.unit = nb::cast<std::int64_t>(net.attr("unit"));
            column.level = nb::cast<int>(net.attr("level"));
            add_features(column, axis.attr("features"));
            column.own = weights(net, "own", column.features);
            const int outputs = column.atoms + column.is_signed + (column.numeric ? 3 : 0);
            const auto heads = field<const std::int16_t>(net, "heads", {outputs, net_.units});
            const auto offsets = field<const std::int32_t>(net, "offsets", {outputs});
            pack_heads(arena_, column, heads.data(), offsets.data(), net_.units, level_.packed);
            const bool is_atom = column.atoms > 0 && (!column.numeric || offsets.data()[0] > 0);
            column.usual = is_atom ? 0 : column.atoms;
            column.bias = biased(net, own_always);
            column.own_rows = relative(column, net, "own_rows", own_always.data());
            column.prev_rows = relative(column, net, "prev_rows", always);
            column.shapes = size_of(net, "tables", 0);
            const auto tables = field<const std::uint16_t>(net, "tables", {column.shapes, NODES});
            column.tables = make_tables(arena_, tables.data(), column.shapes);
        }
        net_.column = columns;
        net_.centroid = centroid;
    }

    void add_features(Column& column, nb::handle features) {
        column.features = static_cast<int>(nb::len(nb::handle(features)));
        column.first_pair = net_.pairs;
        column.pairs = (column.features + 1) / 2;
        net_.pairs += column.pairs;
        auto* const made = arena_.take<Feature>(static_cast<std::size_t>(column.features));
        for (int k = 0; k < column.features; ++k) {
            const nb::object feature = features[k];
            new (made + k) Feature{
                nb::cast<std::int64_t>(feature.attr("center")),
                nb::cast<std::int64_t>(feature.attr("multiplier")),
                nb::cast<std::int64_t>(feature.attr("shift")),
                static_cast<Kind>(nb::cast<int>(feature.attr("kind"))),
                nb::cast<bool>(feature.attr("relative")),
            };
        }
        column.feature = made;
    }

    // A column's bias, with what the columns before it have in any case.
    const std::int32_t* biased(nb::handle net, const std::vector<std::int32_t>& before) {
        const auto row = field<const std::int16_t>(net, "bias", {net_.units});
        auto* const bias = arena_.take<std::int32_t>(before.size());
        std::copy(before.begin(), before.end(), bias);
        add_wide(bias, row.data(), net_.units);
        return bias;
    }

    // Rows of classes less that of the usual one, which is added to `always`.
    const std::int32_t* relative(const Column& column, nb::handle net, const char* name, std::int32_t* always) {
        const auto rows = field<const std::int16_t>(net, name, {column.atoms + 3, net_.units});
        add_wide(always, rows.data() + column.usual * net_.units, net_.units);
        return relative_rows(arena_, rows.data(), column.atoms + 3, net_.units, column.usual);
    }

    template <class T>
    T* zeros(int size) {
        T* const made = arena_.take<T>(static_cast<std::size_t>(size));
        std::fill_n(made, size, T{});
        return made;
    }

    template <class T, class From>
    const T* copied(const From* from, std::size_t size) {
        T* const made = arena_.take<T>(size);
        std::copy_n(from, size, made);
        return made;
    }

    const Level& level_;
    Arena arena_;
    Network net_{};
};

nb::list level_names() {
    nb::list names;
    for (const Level* level : levels()) names.append(level->name);
    return names;
}

}  // namespace
}  // namespace baler

NB_MODULE(_native, module) {
    using namespace baler;
    module.doc() = "The native kernel of learned columns.";
    module.def("levels", &level_names, "The levels of instructions that run here, the slowest first.");
    nb::enum_<Status>(module, "Status")
        .value("OK", Status::ok)
        .value("TOO_SHORT", Status::too_short)
        .value("BAD_STATE", Status::bad_state)
        .value("BAD_LENGTH", Status::bad_length)
        .value("BAD_NUMBER", Status::bad_number)
        .value("BAD_CLASS", Status::bad_class);
    nb::class_<Kernel>(module, "Kernel")
        .def(nb::init<const std::string&, nb::handle, nb::sequence, nb::handle>(), "level"_a, "net"_a, "axes"_a, "odds"_a)
        .def("decode", &Kernel::decode, "task"_a, "ends"_a, "streams"_a)
        .def("encode", &Kernel::encode, "task"_a, "ends"_a, "first"_a, "lanes"_a, "bits"_a);
    add_axes(module);
    add_children(module);
}
