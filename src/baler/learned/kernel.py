"""The kernel that is there: native code if it was built, else the reference. Equal in every bit.

The environment variable BALER_KERNEL may ask for one: ``reference``, or a level of the native one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from baler.errors import UsageError
from baler.learned import reference
from baler.learned.axis import Axis
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.learned.task import Encoded, Task

VARIABLE = "BALER_KERNEL"


def encode(model: Model, net: CollectionNet, task: Task, lanes: int) -> Encoded:
    """Return the streams of the columns that are not given, and what each column costs."""
    kernel, options = _kernel()
    encoded: Encoded = kernel.encode(model, net, task, lanes, **options)
    return encoded


def decode(model: Model, net: CollectionNet, task: Task, streams: Sequence[bytes]) -> None:
    """Fill in classes and numbers of the columns that are not given; raises a FormatError."""
    kernel, options = _kernel()
    kernel.decode(model, net, task, streams, **options)


def axis_columns(axis: Axis, parameters: Mapping[str, Any]) -> Any:
    """Return an `AxisColumns` of native code; None if there is no native code."""
    kernel, options = _kernel()
    return None if kernel is reference else kernel.axis_columns(axis, parameters, **options)


def _kernel() -> tuple[ModuleType, dict[str, str]]:
    """Return a module with a kernel in it, and what it is to be told."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "reference":
        return reference, {}
    try:
        native = importlib.import_module("baler.learned.native")
    except ImportError as error:
        if wanted:
            raise UsageError(f"{VARIABLE} is {wanted!r}, but nothing native was built") from error
        return reference, {}
    if wanted and wanted not in native.LEVELS:
        known = ", ".join(("reference", *native.LEVELS))
        raise UsageError(f"{VARIABLE} is {wanted!r}; there are {known}")
    return native, {"level": wanted} if wanted else {}
