"""What the package writes, a decoder written from docs/format.md alone reads, bit for bit."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler
from baler.codecs import decode as decode_by_package
from baler.container import Reader, Writer
from baler.core.chunk import Array, Chunk, slice_chunk
from baler.core.recipe import ColumnRecipe, Group, Prediction, Recipe
from baler.core.schema import Column, Field, Fixed, Leaf, List, Option, Record, Schema
from baler.errors import BalerError, FormatError
from baler.planning import Policy, plan
from tests.golden.make_files import BOUNDS, SCHEMA, make_chunk, write
from tests.random_payloads import DTYPES, Maker, varint
from tests.reference_decoder import (
    MAGIC,
    Cursor,
    Description,
    Node,
    Refused,
    decode,
    decode_payload,
)

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "examples" / "events.root"
NANO = ROOT / "examples" / "nano.toml"
HEP = ROOT.parent / "shared" / "data" / "hep"
REAL = (
    "uproot-HZZ-zstd.root",
    "nano_tt_v12.root",
    "Run2012BC_DoubleMuParked_Muons_1000evts_rntuple_v1-0-0-0.root",
)
KINDS = {"list": 1, "string": 2, "bytes": 3}


def as_node(node: Any, at: dict[str, int]) -> Node:
    """Return a tree of the package as a tree of the decoder."""
    match node:
        case Leaf(column):
            return Node(0, at[column])
        case List(counts, content, what):
            return Node(KINDS[what], at[counts], contents=(as_node(content, at),))
        case Fixed(size, content):
            return Node(4, size=size, contents=(as_node(content, at),))
        case Option(mask, content):
            return Node(5, at[mask], contents=(as_node(content, at),))
        case Record(fields, name, is_tuple):
            names = tuple(name for name, _ in fields)
            contents = tuple(as_node(content, at) for _, content in fields)
            kind = 6 + is_tuple + 2 * (name is not None)
            return Node(kind, name=name, names=names, contents=contents)
    raise TypeError(node)


def both_agree(data: bytes) -> Description:
    """Require that both decoders say the same of a file, and return what it says."""
    columns, said = decode(data)
    with Reader(data) as reader:
        schema, at = reader.schema, dict(reader.schema.position)
        chunks = [reader.read(k).columns for k in range(len(said.entries))]
        assert reader.entries == sum(said.entries)
        assert list(columns) == [c.name for c in schema.columns]
        for c in schema.columns:
            parts = [chunk[c.name] for chunk in chunks]
            assert columns[c.name].dtype == c.dtype
            assert columns[c.name].tobytes() == b"".join(part.tobytes() for part in parts), c.name
        assert said.widths == [c.width for c in schema.columns]
        assert said.counts == [None if c.counts is None else at[c.counts] for c in schema.columns]
        assert said.bounds == [str(plan.bound) for plan in reader.recipe.columns]
        assert said.parents == [list(plan.parents) for plan in reader.recipe.columns]
        assert said.groups == [(list(g.columns), g.solid) for g in reader.recipe.groups]
        assert said.fields == {field.name: as_node(field.node, at) for field in schema.fields}
        if said.titles is not None:
            assert said.titles == [field.title for field in schema.fields]
            assert said.source == schema.source
            assert said.kept == reader.metadata
    return said


def test_the_example_of_the_page_is_what_the_page_says() -> None:
    page = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    dump = page.split("```hexdump\n")[1].split("```")[0]
    data = bytes.fromhex(" ".join(re.findall(r"(?m)^[0-9a-f]{4}  ((?:[0-9a-f]{2} )+)", dump)))
    columns, said = decode(data)
    values = {name: values.tolist() for name, values in columns.items()}
    assert values == {"n": [1, 2, 1], "x": [1.5, 2.5, -1, 4.5], "y": [7, 7, 8]}
    assert (said.titles, said.source, said.kept) == (["", "m", ""], {"tree": "T"}, {})
    assert both_agree(data) == said


# ------------------------------------------------------------------------------- whole files


@pytest.mark.parametrize("dither", [False, True])
@pytest.mark.parametrize("bounds", [{}, BOUNDS], ids=["exact", "bounded"])
def test_a_file_of_everything(tmp_path: Path, bounds: dict[str, str], dither: bool) -> None:
    path = tmp_path / "file.baler"
    write(path, bounds, (250, 0, 30), dither=dither)
    met = both_agree(path.read_bytes()).met
    assert all(met[f"codec {code}"] for code in range(11))
    assert met["predicted"]
    assert met["compressed block"]
    if bounds:
        assert all(met[f"lattice {code}"] for code in range(6))
        assert met["escapes"]
        assert bool(met["dithered"]) == dither


FLOAT_BOUNDS = [
    "exact",
    "abs 0.01",
    "abs 1e-9",
    "abs 1e6",
    "rel 0.3",
    "rel 0.9",
    "rel 2^-11",
    "rel 2^-20",
    "rel 1e-15",
    "bits 9",
    "range 0.01",
    "sigma 0.25",
]


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Column], Chunk, dict[str, str], list[int], bool]:
    """Columns of any dtype, shape and bound, some of them made from others."""
    maker = Maker(draw(st.integers(0, 2**32)))
    sizes = draw(st.lists(st.sampled_from([0, 1, 5, 40, 200]), min_size=1, max_size=3))
    entries = sum(sizes)
    columns = [Column("n", np.dtype("<i4")), Column("mask", np.dtype("?"))]
    arrays: dict[str, Array] = {
        "n": maker.g.poisson(1.5, entries).astype("<i4"),
        "mask": maker.g.random(entries) < 0.6,
    }
    bounds: dict[str, str] = {}
    for k in range(draw(st.integers(1, 6))):
        name, dtype = f"c{k}", draw(st.sampled_from(DTYPES))
        counts = draw(st.sampled_from([None, None, "n", "mask"]))
        width = draw(st.sampled_from([1, 1, 1, 3]))
        shape = (counts, width)
        alike = [c for c in columns if (c.counts, c.width) == shape]
        peers = [c for c in alike if c.dtype.kind == "f"]
        made = draw(st.sampled_from(["new", "new", "copy", "sum", "product", "masked"]))
        rows = entries if counts is None else int(arrays[counts].sum())
        values = maker.column(dtype, rows * width)
        if made == "copy" and alike:
            dtype = alike[-1].dtype
            values = arrays[alike[-1].name]
        elif made == "masked" and alike:
            values = np.where(arrays[alike[-1].name] == 0, np.zeros(1, dtype), values)
        elif peers and made in ("sum", "product"):
            with np.errstate(all="ignore"):
                a, b = (arrays[p.name].astype("<f8") for p in (peers[0], peers[-1]))
                values, dtype = (a + b if made == "sum" else a * b), np.dtype("<f8")
        bound = draw(st.sampled_from(FLOAT_BOUNDS))
        if dtype.kind == "f":
            if bound.startswith("sigma"):
                bound = f"{bound} {peers[-1].name}" if peers else "exact"
            bounds[name] = bound
        columns.append(Column(name, dtype, counts, width))
        arrays[name] = np.ascontiguousarray(values, dtype)
    return columns, Chunk(entries, arrays), bounds, sizes, draw(st.booleans())


@given(files())
@settings(max_examples=120, deadline=None)
def test_files_of_any_columns(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[list[Column], Chunk, dict[str, str], list[int], bool],
) -> None:
    columns, chunk, bounds, sizes, dither = made
    schema = Schema(tuple(columns), (Field("n", Leaf("n")),))
    with np.errstate(all="ignore"):
        recipe = plan(schema, chunk, Policy.of(bounds, dither=dither))
    path = tmp_path_factory.mktemp("files") / "file.baler"
    at = 0
    with Writer(path, schema, recipe) as writer:
        for size in sizes:
            writer.write(slice_chunk(schema, chunk, at, at + size))
            at += size
    both_agree(path.read_bytes())


FORMULAS: dict[str, tuple[tuple[str, ...], Any]] = {
    "same": (("a",), lambda a: a),
    "sum": (("a", "b"), lambda a, b: a + b),
    "difference": (("a", "b"), lambda a, b: a - b),
    "product": (("a", "b"), lambda a, b: a * b),
    "ratio": (("a", "b"), lambda a, b: a / b),
    "scaled": (("a",), lambda a: a * 0.3),
    "opposite": (("a",), lambda a: -a),
    "corrected": (("a", "b"), lambda a, b: a * (1 - b)),
    "norm2": (("a", "b"), lambda a, b: np.sqrt(a * a + b * b)),
    "norm3": (("a", "b", "c"), lambda a, b, c: np.sqrt(a * a + b * b + c * c)),
    "energy": (("a", "b", "c"), lambda a, b, c: np.sqrt(a * a + b * b + c * c + 0.3 * 0.3)),
    "energy of mass": (
        ("a", "b", "c", "d"),
        lambda a, b, c, d: np.sqrt(a * a + b * b + c * c + d * d),
    ),
    "rest": (("a", "b"), lambda a, b: (0.3 - a) - b),
    "rest of three": (("a", "b", "c"), lambda a, b, c: 0.3 - a - b - c),
    "rest of four": (("a", "b", "c", "d"), lambda a, b, c, d: 0.3 - a - b - c - d),
    "uncorrected": (("a", "b"), lambda a, b: a / (1 - b)),
    "lookup": (("k",), lambda k: np.sin(k) * 9),
    "lookup of two": (("k", "l"), lambda k, l: np.sin(k) * 9 - l),  # noqa: E741
    "phi": (("a", "b"), lambda a, b: np.arctan2(b, a)),
    "eta": (("a", "b", "c"), lambda a, b, c: np.arcsinh(c / np.hypot(a, b))),
    "energy of jet": (("a", "b", "c"), lambda a, b, c: np.sqrt((a * a + b * b) * 0.3 + c * c)),
    "eta of pt": (("a", "b"), lambda a, b: np.arcsinh(b / a)),
    "x": (("a", "b"), lambda a, b: a * np.cos(b)),
    "y": (("a", "b"), lambda a, b: a * np.sin(b)),
    "z": (("a", "b"), lambda a, b: a * np.sinh(b)),
    "energy of pt": (("a", "b"), lambda a, b: np.hypot(a * np.cosh(b), 0.3)),
    "energy of pt and mass": (("a", "b", "c"), lambda a, b, c: np.hypot(a * np.cosh(b), c)),
    "mass": (("a", "b", "c", "d"), lambda a, b, c, d: root(a * a - b * b - c * c - d * d)),
    "mass of p": (("a", "b"), lambda a, b: root(a * a - b * b)),
    "mass of two": (tuple("abcdefgh"), lambda *p: mass_of(p[:4], p[4:])),
    "mass of two of pt": (
        tuple("aefbgh"),
        lambda *p: mass_of(four_vector(*p[:3], 0.3), four_vector(*p[3:], 0.3)),
    ),
    "mass of two of pt and mass": (
        tuple("aefbcghd"),
        lambda *p: mass_of(four_vector(*p[:4]), four_vector(*p[4:])),
    ),
    "mass of two of momenta": (
        tuple("abcdef"),
        lambda *p: mass_of(
            *([np.sqrt(x * x + y * y + z * z + 0.09), x, y, z] for x, y, z in (p[:3], p[3:]))
        ),
    ),
}


def root(square: Array) -> Array:
    return np.copysign(np.sqrt(np.abs(square)), square)


def four_vector(pt: Array, eta: Array, phi: Array, mass: Any) -> list[Array]:
    p = pt * np.cosh(eta)
    return [np.hypot(p, mass), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]


def mass_of(one: Any, other: Any) -> Array:
    e, x, y, z = (a + b for a, b in zip(one, other, strict=True))
    return root(e * e - x * x - y * y - z * z)


@pytest.mark.parametrize("bound", ["exact", "abs 1e-3", "rel 1e-4", "rel 1e-7"])
@pytest.mark.parametrize("dither", [False, True])
def test_every_formula_predicts(tmp_path: Path, bound: str, dither: bool) -> None:
    g = np.random.default_rng(7)
    arrays: dict[str, Array] = {name: g.normal(0, 9, 400) for name in "abcd"}
    arrays |= {name: g.normal(0, 1, 400) for name in "efgh"}
    arrays |= {name: g.integers(0, 7, 400) for name in "kl"}
    known = list(arrays)
    plans = [ColumnRecipe(baler.Exact()) for _ in arrays]
    for name, (names, formula) in FORMULAS.items():
        noise = 1 + 1e-9 * g.normal(0, 1, 400)
        parents = tuple(known.index(p) for p in names)
        noise = 1 if name.startswith("lookup") else noise
        arrays[name] = formula(*(arrays[p] for p in names)) * noise
        prediction = Prediction(name, parents, 0.3)
        promise = Policy.of({"*": bound}).rules[0][1]
        plans.append(ColumnRecipe(promise, parents, (prediction,), dither=dither))
    columns = tuple(Column(name, values.dtype) for name, values in arrays.items())
    schema = Schema(columns, tuple(Field(name, Leaf(name)) for name in arrays))
    path = tmp_path / "file.baler"
    with Writer(path, schema, Recipe(tuple(plans), (Group(tuple(range(len(plans)))),))) as writer:
        writer.write(Chunk(400, arrays))
    met = both_agree(path.read_bytes()).met
    assert all(met[f"formula {code}"] for code in range(1, 33))
    assert bool(met["centred"]) == (bound in ("abs 1e-3", "rel 1e-4") and not dither)


def test_long_columns_of_several_runs(tmp_path: Path) -> None:
    g = np.random.default_rng(3)
    schema = Schema((Column("x", np.dtype("<i2")),), (Field("x", Leaf("x")),))
    path = tmp_path / "file.baler"
    x = np.ascontiguousarray(g.normal(0, 300, 2**20 + 77), "<i2")
    chunk = Chunk(len(x), {"x": x})
    with Writer(path, schema, plan(schema, chunk, Policy())) as writer:
        writer.write(chunk)
    columns, said = decode(path.read_bytes())
    assert said.met["codec 2"]
    assert columns["x"].tobytes() == x.tobytes()


def test_columns_of_an_npz_file(tmp_path: Path) -> None:
    g = np.random.default_rng(5)
    source, target = tmp_path / "x.npz", tmp_path / "x.baler"
    arrays = {"x": g.normal(0, 1, (500, 3)), "k": g.integers(0, 9, 500), "y": g.random(500) < 0.1}
    np.savez(source, allow_pickle=False, **arrays)
    baler.compress(source, target, bounds={"x": "abs 0.01"}, chunk_size="4 kB")
    said = both_agree(target.read_bytes())
    assert len(said.entries) > 1
    assert said.bounds[list(said.names).index("x")] == "abs 0.01"


@pytest.mark.parametrize("bound", ["exact", "abs 1e-3", "rel 1e-3"])
def test_grids_of_an_npz_file(tmp_path: Path, bound: str) -> None:
    source, target = tmp_path / "x.npz", tmp_path / "x.baler"
    t, x, y = np.meshgrid(*(np.linspace(0, 3, n) for n in (12, 20, 30)), indexing="ij")
    walk = np.cumsum(np.random.default_rng(5).integers(-2, 3, (12, 600)), 0)
    np.savez(
        source,
        allow_pickle=False,
        f=2 + np.sin(t + x * y),
        k=walk + 999 * np.sin(np.arange(600)).astype(int),
    )
    baler.compress(source, target, bounds={"f": bound})
    assert both_agree(target.read_bytes()).met["codec 14"]


@pytest.mark.parametrize("policy", [None, NANO], ids=["exact", "nano"])
@pytest.mark.parametrize("chunk_size", ["64 MB", "1 MB"])
def test_example_events(tmp_path: Path, policy: Path | None, chunk_size: str) -> None:
    if policy is not None and not policy.exists():
        pytest.skip("there is no such policy")
    target = tmp_path / "events.baler"
    dither = chunk_size == "1 MB"
    baler.compress(EVENTS, target, policy=policy, chunk_size=chunk_size, dither=dither)
    both_agree(target.read_bytes())


@pytest.mark.parametrize("name", REAL)
def test_real_events(tmp_path: Path, name: str) -> None:
    if not (HEP / name).exists():
        pytest.skip("there are no such data")
    target = tmp_path / "x.baler"
    baler.compress(HEP / name, target, bounds={"*": "rel 2^-11"}, chunk_size="2 MB")
    both_agree(target.read_bytes())


# ---------------------------------------------------------------------------------- payloads


def by_both(data: bytes, dtype: Any, n: int, columns: dict[int, Array]) -> tuple[Any, Any, Any]:
    """Return what each decoder makes of a payload (None if it refuses), and what was met."""
    met: Counter[str] = Counter()
    ours: Array | None = None
    theirs: Array | None = None

    def context(position: int) -> Array:
        if position not in columns:
            raise FormatError("not a parent")
        return columns[position]

    with np.errstate(all="ignore"):
        try:
            ours = decode_payload(data, dtype, n, columns, met)
        except Exception:  # the libraries below have their own; a decoder may refuse in any way
            ours = None
    try:
        theirs = decode_by_package(data, dtype, n, context)
    except FormatError:
        theirs = None
    return ours, theirs, met


def same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_random_payloads() -> None:
    met: Counter[str] = Counter()
    for seed in range(2500):
        maker = Maker(seed)
        n, dtype = maker.pick([0, 1, 2, 5, 30, 300]), maker.pick(DTYPES)
        columns = maker.parents(n)
        data = maker.payload(dtype, n, columns)
        ours, theirs, used = by_both(data, dtype, n, columns)
        assert same(ours, theirs), seed
        met += used
    parts = {"codec": 11, "lattice": 6, "formula": 33}
    assert all(met[f"{part} {code}"] for part, codes in parts.items() for code in range(codes))
    assert met["codec 14"]


def test_damaged_payloads_are_refused_by_both_or_none() -> None:
    outcomes: Counter[bool] = Counter()
    for seed in range(1000):
        maker = Maker(10_000 + seed)
        n, dtype = maker.pick([1, 2, 5, 30]), maker.pick(DTYPES)
        columns = maker.parents(n)
        data = bytearray(maker.payload(dtype, n, columns))
        place = int(maker.g.integers(min(len(data), 60)))
        data[place] = maker.pick([data[place] ^ 1 << int(maker.g.integers(8)), 0, 3, 255])
        ours, theirs, _ = by_both(bytes(data), dtype, n, columns)
        assert same(ours, theirs), seed
        outcomes[ours is None] += 1
    assert min(outcomes.values()) > 150


# ----------------------------------------------------------------------------------- indexes


def test_damaged_indexes_are_refused_by_both_or_none(tmp_path: Path) -> None:
    path = tmp_path / "file.baler"
    chunk = make_chunk(3, seed=1)
    with np.errstate(all="ignore"):
        recipe = plan(SCHEMA, chunk, Policy.of({"Jet_pt": BOUNDS["Jet_pt"], "px": "abs 1"}))
    columns = list(recipe.columns)
    columns[3] = replace(columns[3], parents=(0, 7))
    with Writer(path, SCHEMA, replace(recipe, columns=tuple(columns))) as writer:
        for _ in range(2):
            writer.write(chunk)
    data = path.read_bytes()
    start, _ = struct.unpack("<QI", data[-24:-12])
    index = Cursor(data[start:-24])
    core, rest = index.part(), index.rest()
    outcomes: Counter[bool] = Counter()
    for seed in range(1000):
        g = np.random.default_rng(seed)
        damaged = bytearray(core)
        for _ in range(int(g.integers(1, 3)) if seed else 0):
            at, other = g.integers(len(core), size=2)
            new = [damaged[at] ^ 1 << int(g.integers(8)), 0, damaged[other], damaged[at] + 1]
            damaged[at] = new[int(g.integers(4))] % 256
        outcomes[refused_by_both(with_core(data[:start], bytes(damaged), rest))] += 1
    assert min(outcomes.values()) > 30


def with_core(blocks: bytes, core: bytes, rest: bytes) -> bytes:
    """Return a file with a core as it is, and a correct tail."""
    index = 2 * varint(len(core)) + core + rest
    tail = struct.pack("<QI", len(blocks), len(index))
    checksum = zlib.crc32(blocks[:12] + index + tail)
    return blocks + index + tail + checksum.to_bytes(4, "little") + MAGIC


def read_all(data: bytes) -> None:
    """Read a file with the package."""
    with Reader(data) as reader:
        for k in range(len(reader.chunks) - 1):
            reader.read(k)


def refused_by_both(data: bytes) -> bool:
    """Tell whether a file is refused; fail if the decoders do not agree."""
    try:
        decode(data)
    except Refused as error:
        if "unknown bound" in str(error):  # the package reads more ways to write one
            return True
        with pytest.raises(BalerError):
            read_all(data)
        return True
    both_agree(data)
    return False
