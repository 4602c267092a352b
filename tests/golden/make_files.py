"""Make the files in v1, and the manifest of what they hold.

Run once for a version of the format, never again: what the files decode to is to stay for ever.

    python -m tests.golden.make_files
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from baler.container import Reader, Writer
from baler.core.chunk import Array, Chunk, join_chunks, slice_chunk
from baler.core.recipe import Group, Prediction, Recipe
from baler.core.schema import Column, Field, Fixed, Leaf, List, Option, Record, Schema
from baler.planning import Policy, plan

HERE = Path(__file__).parent / "v1"

COLUMNS = (
    Column("run", np.dtype("<u4")),
    Column("event", np.dtype("<u8")),
    Column("bits", np.dtype("?")),
    Column("noise", np.dtype("|u1")),
    Column("choice", np.dtype("<f8")),
    Column("small", np.dtype("|i1")),
    Column("short", np.dtype("<i2")),
    Column("ushort", np.dtype("<u2")),
    Column("half", np.dtype("<f2")),
    Column("special", np.dtype("<f4")),
    Column("px", np.dtype("<f8")),
    Column("py", np.dtype("<f8")),
    Column("pz", np.dtype("<f8")),
    Column("m", np.dtype("<f8")),
    Column("E", np.dtype("<f8")),
    Column("pt", np.dtype("<f8")),
    Column("sum", np.dtype("<f8")),
    Column("product", np.dtype("<f4")),
    Column("decimal", np.dtype("<f8")),
    Column("nJet", np.dtype("<i4")),
    Column("Jet_pt", np.dtype("<f4"), "nJet"),
    Column("Jet_ptErr", np.dtype("<f4"), "nJet"),
    Column("Jet_eta", np.dtype("<f4"), "nJet"),
    Column("Jet_fine", np.dtype("<f4"), "nJet"),
    Column("Jet_index", np.dtype("<i4"), "nJet"),
    Column("Jet_match", np.dtype("<f4"), "nJet"),
    Column("Jet_nHits", np.dtype("<i8"), "nJet"),
    Column("Jet_nTwice", np.dtype("<i8"), "nJet"),
    Column("hits", np.dtype("<i4"), "Jet_nHits"),
    Column("name.size", np.dtype("<i8")),
    Column("name", np.dtype("|u1"), "name.size"),
    Column("menu", np.dtype("|u1"), None, 32),
    Column("letters", np.dtype("|u1"), None, 2),
    Column("seen", np.dtype("?")),
    Column("maybe", np.dtype("<f8"), "seen"),
    Column("matrix", np.dtype("<f4"), None, 6),
    Column("tag", np.dtype("<u4")),
    Column("a", np.dtype("<i8")),
    Column("b", np.dtype("<i4")),
    Column("difference", np.dtype("<i8")),
    Column("again", np.dtype("<i2")),
    Column("counter", np.dtype("<u4")),
    Column("zero", np.dtype("<f4")),
    Column("same", np.dtype("<f8")),
)
JETS = ("Jet_pt", "Jet_ptErr", "Jet_eta", "Jet_fine", "Jet_index", "Jet_match")
NOT_PLAIN = {
    *JETS,
    "Jet_nHits",
    "Jet_nTwice",
    "hits",
    "name.size",
    "name",
    "seen",
    "maybe",
    "matrix",
    "menu",
    "letters",
}
FIELDS = (
    *(Field(c.name, Leaf(c.name), f"the {c.name}") for c in COLUMNS if c.name not in NOT_PLAIN),
    Field("jets", List("nJet", Record(tuple((name[4:], Leaf(name)) for name in JETS), "Jet"))),
    Field("hits", List("nJet", List("Jet_nHits", Leaf("hits")))),
    Field("twice", List("nJet", Leaf("Jet_nTwice"))),
    Field("name", List("name.size", Leaf("name"), "string"), "Namen, noms, имена"),
    Field("maybe", Option("seen", Leaf("maybe"))),
    Field("matrix", Fixed(2, Fixed(3, Leaf("matrix")))),
    Field("menu", Fixed(32, Leaf("menu"))),
    Field("letters", Fixed(2, Leaf("letters"))),
    Field("pair", Record((("0", Leaf("a")), ("1", Leaf("b"))), is_tuple=True)),
    Field("none", Record(())),
)
SCHEMA = Schema(COLUMNS, FIELDS, {"kind": "made up", "name": "Events"})
BOUNDS = {
    "px": "abs 1e-3",
    "py": "abs 1e-3",
    "pz": "rel 2^-12",
    "m": "rel 0.01",
    "E": "rel 1e-5",
    "pt": "abs 1e-3",
    "product": "rel 2^-18",
    "half": "rel 0.05",
    "special": "abs 0.125",
    "Jet_pt": "sigma 0.1 Jet_ptErr",
    "Jet_ptErr": "rel 0.02",
    "Jet_eta": "range 0.001",
    "Jet_fine": "bits 20",
    "Jet_match": "rel 2^-8",
    "maybe": "abs 0.01",
    "matrix": "rel 0.25",
}
HINTS = (("difference", "difference", ("a", "b")), ("E", "energy of mass", ("px", "py", "pz", "m")))
ALONE = ("name", "menu", "letters", "tag")
WORDS = b"error bound lattice number chunk column block index codec payload field".split()


def make_chunk(entries: int, seed: int) -> Chunk:
    """Return made-up values that ask for every codec and lattice."""
    g = np.random.default_rng(seed)
    v: dict[str, Array] = {}
    v["run"] = np.full(entries, 362_000 + seed)
    v["event"] = 10**12 + np.cumsum(g.integers(1, 9, entries))
    v["bits"] = g.random(entries) < 0.3
    v["noise"] = g.integers(0, 256, entries)
    v["choice"] = g.choice(g.normal(0, 1, 7), entries)
    v["small"] = g.integers(-3, 4, entries)
    v["short"] = np.cumsum(g.integers(-2, 3, entries))
    v["ushort"] = g.poisson(3000, entries)
    v["half"] = g.exponential(1, entries)
    odd = np.array([0x7FC00001, 0xFF800000, 0x7F800000, 0x80000000, 0x7F812345, 1, 0xFFFFFFFF])
    special = g.normal(0, 1, entries).astype("<f4")
    special.view("<u4")[::5] = g.choice(odd, len(special[::5]))
    v["special"] = special
    v["px"], v["py"] = g.normal(0, 30, (2, entries))
    v["pz"] = g.normal(0, 100, entries)
    v["m"] = g.exponential(5, entries)
    v["pt"] = np.sqrt(v["px"] * v["px"] + v["py"] * v["py"])
    squares = v["px"] * v["px"] + v["py"] * v["py"] + v["pz"] * v["pz"]
    v["E"] = np.sqrt(squares + v["m"] * v["m"])
    v["decimal"] = np.round(g.normal(0, 1, entries) * 100, 2)
    v["sum"] = v["decimal"] + v["choice"]
    v["product"] = v["choice"] * v["half"].astype("<f2")
    v["nJet"] = g.poisson(2, entries)
    jets = int(v["nJet"].sum())
    v["Jet_pt"] = 20 + g.exponential(30, jets)
    v["Jet_ptErr"] = v["Jet_pt"] * g.uniform(0.05, 0.2, jets)
    v["Jet_eta"] = g.normal(0, 2, jets)
    v["Jet_fine"] = g.normal(0, 1, jets)
    v["Jet_index"] = np.where(g.random(jets) < 0.5, -1, g.integers(0, 50, jets))
    v["Jet_match"] = np.where(v["Jet_index"] < 0, -999, g.exponential(1, jets))
    v["Jet_nHits"] = g.integers(0, 4, jets)
    v["Jet_nTwice"] = v["Jet_nHits"]
    v["hits"] = g.poisson(9, int(v["Jet_nHits"].sum()))
    words = [b" ".join(g.choice(WORDS, k)) for k in g.integers(0, 20, entries)]
    v["name.size"] = np.array([len(word) for word in words])
    v["name"] = np.frombuffer(b"".join(words), "|u1")
    menu = [b"%-32s" % b" ".join(g.choice(WORDS, 3)) for _ in range(4)]
    v["menu"] = np.frombuffer(
        b"".join(menu[k][:32] for k in np.sort(g.integers(0, 4, entries))), "|u1"
    )
    after = np.random.default_rng(1).permutation(26)
    letters = [0]
    while len(letters) < 2 * entries:  # mostly, a letter tells the next one
        letters.append(int(after[letters[-1]] if g.random() < 0.85 else g.integers(26)))
    v["letters"] = 97 + np.array(letters[: 2 * entries])
    v["seen"] = g.random(entries) < 0.7
    v["maybe"] = g.normal(0, 1, int(v["seen"].sum()))
    odd_nan = 0x7FF8 << 48 | g.integers(1, 2**50, len(v["maybe"][::9]))  # all different
    v["maybe"].view("<i8")[::9] = odd_nan
    v["matrix"] = g.normal(0, 1, 6 * entries)
    v["tag"] = g.choice(g.integers(0, 2**32, 3), entries)
    v["a"] = g.integers(-(2**40), 2**40, entries)
    v["b"] = g.integers(-(2**30), 2**30, entries)
    v["difference"] = v["a"] - v["b"]
    v["again"] = v["small"]
    v["counter"] = np.arange(entries) % 50
    v["zero"] = np.zeros(entries)
    v["same"] = v["decimal"]
    return Chunk(entries, {c.name: np.ascontiguousarray(v[c.name], c.dtype) for c in COLUMNS})


def make_recipe(chunk: Chunk, bounds: dict[str, str], *, dither: bool) -> Recipe:
    """Plan, and add what the planner does not look for, and long columns in blocks of their own."""
    with np.errstate(invalid="ignore"):  # signalling NaNs
        recipe = plan(SCHEMA, chunk, Policy.of(bounds, dither=dither))
    columns, at = list(recipe.columns), SCHEMA.position
    for name, formula, names in HINTS:
        parents = tuple(at[parent] for parent in names)
        prediction = Prediction(formula, parents)
        columns[at[name]] = replace(columns[at[name]], parents=parents, predictions=(prediction,))
    alone = {at[name] for name in ALONE}
    groups = [
        replace(g, columns=tuple(c for c in g.columns if c not in alone)) for g in recipe.groups
    ]
    groups = [group for group in groups if group.columns] + [Group((c,)) for c in sorted(alone)]
    return Recipe(tuple(columns), tuple(groups))


def write(path: Path, bounds: dict[str, str], entries: tuple[int, ...], *, dither: bool) -> None:
    """Write a file of several chunks."""
    whole = make_chunk(sum(entries), seed=20)
    recipe = make_recipe(whole, bounds, dither=dither)
    at = 0
    with Writer(path, SCHEMA, recipe, metadata={"made": "up"}, overwrite=True) as writer:
        for size in entries:
            writer.write(slice_chunk(SCHEMA, whole, at, at + size))
            at += size


def digests(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each column: its dtype, a space, its little-endian values."""
    with Reader(path) as reader:
        chunk = join_chunks([reader.read(k) for k in range(len(reader.chunks) - 1)])
    return {name: digest(values) for name, values in chunk.columns.items()}


def digest(values: Array) -> str:
    """Return the SHA-256 of a column."""
    return hashlib.sha256(values.dtype.str.encode() + b" " + values.tobytes()).hexdigest()


def main() -> None:
    """Write both files and the manifest."""
    HERE.mkdir(exist_ok=True)
    write(HERE / "exact.baler", {}, (250, 0, 40), dither=False)
    write(HERE / "bounded.baler", BOUNDS, (250, 30, 20), dither=True)
    manifest = {path.name: digests(path) for path in sorted(HERE.glob("*.baler"))}
    text = json.dumps(manifest, indent=1)
    (HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
