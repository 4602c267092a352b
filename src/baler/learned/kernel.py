"""The kernel that is there: native code if it was built, else the reference. Equal in every bit.

The environment variable BALER_KERNEL may ask for one: ``reference``, or a level of the native one.
Who gets the reference without having asked for it is warned: it is a thousand times slower.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from baler.errors import UsageError
from baler.learned import reference
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.learned.task import Encoded, Map, Task

VARIABLE = "BALER_KERNEL"
CHECK = "BALER_CHECK"
SLOW = (
    "the native kernel of learned columns was not built, and the reference is a thousand times "
    "slower; installing Baler where there is a C++ compiler builds it"
)


def encode(model: Model, net: CollectionNet, task: Task, lanes: int, map: Map = map) -> Encoded:
    """Return the streams of the columns that are not given, and what each column costs.

    What ``map`` does with its calls does not matter for the result.
    """
    kernel, options = _kernel()
    if kernel is not reference:
        options["map"] = map
    encoded: Encoded = kernel.encode(model, net, task, lanes, **options)
    return encoded


def decode(
    model: Model,
    net: CollectionNet,
    task: Task,
    streams: Sequence[bytes],
    ends: Sequence[int] | None = None,
) -> None:
    """Fill in classes and numbers of the columns that are not given; raises a FormatError.

    ``ends`` are the first events that are after each lane, if these are not all of a block.
    """
    kernel, options = _kernel()
    kernel.decode(model, net, task, streams, ends, **options)


def checks_all() -> bool:
    """Tell whether an encoder is to decode all that was encoded.

    The native kernel reads each stream that it made, in the slots where its symbols were placed. A
    decoder places them there too: tables are placed by one function of integers, which has seen
    the same classes and numbers so far (docs/adr/0012-what-an-encoder-checks.md). Everything is
    decoded if the environment variable BALER_CHECK is ``full``, and where the reference encodes.
    """
    wanted = os.environ.get(CHECK, "")
    if wanted not in ("", "full"):
        raise UsageError(f"{CHECK} is {wanted!r}; it may be 'full', or not be there")
    return wanted == "full" or _kernel()[0] is reference


def native() -> tuple[ModuleType, dict[str, Any]] | None:
    """Return the module of native code and what its functions are to be told, if it is used."""
    kernel, options = _kernel()
    return None if kernel is reference else (kernel, options)


def _kernel() -> tuple[ModuleType, dict[str, Any]]:
    """Return a module with a kernel in it, and what it is to be told."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "reference":
        return reference, {}
    try:
        native = importlib.import_module("baler.learned.native")
    except ImportError as error:
        if wanted:
            raise UsageError(f"{VARIABLE} is {wanted!r}, but nothing native was built") from error
        warnings.warn(SLOW, RuntimeWarning, stacklevel=1)
        return reference, {}
    if wanted and wanted not in native.LEVELS:
        known = ", ".join(("reference", *native.LEVELS))
        raise UsageError(f"{VARIABLE} is {wanted!r}; there are {known}")
    return native, {"level": wanted} if wanted else {}
