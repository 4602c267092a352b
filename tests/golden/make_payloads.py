"""Write golden payloads: bytes that must decode to the same values for ever.

Run it by hand (``python tests/golden/make_payloads.py``) after adding cases. Payloads that are
there are left as they are. ``--encoder`` writes anew what today's encoder makes of some columns;
the commit that does so says why it changed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from baler.codecs import decode, describe, encode
from baler.codecs.contextual import encode_copy, masked_head
from baler.codecs.formulas import FORMULAS
from baler.codecs.grid import encode_grid
from baler.codecs.lorenzo import encode_lorenzo
from baler.codecs.plain import encode_constant, encode_lzma, encode_pco, encode_raw, encode_zstd
from baler.codecs.reshape import encode_flags, encode_rank, encode_shuffle
from baler.codecs.search import Search
from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma, same_bits
from baler.core.recipe import ColumnRecipe, Mask, Prediction
from baler.quantise.dither import shifts
from baler.quantise.lattice import Bits, Decimal, Integers, Lattice, Scaled, Uniform, logarithmic

HERE = Path(__file__).parent
Array = npt.NDArray[Any]
N = 120


class Case(NamedTuple):
    """A payload, the values asked of it, and the columns that it looks at."""

    name: str
    payload: bytes | None
    dtype: str
    size: int
    parents: dict[int, Array] = {}  # noqa: RUF012  (never changed)


def smooth(seed: int, size: int = N) -> Array:
    """Return numbers between -8 and 8, most of them small, by exact arithmetic alone."""
    return 16 * shifts(seed, size) * np.abs(shifts(seed + 1, size)) * 2


def strange(dtype: str) -> Array:
    """Return special values and extremes of a floating-point dtype."""
    limits = np.finfo(np.dtype(dtype))
    infinity = np.array([np.inf], dtype).view(f"<u{dtype[2]}")
    nans = (infinity + np.array([1, 1 << (limits.nmant - 1), 77], infinity.dtype)).view(dtype)
    numbers = np.array(
        [0, np.inf, limits.max, limits.tiny, limits.smallest_subnormal, -999, 999], dtype
    )
    return np.concatenate([numbers, -numbers, nans, -nans])


def column(dtype: str, seed: int) -> Array:
    """Return smooth values of a dtype, with strange ones among them if it is floating-point."""
    values = (smooth(seed) * (1 if dtype[1] == "f" else 12)).astype(
        np.int64 if dtype[1] != "f" else dtype
    )
    values = values.astype(dtype)
    if dtype[1] == "f":
        odd = strange(dtype)
        values[5 : 5 + 3 * odd.size : 3] = odd
    return values


def plain_cases() -> Iterator[Case]:
    """Yield codecs that need no context."""
    inner = Search().inner
    for dtype in ("|b1", "<i4", "<u8", "<f2", "<f4", "<f8"):
        values = column(dtype, 3)
        yield Case(f"raw_{dtype[1:]}", encode_raw(values), dtype, N)
        yield Case(f"pco_{dtype[1:]}", encode_pco(values, 8), dtype, N)
    whole = np.cumsum(smooth(9, 300) > 0).astype("|u1")
    yield Case("pco_u1", encode_pco(whole, 8), "|u1", 300)
    for dtype in ("<f2", "<f4", "<f8"):
        last = strange(dtype)[-1:]
        yield Case(f"constant_{dtype[1:]}", encode_constant(last), dtype, N)
        yield Case(f"zstd_{dtype[1:]}", encode_zstd(np.resize(strange(dtype), N), 12), dtype, N)
        yield Case(f"lzma_{dtype[1:]}", encode_lzma(np.resize(strange(dtype), N)), dtype, N)
        yield Case(f"shuffle_{dtype[1:]}", encode_shuffle(column(dtype, 1), inner), dtype, N)
        few = np.resize(strange(dtype), 500)[(smooth(2, 500) * 60).astype(np.int64)]
        yield Case(f"rank_{dtype[1:]}", encode_rank(few, inner), dtype, 500)
    many = (np.arange(700) * 997 % 700).astype("<i8") * -1_000_000_007
    yield Case("rank_i8", encode_rank(many, inner), "<i8", 700)
    grid = (np.arange(4)[:, None, None] * np.arange(5)[:, None] + np.arange(6)) ** 2
    for dtype in ("<i8", "<u2", "|i1"):
        numbers = grid.astype(dtype)
        numbers[1, 2, 3:5] = np.iinfo(dtype).min, np.iinfo(dtype).max
        for times, reverse in (((1, 1, 1), False), ((1, 0, 2), True)):
            name = f"lorenzo_{dtype[1:]}{'_reversed' * reverse}"
            yield Case(name, encode_lorenzo(numbers, times, inner, reverse=reverse), dtype, N)
    yield Case("flags", encode_flags(smooth(4, 77) > 0, inner), "|b1", 77)
    yield Case("zstd_zeros", encode_zstd(np.zeros(1000, "<f4"), 1), "<f4", 1000)


def context_cases() -> Iterator[Case]:
    """Yield copies and masked columns."""
    floats, whole = column("<f4", 8), column("<i8", 8) % 100
    yield Case("copy_f4", encode_copy(floats, floats, 300, same_bits), "<f4", N, {300: floats})
    yield Case(
        "copy_i8_u1", encode_copy(whole.astype("|u1"), whole, 2, same_bits), "|u1", N, {2: whole}
    )
    parent = np.where(smooth(6) > 0, -1, 4).astype("<i2")
    values = np.where(parent == -1, np.float32(np.nan), floats)
    head = masked_head(parent, np.array([-1], "<i2"), values[parent == -1], 2)
    other = column("<f4", 20)
    shown = parent != -1
    inner = encode_grid(
        values[shown], Bits(0), Search().symbols, keeps=same_bits,
        prediction=Prediction("same", (1,)), context=lambda _: other[shown],
    )  # fmt: skip
    assert inner is not None
    yield Case("masked", head + encode_raw(values[shown]), "<f4", N, {2: parent})
    yield Case("masked_grid", head + inner, "<f4", N, {1: other, 2: parent})


def on(
    name: str, values: Array, lattice: Lattice, bound: Bound, *, seed: int | None = None,
    prediction: Prediction | None = None, parents: dict[int, Array] | None = None,
) -> Case:  # fmt: skip
    """Return a case of values on a lattice."""
    parents = parents or {}

    def keeps(original: Array, decoded: Array) -> npt.NDArray[np.bool_]:
        if bound.lossy:
            return bound.holds(original, decoded, parents.get(3))
        return same_bits(original, decoded)

    payload = encode_grid(
        values, lattice, Search().symbols, keeps=keeps, seed=seed, prediction=prediction,
        context=parents.__getitem__,
    )  # fmt: skip
    return Case(name, payload, values.dtype.str, values.size, parents)


def grid_cases() -> Iterator[Case]:
    """Yield every lattice and every formula."""
    t = shifts(5, N)
    for dtype in ("<f2", "<f4", "<f8"):
        values, kind = column(dtype, 3), np.dtype(dtype)
        coarse = (np.rint(smooth(7) * 16) / 16).astype(dtype)
        coarse[::17] = strange(dtype)[0]
        yield on(f"bits_{kind.name}", coarse, Bits(np.finfo(kind).nmant - 8), Exact())
        ordinary = values if dtype != "<f8" else np.abs(smooth(3))  # else too far apart
        yield on(f"bits0_{kind.name}", ordinary, Bits(0), Exact())
        yield on(f"abs_{kind.name}", values, Uniform(0.125), Absolute(0.0725))
        yield on(f"abs_dither_{kind.name}", values, Uniform(0.125, t), Absolute(0.0725), seed=5)
        for fraction in (0.9, 0.1, 0.01):
            for dither in (False, True):
                lattice = logarithmic(fraction, kind, dither)
                assert lattice is not None
                if dither:
                    lattice = type(lattice)(
                        lattice.bins, lattice.octaves, lattice.phase, 0, lattice.spread, t
                    )
                name = f"rel_{fraction}{'_dither' * dither}_{kind.name}"
                yield on(name, values, lattice, Relative(fraction), seed=5 if dither else None)
        sigma = np.abs(smooth(30)).astype("<f4")
        sigma[3:60:5] = np.resize(strange("<f4"), 12)
        for dither in (False, True):
            scaled = Scaled(0.199, sigma, 3, t if dither else None)
            yield on(
                f"sigma{'_dither' * dither}_{kind.name}", values, scaled, Sigma(0.1, "s"),
                seed=5 if dither else None, parents={3: sigma},
            )  # fmt: skip
    fine = logarithmic(2.0**-12, np.dtype("<f8"), False)
    assert fine is not None
    yield on("rel_fine", smooth(1), fine, Relative(2.0**-12))
    cents = np.rint(smooth(12) * 100) / 100
    cents[50] = 1e300
    yield on("decimal_f8", cents, Decimal(2), Exact())
    yield on("decimal_f4", cents[:40].astype("<f4"), Decimal(2), Exact())
    parents = {i: column("<f4", 40 + i) for i in range(4)}
    for formula in FORMULAS:
        prediction = Prediction(formula.name, ((0, 2, 1, 3) * 2)[: formula.arity], 1.25)
        name = formula.name.replace(" ", "_")
        yield on(f"formula_{name}", column("<f4", 3), Bits(0), Exact(), prediction=prediction,
                 parents=parents)  # fmt: skip
        yield on(f"formula_abs_{name}", column("<f8", 3), Uniform(0.01), Absolute(0.01),
                 prediction=prediction, parents=parents)  # fmt: skip
        if formula.integer:
            near = {i: column("<i4", 40 + i) for i in range(4)}
            near[0][:2], near[2][:2] = (1 << 31) - 1, -(1 << 31)
            yield on(f"formula_int_{name}", column("<u2", 3), Integers(), Exact(),
                     prediction=prediction, parents=near)  # fmt: skip
    sigma = np.abs(smooth(30)).astype("<f4")
    sigma[3:60:5] = np.resize(strange("<f4"), 12)
    scaled = Scaled(0.199, sigma, 3)
    for name, lattice, bound in (
        ("rel", fine, Relative(2.0**-12)),
        ("sigma", scaled, Sigma(0.1, "s")),
    ):
        near = {0: column("<f4", 4), 3: sigma}
        yield on(f"centred_{name}", column("<f8", 3), lattice, bound,
                 prediction=Prediction("same", (0,)), parents=near)  # fmt: skip
    extremes = np.array([(1 << 63) - 1, -(1 << 63), 0, -1] * 9, "<i8")
    yield on("int_extremes", extremes[::4] - np.arange(9), Integers(), Exact())


def encoder_cases() -> Iterator[tuple[str, Array, ColumnRecipe, dict[int, Array]]]:
    """Yield columns for today's encoder: a name, values, a recipe, and parents."""
    big = 40_000
    values = (smooth(1, big) * 10).astype("<f4")
    sigma = np.abs(smooth(3, big)).astype("<f4") + np.float32(0.1)
    hidden = np.where(smooth(5, big) > 2, np.float32(-999), values)
    integers = np.cumsum(smooth(7, big) > 1).astype("<i8")
    three = {i: smooth(10 + i, big).astype("<f4") for i in range(3)}
    energy = np.sqrt(sum(p.astype(np.float64) ** 2 for p in three.values()) + 0.25).astype("<f4")
    guess = Prediction("energy", (0, 1, 2), 0.5)
    mask = Mask(4, np.float32(-999).tobytes(), np.float32(-1).tobytes())
    for name, bound in (("exact", Exact()), ("abs", Absolute(1e-3)), ("rel", Relative(2.0**-11))):
        yield name, values, ColumnRecipe(bound), {}
        yield f"{name}_sentinels", hidden, ColumnRecipe(bound), {}
        yield f"{name}_dither", values, ColumnRecipe(bound, dither=True), {}
        yield f"{name}_energy", energy, ColumnRecipe(bound, (0, 1, 2), (guess,)), three
    yield "sigma", values, ColumnRecipe(Sigma(0.1, "s"), (3,)), {3: sigma}
    yield (
        "masked",
        np.where(hidden == -999, np.float32(-1), sigma),
        ColumnRecipe(Exact(), (4,), masks=(mask,)),
        {4: hidden},
    )
    yield "integers", integers, ColumnRecipe(Exact()), {}
    yield "flags", values > 1, ColumnRecipe(Exact()), {}
    yield "ranks", (integers % 7 * 1_000_003).astype("<i4"), ColumnRecipe(Exact()), {}


