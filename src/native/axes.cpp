#include "axes.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "lanes.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace baler {
namespace {

template <class... T>
using Array = nb::ndarray<T..., nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Values = Array<nb::ro>;

constexpr const char* SCALARS[] = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"};
constexpr const char* LATTICES[] = {"int", "bits", "decimal", "abs", "sigma", "rel"};

template <class E, std::size_t N>
E named(const char* const (&names)[N], const std::string& name) {
    const auto found = std::find(std::begin(names), std::end(names), name);
    if (found == std::end(names)) throw nb::value_error(("no native code knows " + name).c_str());
    return static_cast<E>(found - std::begin(names));
}

// An axis, with the memory that it points to.
class AxisColumns {
public:
    AxisColumns(
        const std::string& level, nb::handle axis, const std::string& scalar, const std::string& lattice,
        nb::kwargs parameters
    )
        : bytes_(static_cast<std::size_t>(scalar.back() - '0')) {
        axis_.scalar = named<Scalar>(SCALARS, scalar);
        axis_.lattice = named<Lattice>(LATTICES, lattice);
        const bool is_float = scalar.front() == 'f', is_whole = axis_.lattice == Lattice::integers;
        if (is_float == is_whole) throw nb::value_error("a lattice does not fit the values");
        for (nb::handle atom : nb::object(axis.attr("atoms"))) {
            const auto bytes = nb::cast<nb::bytes>(atom);
            if (axis_.atoms == MAX_ATOMS || bytes.size() != bytes_) throw nb::value_error("an axis has bad atoms");
            std::memcpy(&axis_.atom[static_cast<std::size_t>(axis_.atoms++)], bytes.data(), bytes_);
        }
        axis_.is_signed = nb::cast<bool>(axis.attr("signed"));
        axis_.center = nb::cast<std::int64_t>(axis.attr("center"));
        for (nb::handle feature : nb::object(axis.attr("features"))) add_feature(feature);
        set_lattice(parameters);
        columns_ = &level_named(level).columns(axis_);
    }

    void split(Values values, Array<std::uint8_t> classes, Array<std::int64_t> numbers) const {
        const std::int64_t size = checked(values, classes.size(), numbers.size());
        const nb::gil_scoped_release others_run;
        columns_->split(axis_, values.data(), size, classes.data(), numbers.data());
    }

    std::pair<std::int64_t, double> fit(
        Values values, double most, bool relative, std::optional<Array<const double>> limits,
        Array<std::uint8_t> classes, Array<std::int64_t> numbers, Array<> decoded
    ) const {
        const std::int64_t size = checked(values, classes.size(), numbers.size());
        checked(decoded, classes.size(), numbers.size());
        Bound bound{Promise::exact, most, nullptr};
        if (limits) {
            if (limits->size() != values.size()) throw nb::value_error("there are limits of other values");
            bound = {Promise::each, 0, limits->data()};
        } else if (most > 0) {
            bound.promise = relative ? Promise::relative : Promise::absolute;
        }
        Fitted found;
        {
            const nb::gil_scoped_release others_run;
            found = columns_->fit(
                axis_, bound, values.data(), size, classes.data(), numbers.data(), decoded.data()
            );
        }
        return {found.kept, found.worst};
    }

    std::int64_t join(
        Array<const std::uint8_t> classes, Array<const std::int64_t> numbers, Values verbatim, Array<> values
    ) const {
        const std::int64_t size = checked(values, classes.size(), numbers.size());
        if (verbatim.itemsize() != bytes_) throw nb::value_error("verbatim values are of another dtype");
        const auto kept = static_cast<std::int64_t>(verbatim.size());
        const nb::gil_scoped_release others_run;
        return columns_->join(axis_, classes.data(), numbers.data(), size, verbatim.data(), kept, values.data());
    }

    void features(
        Array<const std::uint8_t> classes, Array<const std::int64_t> numbers,
        nb::ndarray<std::int16_t, nb::ndim<2>, nb::device::cpu> to
    ) const {
        const int marks = std::min(axis_.atoms, INDICATORS) + axis_.is_signed;
        const bool fits = to.shape(0) == classes.size() && to.shape(1) == static_cast<std::size_t>(axis_.features + marks);
        const bool in_rows = to.shape(0) == 0 || to.shape(1) <= 1 || to.stride(1) == 1;
        if (!fits || !in_rows || numbers.size() != classes.size()) throw nb::value_error("an array has an unexpected shape");
        const nb::gil_scoped_release others_run;
        columns_->features(
            axis_, classes.data(), numbers.data(), static_cast<std::int64_t>(classes.size()), to.data(), to.stride(0)
        );
    }

private:
    // The size of values of the axis's dtype, of which there are as many as classes and numbers.
    template <class A>
    std::int64_t checked(const A& values, std::size_t classes, std::size_t numbers) const {
        const bool fits = values.itemsize() == bytes_ && values.size() == classes && values.size() == numbers;
        if (!fits || (axis_.lattice == Lattice::scaled && steps_->size() != values.size())) {
            throw nb::value_error("an array has an unexpected shape");
        }
        return static_cast<std::int64_t>(values.size());
    }

