#include "children.hpp"

#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

namespace baler {
namespace {

template <class... T>
using Array = nb::ndarray<T..., nb::c_contig, nb::device::cpu>;
using Owners = Array<const std::int64_t, nb::ndim<1>>;
using Reals = Array<const double, nb::ndim<1>>;

// Calls with each child and its owner.
template <class Function>
void for_children(const Owners& owner, std::size_t size, std::size_t objects, const Function& function) {
    if (owner.size() != size) throw nb::value_error("an array has an unexpected shape");
    const std::int64_t* const of = owner.data();
    bool inside = true;
    {
        const nb::gil_scoped_release others_run;
        for (std::size_t i = 0; i < size; ++i) {
            const auto object = static_cast<std::uint64_t>(of[i]);
            if (object < objects) {
                function(i, object);
            } else {
                inside = false;
            }
        }
    }
    if (!inside) throw nb::value_error("a child belongs to no object");
}

// Sums of values over the children of each object, in their order.
void sums(Reals values, Owners owner, Array<double, nb::ndim<1>> to) {
    const double* const from = values.data();
    double* const sum = to.data();
    std::fill_n(sum, to.size(), 0.0);
    for_children(owner, values.size(), to.size(), [&](std::size_t i, std::size_t object) { sum[object] += from[i]; });
}

// The largest values of the chosen children of each object, from the largest on; 0 where there are fewer. What is no
// number comes last, and of two that are equal the first comes first.
void largest(
    Reals values, Owners owner, Array<const bool, nb::ndim<1>> chosen, Array<double, nb::ndim<2>> to
) {
    if (chosen.size() != values.size()) throw nb::value_error("an array has an unexpected shape");
    const std::size_t ranks = to.shape(0), objects = to.shape(1);
    const double* const from = values.data();
    const bool* const counts = chosen.data();
    double* const found = to.data();  // rank by rank
    std::fill_n(found, ranks * objects, 0.0);
    std::vector<std::uint8_t> known(objects);
    for_children(owner, values.size(), objects, [&](std::size_t i, std::size_t object) {
        if (!counts[i]) return;
        double value = from[i];
        bool moved = false;  // and with it all after it
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            double& at = found[rank * objects + object];
            if (rank == known[object]) {
                at = value;
                ++known[object];
                return;
            }
            moved = moved || value > at || (std::isnan(at) && !std::isnan(value));
            if (moved) std::swap(value, at);
        }
    });
}

}  // namespace

void add_children(nb::module_& module) {
    module.def("sums", &sums, "values"_a, "owner"_a, "to"_a, "Fill in sums over the children of objects.");
    module.def("largest", &largest, "values"_a, "owner"_a, "chosen"_a, "to"_a,
               "Fill in the largest values of chosen children of objects.");
}

}  // namespace baler