def add_payloads() -> None:
    """Write the payloads that are not there yet, and their lines in the manifest."""
    manifest = HERE / "payloads" / "manifest.json"
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    for case in (*plain_cases(), *context_cases(), *grid_cases()):
        assert case.payload is not None, case.name
        if case.name in entries:
            continue
        dtype = np.dtype(case.dtype)
        values = decode(case.payload, dtype, case.size, case.parents.__getitem__)
        entries[case.name] = {
            "dtype": case.dtype,
            "size": case.size,
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "description": describe(case.payload, dtype),
            "parents": {
                str(i): {"dtype": p.dtype.str, "hex": p.tobytes().hex()}
                for i, p in case.parents.items()
            },
        }
        (manifest.parent / f"{case.name}.bin").write_bytes(case.payload)
    manifest.write_text(json.dumps(entries, indent=1) + "\n")


def write_encoder() -> None:
    """Write what today's encoder makes of some columns."""
    found: dict[str, Any] = {"versions": {name: version(name) for name in ("pcodec", "zstandard")}}
    for name, values, recipe, parents in encoder_cases():
        payload = encode(values, recipe, parents.__getitem__, seed=7)
        digest = hashlib.sha256(payload).hexdigest()
        found[name] = {
            "bytes": len(payload),
            "sha256": digest,
            "is": describe(payload, values.dtype),
        }
    (HERE / "encoder.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    write_encoder() if "--encoder" in sys.argv else add_payloads()
