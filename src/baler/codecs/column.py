"""A column to a payload and back, with its bound, its predictions and its context."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from baler.codecs.base import Array, Context, decode_payload, describe_payload
from baler.codecs.contextual import encode_copy, masked_head, selected
from baler.codecs.grid import encode_grid
from baler.codecs.predicted import CLASSES, encode_split
from baler.codecs.search import MISLED, Search, excerpt, is_constant
from baler.core.bounds import Absolute, Bools, Bound, Exact, Relative, Sigma, same_bits
from baler.core.bytes import ByteReader
from baler.core.recipe import ColumnRecipe, Mask, Prediction
from baler.quantise.dither import shifts
from baler.quantise.lattice import (
    Bits,
    Integers,
    Lattice,
    Scaled,
    Uniform,
    logarithmic,
    rounded,
)

LARGE, TRIAL = 1 << 16, 1 << 14
"""Predictions of larger columns have to pay on a run of so many values first."""
PAYS, ALONE = 0.99, 0.8
"""A prediction is tried on all values if it was so much smaller there; as the only way, if that."""
FEW, SOME = 32, 1 << 10
"""Few distinct values (in a sample) are coded exactly; for some, both ways are tried."""


def decode(payload: bytes | memoryview, dtype: np.dtype[Any], size: int, context: Context) -> Array:
    """Return the values of a column; raises a FormatError for any payload that is not valid."""
    return decode_payload(ByteReader(payload), dtype, size, context)


def describe(payload: bytes | memoryview, dtype: np.dtype[Any]) -> str:
    """Return the names of the codecs in a payload, outermost first, joined by ``>``."""
    return describe_payload(ByteReader(payload), dtype)


def encode(
    values: Array, recipe: ColumnRecipe, context: Context, *, solid: bool = False, seed: int = 0
) -> bytes:
    """Return the smallest payload found for a column that keeps its bound.

    ``context`` gives the decoded values of the recipe's parents. ``solid`` says that the payload
    will be compressed together with others. ``seed`` keys the dither, which only lossy payloads
    have.
    """
    return _Encoder(values, _fitting(recipe, context, values.size), context, solid, seed).payload()


def _fitting(recipe: ColumnRecipe, context: Context, size: int) -> ColumnRecipe:
    """Return a recipe without hints whose parents are longer or shorter in this chunk."""

    def fits(*parents: int) -> bool:
        return all(context(parent).size == size for parent in parents)

    masks = tuple(mask for mask in recipe.masks if fits(mask.parent))
    predictions = tuple(hint for hint in recipe.predictions if fits(*hint.parents))
    return replace(recipe, masks=masks, predictions=predictions)


@dataclass(frozen=True, slots=True)
class _Encoder:
    """One column of one chunk and all that is known for its encoding."""

    values: Array
    recipe: ColumnRecipe
    context: Context
    solid: bool
    seed: int
    enough: float = 0.0  # a prediction that costs no more makes all other ways unnecessary

    @property
    def search(self) -> Search:
        cells = math.prod(self.recipe.shape)
        if cells <= 1 or self.values.size % cells:
            return Search(solid=self.solid)
        return Search(solid=self.solid, shape=(self.values.size // cells, *self.recipe.shape))

    @property
    def bound(self) -> Bound:
        return self.recipe.bound if self.values.dtype.kind == "f" else Exact()

    @property
    def sigma(self) -> Array | None:
        return self.context(self.recipe.parents[0]) if isinstance(self.bound, Sigma) else None

    def keeps(self, values: Array, decoded: Array) -> Bools:
        """Tell which values may come back as decoded."""
        if self.bound.lossy:
            return self.bound.holds(values, decoded, self.sigma)
        return same_bits(values, decoded)

    def payload(self) -> bytes:
        if not self.values.size or is_constant(self.values):
            return self.search.smallest(self.values)
        found = self.copied() or self.masked()
        if found is not None:
            return found
        tried = self.tried()
        return tried.quantised() if self.bound.lossy else tried.exact()

    def copied(self) -> bytes | None:
        for prediction in self.recipe.predictions:
            if prediction.formula == "same":
                (parent,) = prediction.parents
                return encode_copy(self.values, self.context(parent), parent, self.keeps)
        return None

    def masked(self) -> bytes | None:
        for mask in self.recipe.masks:
            payload = self._behind(mask)
            if payload is not None and len(payload) <= self.values.nbytes:
                return payload
        return None

    def _behind(self, mask: Mask) -> bytes | None:
        """Return a masked payload; None if the parent does not give the masked values away."""
        parent = self.context(mask.parent)
        hidden = np.frombuffer(mask.hidden, parent.dtype)
        value = np.frombuffer(mask.value, self.values.dtype)
        covered = same_bits(parent, hidden)
        if not covered.any() or not same_bits(self.values[covered], value).all():
            return None
        shown = ~covered
        rest = replace(
            self,
            values=self.values[shown],
            recipe=replace(self.recipe, masks=(), shape=()),
            context=selected(self.context, shown),
        )
        return masked_head(parent, hidden, value, mask.parent) + rest.payload()

    def tried(self) -> _Encoder:
        """Return the encoder without predictions that do not pay on a run, or with nothing else."""
        if self.values.size < LARGE or not self.recipe.predictions:
            return self
        start = (self.values.size - TRIAL) // 2
        run = slice(start, start + TRIAL)
        costs = [
            self._on_run(run, hints) for hints in ((), *((p,) for p in self.recipe.predictions))
        ]
        most = PAYS * costs[0]
        paying = [p for p, c in zip(self.recipe.predictions, costs[1:], strict=True) if c <= most]
        alone = min(costs) <= ALONE * costs[0]
        enough = MISLED * min(costs) * self.values.size / TRIAL if alone else 0.0
        recipe = replace(self.recipe, predictions=tuple(paying))
        return replace(self, recipe=recipe, enough=enough)

    def _on_run(self, run: slice, hints: tuple[Prediction, ...]) -> int:
        """Return the cost of some values in the middle with some of the predictions."""
        part = replace(
            self,
            values=self.values[run],
            recipe=replace(self.recipe, predictions=hints, masks=(), shape=()),
            context=lambda position: self.context(position)[run],
        )
        return self.search.cost(part.payload())

    def exact(self) -> bytes:
        lattice = Bits(0) if self.values.dtype.kind == "f" else Integers()
        payloads = list(self.predicted(lattice, None, None))
        if self.search.shape and not self.suffices(payloads):
            payloads += self.on(lattice, None, None, None)
        if not self.suffices(payloads):
            payloads.insert(0, self.search.smallest(self.values))
        return min(payloads, key=self.search.cost)

    def suffices(self, payloads: list[bytes]) -> bool:
        """Tell whether no other way has to be tried."""
        return any(self.search.cost(payload) <= self.enough for payload in payloads)

    def quantised(self) -> bytes:
        sample = excerpt(self.values)
        distinct = np.unique(sample.view(f"u{sample.itemsize}")).size
        lattice = self.lattice() if distinct > FEW else None
        seed = None if isinstance(lattice, Bits) or not self.recipe.dither else self.seed
        payloads: list[bytes] = []
        if lattice is not None:
            exact = sentinels(self.values, dithered=seed is not None)
            payloads += self.predicted(lattice, seed, exact)
            if not self.suffices(payloads):
                payloads[:0] = self.on(lattice, seed, exact, None)
        else:
            payloads += self.predicted(Bits(0), None, None)
        small = any(len(payload) <= self.values.nbytes for payload in payloads)
        few = lattice is None or distinct < min(SOME, sample.size // 2)
        if not small or (few and not self.suffices(payloads)):
            payloads.append(self.search.smallest(self.values))
        return min(payloads, key=self.search.cost)

    def predicted(self, lattice: Lattice, seed: int | None, exact: Array | None) -> Iterator[bytes]:
        for prediction in self.recipe.predictions:
            yield from self.on(lattice, seed, exact, prediction)

    def on(
        self,
        lattice: Lattice,
        seed: int | None,
        exact: Array | None,
        prediction: Prediction | None,
    ) -> Iterator[bytes]:
        """Yield payloads of the values on a lattice, if that serves enough of them."""
        for inner in (
            (self.search.symbols, self.by_class) if self.recipe.split else (self.search.symbols,)
        ):
            payload = encode_grid(
                self.values,
                lattice,
                inner,
                keeps=self.keeps,
                exact=exact,
                prediction=prediction,
                context=self.context,
                seed=seed,
            )
            if payload is not None:
                yield payload

    def by_class(self, symbols: Array) -> bytes:
        """Return the payload of symbols, one class of uncertainty after the other."""
        if symbols.size != self.values.size:  # escapes
            return self.search.symbols(symbols)
        return encode_split(symbols, self.context(CLASSES), self.search.symbols)

    def lattice(self) -> Lattice | None:
        """Return the coarsest lattice that should keep the bound; None if exact is as good."""
        shift = shifts(self.seed, self.values.size) if self.recipe.dither else None
        match self.bound:
            case Relative(fraction):
                lattice = logarithmic(fraction, self.values.dtype, dithered=shift is not None)
                if lattice is None:
                    return rounded(fraction, self.values.dtype)
                return replace(lattice, shifts=shift)
            case Absolute(epsilon):
                step = uniform_step(epsilon, self.values)
                return None if step is None else Uniform(step, shift)
            case Sigma(fraction):
                # some room for rounding to the dtype
                scale = min(2 * fraction * (1 - 2.0**-12), sys.float_info.max)
                parent = self.recipe.parents[0]
                return Scaled(scale, self.context(parent), parent, shift)
        raise TypeError(f"bound {self.bound} has no lattice")


def uniform_step(epsilon: float, values: Array) -> float | None:
    """Return a step of a little less than twice epsilon, so that rounding to the dtype fits in.

    Half a unit in the last place is left for it, that of the largest distinct values but for one in
    a thousand.
    None if that leaves less than half of epsilon.
    """
    magnitudes = np.abs(np.unique(excerpt(values)).astype(np.float64))
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    largest = np.quantile(magnitudes, 0.999) if magnitudes.size else 0.0
    with np.errstate(over="ignore"):
        unit = float(np.spacing(np.asarray(largest).astype(values.dtype)))
    left = epsilon - 0.505 * unit
    return min(2 * left, sys.float_info.max) if left > epsilon / 2 else None


def sentinels(values: Array, *, dithered: bool) -> Array:
    """Return values so frequent that they mean something of their own, to be kept exactly.

    There are at most 50, which fit into the atoms of a payload. Zero has its own place on every
    lattice, unless that is dithered.
    """
    sample = excerpt(values)
    bits, counts = np.unique(sample.view(f"u{sample.itemsize}"), return_counts=True)
    frequent = bits[counts >= max(8, sample.size // 50)].view(values.dtype)
    if not dithered:
        frequent = frequent[(frequent != 0) | np.signbit(frequent)]
    return frequent
