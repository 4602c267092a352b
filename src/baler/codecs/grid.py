"""Values on a lattice: quantised floats, rounded mantissas, decimals, and predicted columns.

Each value becomes an unsigned symbol. Symbols below the number of *atoms* stand for exact values
(sentinels, NaN, -0.0); the next one, if there are *escapes*, for a value kept verbatim; the rest
for lattice numbers, counted from the smallest one in the payload. With a prediction, the symbol
holds the number less the number that the lattice gives to the predicted value. A lattice may be
*centred*: moved, for each value, so that the prediction is one of its points. A lookup predicts the
symbol itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, TypeGuard

import numpy as np

from baler.codecs.base import (
    Array,
    Codec,
    Context,
    Inner,
    Keeps,
    decode_payload,
    describe_payload,
    parent_values,
    register,
)
from baler.codecs.formulas import BY_NAME, FORMULAS, first_rows, predict
from baler.codecs.plain import from_bytes
from baler.core.bounds import Bools, same_bits
from baler.core.bytes import ByteReader, sized, unzigzag, varint, zigzag
from baler.core.recipe import Prediction
from baler.errors import Corrupt
from baler.quantise.dither import shifts
from baler.quantise.lattice import Bits, Lattice, Logarithmic, Scaled, Uniform
from baler.quantise.stored import read_lattice

MAX_ATOMS = 64
_LATTICE, _CENTRED, _DITHERED, _PREDICTED = 0x1F, 0x20, 0x40, 0x80
_SYMBOLS = tuple(np.dtype(f"<u{width}") for width in (1, 2, 4, 8))


@register
class Grid(Codec):
    """A lattice, perhaps a prediction, atoms, escapes, symbols."""

    code: ClassVar[int] = 10
    name: ClassVar[str] = "grid"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Turn symbols into values."""
        flags = body.byte()
        seed = int.from_bytes(body.take(8), "little") if flags & _DITHERED else None
        lattice = _lattice(flags & _LATTICE, body, dtype, size, context, seed)
        prediction = _prediction(body, dtype) if flags & _PREDICTED else None
        guess = guessed(prediction, lattice, dtype, size, context)
        if flags & _CENTRED:
            if guess is None or seed is not None or not _can_be_centred(lattice):
                raise Corrupt(f"lattice {flags & _LATTICE} is centred where it cannot be")
            lattice = lattice.centred(guess)
        base = unzigzag(body.varint())
        atoms = body.varint()
        if atoms > MAX_ATOMS:
            raise Corrupt(f"{atoms} atoms; allowed are {MAX_ATOMS}")
        atom_values = from_bytes(body.take(atoms * dtype.itemsize), dtype)
        escapes = body.varint()
        if escapes > size:
            raise Corrupt(f"{escapes} escapes among {size} values")
        escaped = (
            decode_payload(ByteReader(body.sized()), dtype, escapes, context, depth)
            if escapes
            else np.empty(0, dtype)
        )
        symbols = decode_payload(body, _symbol_dtype(body), size, context, depth)
        if prediction is not None and guess is None:
            symbols = looked_up(prediction, symbols, context)
        head = atoms + (escapes > 0)

        top = int(symbols.max()) + 1 if size else 0
        if guess is None and lattice.is_table and 0 < top <= max(size, 1 << 12):
            numbers = np.arange(top - head, dtype=np.int64) + base
            escape = np.zeros(int(escapes > 0), dtype)
            values = np.concatenate([atom_values, escape, lattice.values(numbers, dtype)])[symbols]
        else:
            with np.errstate(over="ignore"):
                numbers = (symbols.astype(np.uint64) - np.uint64(head)).view(np.int64) + base
                if guess is not None:
                    numbers += lattice.nearest(guess)
            values = lattice.values(numbers, dtype)
            chosen = symbols < atoms
            values[chosen] = atom_values[symbols[chosen]]
        if escapes:
            _put(values, symbols == atoms, escaped)
        return values

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name the lattice, the formula, and what codes the symbols."""
        flags = body.byte()
        if flags & _DITHERED:
            body.take(8)
        nothing = np.empty(0)
        lattice = _lattice(flags & _LATTICE, body, dtype, 0, lambda _: nothing, None)
        name = lattice.name + "+dither" * bool(flags & _DITHERED)
        if flags & _PREDICTED:
            name += f"~{_prediction(body, dtype).formula}"
        body.varint()
        body.take(body.varint() * dtype.itemsize)
        if body.varint():
            body.sized()
        symbols = _symbol_dtype(body)
        return f"{name}>{describe_payload(body, symbols, depth)}"


def _points(lattice: Lattice, numbers: Array, dtype: np.dtype[Any]) -> Array:
    """Return the lattice values with these numbers, from a table if that is shorter."""
    if lattice.is_table and numbers.size:
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < numbers.size:
            table = lattice.values(np.arange(low, high + 1, dtype=np.int64), dtype)
            return np.asarray(table[numbers - low])
    return lattice.values(numbers, dtype)


def _symbol_dtype(body: ByteReader) -> np.dtype[Any]:
    width = body.byte()
    if width >= len(_SYMBOLS):
        raise Corrupt(f"symbols have the unknown dtype {width}")
    return _SYMBOLS[width]


def _put(values: Array, where: Bools, escaped: Array) -> None:
    if int(where.sum()) != escaped.size:
        raise Corrupt(f"{int(where.sum())} escape symbols for {escaped.size} escapes")
    values[where] = escaped


def guessed(
    prediction: Prediction | None,
    lattice: Lattice,
    dtype: np.dtype[Any],
    size: int,
    context: Context,
) -> Array | None:
    """Return the predicted values of a column; None if no formula computes any."""
    if prediction is None or BY_NAME[prediction.formula].lookup:
        return None
    parents = [parent_values(context, position, size) for position in prediction.parents]
    if dtype.kind != "f" and any(p.dtype.kind == "f" for p in parents):
        raise Corrupt("a column of integers is predicted from floats")
    guess = predict(BY_NAME[prediction.formula], parents, prediction.constant, dtype.kind)
    if dtype.kind == "f":
        guess = np.where(np.isfinite(guess), guess, 0.0)  # the bits of a NaN depend on the machine
    if isinstance(lattice, Bits):
        with np.errstate(over="ignore"):
            guess = guess.astype(dtype)
    return guess


def looked_up(prediction: Prediction, stored: Array, context: Context) -> Array:
    """Return symbols: 0 stands for that of the first row with the same keys, s + 1 for s."""
    if not stored.size:
        return stored
    first = first_rows([parent_values(context, p, stored.size) for p in prediction.parents])
    again = stored == 0
    if (again & (first == np.arange(first.size))).any():
        raise Corrupt("a symbol is looked up that no row before has")
    symbols = np.asarray(stored - stored.dtype.type(1))
    symbols[again] = symbols[first[again]]
    return symbols


def _with_lookups(prediction: Prediction, symbols: Array, context: Context) -> Array:
    """Invert `looked_up`."""
    first = first_rows([parent_values(context, p, symbols.size) for p in prediction.parents])
    again = (symbols == symbols[first]) & (first < np.arange(first.size))
    return np.where(again, 0, symbols + np.uint64(1))


def _can_be_centred(lattice: Lattice) -> TypeGuard[Uniform | Scaled | Logarithmic]:
    return isinstance(lattice, Uniform | Scaled | Logarithmic)


def _prediction(body: ByteReader, dtype: np.dtype[Any]) -> Prediction:
    code = body.byte()
    if code >= len(FORMULAS) or (dtype.kind != "f" and not FORMULAS[code].integer):
        raise Corrupt(f"there is no formula {code} for {dtype}")
    parents = tuple(body.varint() for _ in range(FORMULAS[code].arity))
    return Prediction(FORMULAS[code].name, parents, body.float64())


def _lattice(
    code: int,
    body: ByteReader,
    dtype: np.dtype[Any],
    size: int,
    context: Context,
    seed: int | None,
) -> Lattice:
    dither = None if seed is None else shifts(seed, size)
    if dither is not None and code not in (Uniform.code, Scaled.code, Logarithmic.code):
        raise Corrupt(f"lattice {code} cannot be dithered")
    lattice = read_lattice(code, body, dtype)
    if isinstance(lattice, Scaled):
        lattice = replace(lattice, sigma=parent_values(context, lattice.parent, size))
    return replace(lattice, shifts=dither) if _can_be_centred(lattice) else lattice


def encode_grid(
    values: Array,
    lattice: Lattice,
    inner: Inner,
    *,
    keeps: Keeps,
    exact: Array | None = None,
    prediction: Prediction | None = None,
    context: Context | None = None,
    seed: int | None = None,
) -> bytes | None:
    """Return a payload; None if the lattice serves fewer than half of the values.

    ``keeps(values, decoded)`` tells which values may come back as decoded; all others become atoms
    or escapes. ``exact`` lists values that are to be atoms. ``seed`` belongs to the shifts of a
    dithered lattice; one that is not dithered is centred if it can be.
    """
    flags, guess = lattice.code, None
    if prediction is not None and context is not None:
        guess = guessed(prediction, lattice, values.dtype, values.size, context)
        flags |= _PREDICTED
    if guess is not None and seed is None and _can_be_centred(lattice):
        lattice = lattice.centred(guess)
        flags |= _CENTRED
    if isinstance(lattice, Logarithmic):
        lattice, numbers = lattice.fitted(values)
    else:
        numbers = lattice.nearest(values)
    served = keeps(values, _points(lattice, numbers, values.dtype))
    atoms = _atoms(values, served, exact)
    symbols_of = np.full(values.size, -1, np.int8)
    for i, atom in enumerate(atoms):
        chosen = same_bits(values, np.repeat(atom, 1))
        symbols_of[chosen] = i
        served = served & ~chosen
    escaped = ~served & (symbols_of < 0)
    escapes = int(escaped.sum())
    if 2 * escapes > values.size:
        return None
    head = b""
    if seed is not None:
        flags |= _DITHERED
        head += seed.to_bytes(8, "little")
    head += lattice.parameters()
    if prediction is not None and context is not None:
        formula = BY_NAME[prediction.formula]
        head += bytes([formula.code]) + b"".join(varint(p) for p in prediction.parents)
        head += np.float64(prediction.constant).tobytes()
        if guess is not None:
            numbers = numbers - lattice.nearest(guess)
    base = int(numbers.min(where=served, initial=np.iinfo(np.int64).max)) if served.any() else 0
    symbols = (numbers - base).view(np.uint64)
    first = len(atoms) + (escapes > 0)
    lookup = prediction if guess is None and context is not None else None
    top = int(symbols.max(where=served, initial=0)) + first + (lookup is not None)
    if top >= 1 << 64:
        return None
    symbols += np.uint64(first)
    if not served.all():
        symbols = np.where(
            served, symbols, np.where(escaped, len(atoms), symbols_of).astype(np.uint64)
        )
    if lookup is not None and context is not None:
        symbols = _with_lookups(lookup, symbols, context)
    width = next(i for i, dtype in enumerate(_SYMBOLS) if top <= np.iinfo(dtype).max)
    head += varint(zigzag(base)) + varint(len(atoms)) + atoms.tobytes() + varint(escapes)
    if escapes:
        head += sized(inner(values[escaped]))
    return (
        bytes([Grid.code, flags]) + head + bytes([width]) + inner(symbols.astype(_SYMBOLS[width]))
    )


def _atoms(values: Array, served: Bools, exact: Array | None) -> Array:
    """Return what becomes an atom: the values asked for, and frequent ones that are not served."""
    atoms = np.empty(0, values.dtype) if exact is None else exact
    missing = values[~served]
    if missing.size:
        bits, counts = np.unique(missing.view(f"u{values.dtype.itemsize}"), return_counts=True)
        frequent = bits[np.argsort(-counts, kind="stable")][: np.count_nonzero(counts > 1)]
        known = atoms.view(bits.dtype)
        new = frequent[~np.isin(frequent, known)][: max(0, 16 - atoms.size)]
        atoms = np.concatenate([atoms, new.view(values.dtype)])
    return atoms
