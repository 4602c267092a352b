"""The latents of a chunk as bytes: each latent is coded like a column of integers.

::

    varint coarseness, then for each input of the decoder and each of its channels: sized(payload)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs import decode, encode
from baler.core.bounds import Exact
from baler.core.bytes import ByteReader, sized, varint
from baler.core.recipe import ColumnRecipe
from baler.errors import Corrupt

Array = npt.NDArray[Any]
_NUMBER = np.dtype("<i4")


def pack_latents(latents: Sequence[npt.NDArray[np.int32]], coarse: int) -> bytes:
    """Return latents, arrays of (rows, *shape), as bytes; the same ones each time."""
    parts = [varint(coarse)]
    for array in latents:
        lines = np.ascontiguousarray(np.moveaxis(array, -1, 0)).reshape(array.shape[-1], -1)
        parts += [sized(encode(line, ColumnRecipe(Exact()), _nothing)) for line in lines]
    return b"".join(parts)


def unpack_latents(
    data: bytes | memoryview, shapes: Sequence[tuple[int, ...]]
) -> tuple[list[npt.NDArray[np.int32]], int]:
    """Invert `pack_latents` for arrays of these shapes; returns the coarseness too."""
    body = ByteReader(data)
    coarse = body.varint()
    found = []
    for rows, *inner, channels in shapes:
        size = rows * math.prod(inner)
        lines = [decode(body.sized(), _NUMBER, size, _nothing) for _ in range(channels)]
        found.append(np.stack(lines, -1).reshape(rows, *inner, channels))
    body.end()
    return found, coarse


def _nothing(position: int) -> Array:
    raise Corrupt(f"latents look at column {position}")
