// Sums over the children of objects, and the largest of them: the same bits as baler.learned.derived.

#pragma once

#include <nanobind/nanobind.h>

namespace baler {

void add_children(nanobind::module_& module);

}  // namespace baler
