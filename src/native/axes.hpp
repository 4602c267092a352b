// Axes as Python sees them.

#pragma once

#include <nanobind/nanobind.h>

namespace baler {

void add_axes(nanobind::module_& module);

}  // namespace baler
