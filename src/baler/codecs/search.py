"""Finding the smallest payload of an array: ways are tried on a sample, bytes decide.

What is tried depends on cheap facts about the sample (distinct values, trailing zero bits, how LZ
fares), so that a dense column costs little more than one run of pcodec.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.grid import encode_grid
from baler.codecs.lorenzo import MAX_TIMES, encode_lorenzo, residuals
from baler.codecs.plain import encode_constant, encode_lzma, encode_pco, encode_raw, encode_zstd
from baler.codecs.reshape import (
    MAX_RANKS,
    distinct,
    encode_flags,
    encode_rank,
    encode_shuffle,
)
from baler.core.bounds import same_bits
from baler.entropy.lz import zstd_size
from baler.quantise.lattice import Bits, Decimal
from baler.transforms import shuffled

Array = npt.NDArray[Any]
Way = Callable[[Array], bytes | None]
Choice = tuple[int, ...]
"""Of residuals: how often along each dimension, and 0 or 1 for their order."""

SAMPLE = 1 << 13
"""Values that ways are tried on."""
PCO_LEVEL, QUICK_PCO_LEVEL = 8, 4
"""Levels of pcodec, for payloads and for trials: 12 is 0.3 % smaller than 8 and much slower."""
CLOSE = 1.01
"""A second way is tried on the whole array if its cost on the sample was within this factor."""
LZMA_BYTES = 1 << 16
"""LZMA, slow to decode, is tried on arrays up to this size."""
BOX = 1 << 16
"""Values, in the middle of an array of several dimensions, that residuals are tried on."""
MISLED = 1.2
"""A payload that is so much larger than its sample promised has to be smaller than a dense one."""


@dataclass(frozen=True, slots=True)
class Search:
    """How hard to look. ``solid`` payloads are left plain, to be compressed with their group."""

    solid: bool = False
    shape: tuple[int, ...] = ()  # of an array of several dimensions, entries first
    ranked: bool = False  # whether the array already is one of ranks or symbols
    thorough: bool = True  # or just to learn which way is best
    slow_bytes: int = LZMA_BYTES  # the largest array that LZMA and the like are tried on

    def smallest(self, values: Array) -> bytes:
        """Return the smallest payload found for an array, exactly.

        All ways that seem worth it are tried on a sample, quickly; the best one, and the second
        best if it comes close, then on the whole array; a dense payload too if that turns out to
        be nothing like its sample.
        """
        if not values.size:
            return encode_raw(values)
        if is_constant(values):
            return encode_constant(values)
        sample = excerpt(values) if self.thorough else values
        quick = replace(self, thorough=False)
        first = quick.dense(sample)
        trials = [first, *(way(sample) for way in quick.ways(sample, len(first)))]
        best = self.cheapest(dict(enumerate(trials)))
        if self.thorough:
            ways = [self.dense, *self.ways(sample, len(first))]
            near = [i for cost, i, _ in best[:2] if cost <= CLOSE * best[0][0]]
            likely = best[0][0] * values.size / sample.size
            best = self.cheapest({i: ways[i](values) for i in near})
            if not best or best[0][0] > MISLED * likely:
                found = {i: payload for _, i, payload in best}
                best = self.cheapest({0: self.dense(values), **found})
        raw = encode_raw(values)
        return best[0][2] if best and best[0][0] < self.cost(raw) else raw

    def cheapest(self, payloads: dict[int, bytes | None]) -> list[tuple[int, int, bytes]]:
        """Return costs, numbers and payloads of those that there are, the cheapest first."""
        found = [(self.cost(p), i, p) for i, p in payloads.items() if p is not None]
        return sorted(found, key=lambda entry: entry[:2])

    def cost(self, payload: bytes) -> int:
        """Return the bytes that a payload adds to the file, roughly if its group is solid."""
        return zstd_size(payload) if self.solid else len(payload)

    def dense(self, values: Array) -> bytes:
        """Return the payload that serves most arrays best: pcodec, or packed flags."""
        if values.dtype.kind == "b":
            return encode_flags(values, self.inner)
        return encode_pco(values, PCO_LEVEL if self.thorough else QUICK_PCO_LEVEL)

    def ways(self, sample: Array, dense: int) -> list[Way]:
        """Return what else is worth trying on an array like this sample, ``dense`` bytes so far."""
        ways = self.lz(sample, dense)
        if not self.ranked and sample.dtype.kind != "b":
            ways += self.ranks(sample)
            if sample.dtype.kind == "f":
                ways += self.rounded(sample)
        return ways

    def inner(self, values: Array) -> bytes:
        """Return the payload of an array that a codec made: no ranks of ranks."""
        return replace(self, ranked=True, shape=()).smallest(values)

    def symbols(self, values: Array) -> bytes:
        """Return the payload of lattice symbols, which may well be few and ranked."""
        plain = replace(self, ranked=False, shape=())
        payloads: list[bytes | None] = [plain.smallest(values)]
        if self.thorough and self.shape and values.size == math.prod(self.shape):
            payloads.append(plain.residuals(values.reshape(self.shape)))
        return self.cheapest(dict(enumerate(payloads)))[0][2]

    def residuals(self, values: Array) -> bytes | None:
        """Return a payload of residuals, of those that are best on a sample; None if none are."""
        quick = replace(self, thorough=False)
        sample = middle(values)

        def trial(choice: Choice) -> int:
            *times, reverse = choice
            return self.cost(encode_lorenzo(sample, times, quick.smallest, reverse=bool(reverse)))

        def magnitude(choice: Choice) -> float:
            return float(np.log2(1.0 + residuals(sample, choice[:-1])).sum())

        limits = (*(MAX_TIMES,) * sample.ndim, 1)
        start, _ = climbed((0,) * len(limits), magnitude, limits)
        (*times, reverse), cost = climbed(start, trial, limits)
        if cost > CLOSE * self.cost(quick.smallest(sample.reshape(-1))):
            return None
        thorough = replace(self, slow_bytes=16 * LZMA_BYTES)
        return encode_lorenzo(values, times, thorough.smallest, reverse=bool(reverse))

    def lz(self, sample: Array, dense: int) -> list[Way]:
        """Return LZ ways for bytes as they are and by planes, if a quick test speaks for them."""
        wide = sample.dtype.itemsize > 1
        if self.solid:
            return [encode_raw, *([partial(encode_shuffle, inner=encode_raw)] if wide else [])]
        large = 1.0 if sample.size < SAMPLE else 0.97  # LZ is slow: on large arrays it has to pay
        ways: list[Way] = []
        if zstd_size(sample.tobytes()) < 1.1 * large * dense:
            ways.append(self.lz_payload)
        if wide and zstd_size(shuffled(sample).tobytes()) < 1.02 * large * dense:
            ways.append(partial(encode_shuffle, inner=self.lz_payload))
        return ways

    def lz_payload(self, values: Array) -> bytes:
        """Return a zstd payload, or an LZMA one if the array is small and that saves 2 %."""
        if not self.thorough:
            return encode_zstd(values, 9)
        small = values.nbytes <= self.slow_bytes
        payload = encode_zstd(values, 19 if small else 12)
        if small and len(other := encode_lzma(values)) < 0.98 * len(payload):
            return other
        return payload

    def ranks(self, sample: Array) -> list[Way]:
        """Return the rank way if values repeat and are not simply a dense range."""
        bits = sample.view(f"u{sample.dtype.itemsize}")
        few = bits[: SAMPLE // 4]
        if distinct(few).size > max(few.size // 2, 1):
            return []
        listed = distinct(bits).size
        if listed > min(MAX_RANKS, sample.size // 2):
            return []
        if sample.dtype.kind != "f" and int(sample.max()) - int(sample.min()) <= listed + 1:
            return []
        return [partial(encode_rank, inner=self.inner, listed=self.listed)]

    def listed(self, values: Array) -> bytes:
        """Return the payload of a list of distinct values."""
        return min(encode_pco(values, QUICK_PCO_LEVEL), encode_raw(values), key=self.cost)

    def rounded(self, sample: Array) -> list[Way]:
        """Return lattices of rounded mantissas and of decimals, if the sample lies on them."""
        ways: list[Way] = []
        shift = trailing_zeros(sample)
        if shift:
            ways.append(partial(self.on_lattice, lattice=Bits(shift)))
        digits = decimal_digits(sample)
        if digits is not None:
            ways.append(partial(self.on_lattice, lattice=Decimal(digits)))
        return ways

    def on_lattice(self, values: Array, lattice: Bits | Decimal) -> bytes | None:
        """Return an exact payload of values on a lattice."""
        return encode_grid(values, lattice, self.symbols, keeps=same_bits)


def excerpt(values: Array, size: int = SAMPLE) -> Array:
    """Return a few contiguous runs spread over an array, or the whole of a small one."""
    if values.size <= 2 * size:
        return values
    run = size // 4
    starts = np.linspace(0, values.size - run, 4).astype(np.int64)
    return np.concatenate([values[start : start + run] for start in starts])


def middle(values: Array, size: int = BOX) -> Array:
    """Return a box of at most so many values, cut out of an array where it is longest."""
    shape = list(values.shape)
    while math.prod(shape) > size:
        longest = shape.index(max(shape))
        shape[longest] = (shape[longest] + 1) // 2
    starts = [(whole - part) // 2 for whole, part in zip(values.shape, shape, strict=True)]
    return values[tuple(slice(at, at + part) for at, part in zip(starts, shape, strict=True))]


def climbed(
    choice: Choice, cost: Callable[[Choice], float], limits: Choice
) -> tuple[Choice, float]:
    """Return a choice none of whose neighbours costs less, and its cost; each number is limited."""
    least = cost(choice)
    while True:
        near = [
            (*choice[:i], number, *choice[i + 1 :])
            for i, limit in enumerate(limits)
            for number in (choice[i] - 1, choice[i] + 1)
            if 0 <= number <= limit
        ]
        costs = [cost(neighbour) for neighbour in near]
        if min(costs) >= least:
            return choice, least
        least = min(costs)
        choice = near[costs.index(least)]


def is_constant(values: Array) -> bool:
    """Tell whether all values have the same bits."""
    bits = values.view(f"u{values.dtype.itemsize}")
    return bool(bits[0] == bits[-1] and (bits == bits[0]).all())


def trailing_zeros(values: Array) -> int:
    """Return how many last bits are zero in every float, at most its mantissa's."""
    bits = values.view(f"u{values.dtype.itemsize}")
    union = int(np.bitwise_or.reduce(bits))
    zeros = (union & -union).bit_length() - 1 if union else 0
    return max(0, min(zeros, int(np.finfo(values.dtype).nmant)))


def decimal_digits(values: Array) -> int | None:
    """Return the fewest digits after the point that nearly all values have; None if too many."""
    finite = values[np.isfinite(values) & (values != 0)][:256]
    if finite.size < 8:
        return None
    most = 12 if values.dtype.itemsize == 8 else 5
    for digits in range(most + 1):
        lattice = Decimal(digits)
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = lattice.nearest(finite)
            if np.abs(numbers).max() >= 1 << 53:
                return None
            kept = same_bits(finite, lattice.values(numbers, finite.dtype))
        if kept.mean() > 0.95:
            return digits
    return None