    void add_feature(nb::handle feature) {
        if (nb::cast<bool>(feature.attr("relative"))) return;
        if (axis_.features == MAX_FEATURES) throw nb::value_error("an axis has too many features");
        axis_.feature[static_cast<std::size_t>(axis_.features++)] = {
            nb::cast<std::int64_t>(feature.attr("center")),
            nb::cast<std::int64_t>(feature.attr("multiplier")),
            nb::cast<std::int64_t>(feature.attr("shift")),
            static_cast<Kind>(nb::cast<int>(feature.attr("kind"))),
            false,
        };
    }

    void set_lattice(const nb::kwargs& parameters) {
        switch (axis_.lattice) {
            case Lattice::integers:
                return;
            case Lattice::bits:
                axis_.shift = nb::cast<int>(parameters["shift"]);
                return;
            case Lattice::decimal:
            case Lattice::uniform:
                axis_.step = nb::cast<double>(parameters["step"]);
                return;
            case Lattice::scaled:
                steps_ = nb::cast<Array<const double>>(parameters["steps"]);
                axis_.steps = steps_->data();
                return;
            case Lattice::logarithmic:
                axis_.bins = nb::cast<std::int64_t>(parameters["bins"]);
                axis_.octaves = nb::cast<std::int64_t>(parameters["octaves"]);
                axis_.lowest = nb::cast<std::int64_t>(parameters["lowest"]);
                axis_.start_shift = nb::cast<int>(parameters["shift"]);
                axis_.period_shift = 52 + std::countr_zero(static_cast<std::uint64_t>(axis_.octaves));
                powers_ = nb::cast<Array<const double>>(parameters["powers"]);
                edges_ = nb::cast<Array<const std::int64_t>>(parameters["edges"]);
                start_ = nb::cast<Array<const std::int64_t>>(parameters["start"]);
                axis_.powers = powers_->data();
                axis_.edges = edges_->data();
                axis_.start = start_->data();
        }
    }

    std::size_t bytes_;
    Axis axis_{};
    const Columns* columns_ = nullptr;
    std::optional<Array<const double>> steps_, powers_;
    std::optional<Array<const std::int64_t>> edges_, start_;
};

// Fills in the rows x, y, z and magnitude of momenta.
void momenta(
    const std::string& level, Array<const double> pt, Array<const double> eta, Array<const double> phi,
    nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> to
) {
    const std::size_t size = pt.size();
    if (eta.size() != size || phi.size() != size || to.shape(0) != 4 || to.shape(1) != size) {
        throw nb::value_error("an array has an unexpected shape");
    }
    double* const rows[4] = {to.data(), to.data() + size, to.data() + 2 * size, to.data() + 3 * size};
    const Level& chosen = level_named(level);
    const nb::gil_scoped_release others_run;
    chosen.momenta(pt.data(), eta.data(), phi.data(), static_cast<std::int64_t>(size), rows);
}

}  // namespace

void add_axes(nb::module_& module) {
    nb::class_<AxisColumns>(module, "AxisColumns")
        .def(nb::init<const std::string&, nb::handle, const std::string&, const std::string&, nb::kwargs>(),
             "level"_a, "axis"_a, "scalar"_a, "lattice"_a, "parameters"_a)
        .def("split", &AxisColumns::split, "values"_a, "classes"_a, "numbers"_a)
        .def("fit", &AxisColumns::fit, "values"_a, "most"_a, "relative"_a, "limits"_a.none(), "classes"_a,
             "numbers"_a, "decoded"_a)
        .def("join", &AxisColumns::join, "classes"_a, "numbers"_a, "verbatim"_a, "values"_a)
        .def("features", &AxisColumns::features, "classes"_a, "numbers"_a, "to"_a);
    module.def("momenta", &momenta, "level"_a, "pt"_a, "eta"_a, "phi"_a, "to"_a,
               "Fill in x, y, z and the magnitude of momenta.");
}

}  // namespace baler
