"""The index is small, and it is refused if it says what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from baler.container.index import Index, pack_index, unpack_index
from baler.container.layout import LEARNED, MAX_MODEL_BYTES
from baler.container.sections import StoredModel
from baler.core.bounds import Absolute, Exact, Range, Sigma
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Field, Fixed, Leaf, List, Node, Option, Record, Schema
from baler.entropy.lz import lzma_compress
from baler.errors import Corrupt, FormatError


def index_of(schema: Schema, recipe: Recipe, sizes: np.ndarray | None = None) -> Index:
    """Return an index with a table of blocks of these sizes, without chunks by default."""
    empty = np.zeros((0, len(recipe.groups)), np.int64)
    table = empty if sizes is None else sizes
    entries = np.full(len(table), 1000)
    checksums = np.random.default_rng(1).integers(0, 1 << 32, table.shape, np.uint32)
    return Index(schema, recipe, entries, table, np.zeros_like(table), checksums)


def nano_schema(size: int) -> Schema:
    """Return a schema with collections and triggers, with titles."""
    columns, fields = [], []
    for at in range(size):
        collection, number = divmod(at, 20)
        if collection % 2:
            name, node, counts, dtype = f"HLT_Path{at * at}_v{at}", Leaf, None, "|b1"
        elif number == 0:
            name, node, counts, dtype = f"nObject{collection}", Leaf, None, "<i4"
        else:
            counts = f"nObject{collection}"
            name, node, dtype = f"Object{collection}_variable{number * at}", None, "<f4"
        tree: Node = Leaf(name) if node else List(str(counts), Leaf(name))
        columns.append(Column(name, np.dtype(dtype), counts))
        fields.append(Field(name, tree, f"what {name} means, of which there are {at % 7}"))
    return Schema(tuple(columns), tuple(fields))


def plain_recipe(schema: Schema, group: int) -> Recipe:
    """Return an exact recipe with groups of this number of columns."""
    size = len(schema.columns)
    groups = (Group(tuple(range(at, min(at + group, size)))) for at in range(0, size, group))
    return Recipe(tuple(ColumnRecipe(Exact()) for _ in range(size)), tuple(groups))


def test_an_index_costs_little_more_than_names_and_titles() -> None:
    schema = nano_schema(1600)
    names = "\0".join(column.name for column in schema.columns)
    titles = "\0".join(field.title for field in schema.fields)
    least = len(lzma_compress(names.encode())) + len(lzma_compress(titles.encode()))
    assert len(pack_index(index_of(schema, plain_recipe(schema, 1600)))) < 1.02 * least


def test_a_block_costs_little_more_than_its_checksum() -> None:
    schema = nano_schema(2000)
    recipe = plain_recipe(schema, 20)
    rng = np.random.default_rng(2)
    typical = rng.integers(100, 100_000, (1, 100))
    sizes = (typical * rng.normal(1, 0.02, (300, 100))).astype(np.int64)
    empty, full = (len(pack_index(index_of(schema, recipe, table))) for table in (None, sizes))
    assert (full - empty) / sizes.size < 4 + 2
    found = unpack_index(pack_index(index_of(schema, recipe, sizes)), int(sizes.sum()))
    assert (found.sizes == sizes).all()


def deep(levels: int) -> Node:
    """Return a leaf in this number of other nodes."""
    node: Node = Leaf("x")
    for _ in range(levels):
        node = Fixed(1, node)
    return node


F4, I4, U1 = np.dtype("<f4"), np.dtype("<i4"), np.dtype("|u1")
COLUMNS = (Column("n", I4), Column("x", F4), Column("y", F4, "n"), Column("b", U1, "n"))
BAD_FIELDS = [
    ((Field("x", Leaf("x")), Field("x", Leaf("n"))), "two fields are named 'x'"),
    ((Field("f", Leaf("y")),), "has counts 'n' and width 1, but field 'f' needs None and 1"),
    ((Field("f", List("n", Leaf("x"))),), "has counts None and width 1, but field 'f' needs 'n'"),
    ((Field("f", List("y", Leaf("x"))),), "column 'y' has counts 'n'"),
    ((Field("f", Fixed(2, Leaf("x"))),), "needs None and 2"),
    ((Field("f", Option("n", Leaf("y"))),), "the mask 'n' in field 'f' is not boolean"),
    ((Field("f", List("n", Leaf("y"), "string")),), "a string in field 'f' is not a list of uint8"),
    ((Field("f", Record((("a", Leaf("x")), ("a", Leaf("x"))))),), "two fields of one name"),
    ((Field("f", deep(64)),), "nested"),
    ((Field("f", Fixed(1 << 31, Leaf("x"))),), "nested"),
]


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Index], bytes]:
    """Return a function that packs indexes which break the rules."""

    def pack(schema: Schema, recipe: Recipe) -> bytes:
        with monkeypatch.context() as patch:
            patch.setattr("baler.container.index.check_schema", lambda _: None)
            patch.setattr("baler.container.index.check_recipe", lambda *_: None)
            patch.setattr("baler.container.trees.MAX_DEPTH", 1000)
            return pack_index(index_of(schema, recipe))

    return pack


@pytest.mark.parametrize(("fields", "message"), BAD_FIELDS)
def test_fields_that_do_not_fit_their_columns(
    fields: tuple[Field, ...], message: str, unchecked: Callable[[Schema, Recipe], bytes]
) -> None:
    schema = Schema(COLUMNS, fields)
    recipe = plain_recipe(schema, 1)
    with pytest.raises(Corrupt, match=message):
        index_of(schema, recipe)
    with pytest.raises(Corrupt, match=message):
        unpack_index(unchecked(schema, recipe), 0)


EXACT = ColumnRecipe(Exact())
GROUPS = (Group((0, 1, 2, 3)),)
BAD_RECIPES = [
    (
        Recipe((ColumnRecipe(Absolute(1)), *[EXACT] * 3), GROUPS),
        "'n' is int32, it cannot have 'abs",
    ),
    (
        Recipe((EXACT, ColumnRecipe(Range(0.1)), EXACT, EXACT), GROUPS),
        "stored with the bound 'range",
    ),
    (
        Recipe((EXACT, ColumnRecipe(Sigma(0.1, "n")), EXACT, EXACT), GROUPS),
        "'n', the sigma of 'x', is not its first parent",
    ),
    (
        Recipe((EXACT, ColumnRecipe(Sigma(0.1, "z"), (0,)), EXACT, EXACT), GROUPS),
        "'z', the sigma of 'x', is not its first parent",
    ),
    (
        Recipe((EXACT, EXACT, ColumnRecipe(Sigma(0.1, "x"), (1,)), EXACT), GROUPS),
        "'x', the sigma of 'y', has another length",
    ),
    (Recipe((EXACT, ColumnRecipe(Exact(), (4,)), EXACT, EXACT), GROUPS), "parent outside 0 to 3"),
    (Recipe((EXACT, ColumnRecipe(Exact(), (-1,)), EXACT, EXACT), GROUPS), "parent outside 0 to 3"),
    (Recipe((EXACT, ColumnRecipe(Exact(), (0, 0)), EXACT, EXACT), GROUPS), "the same parent twice"),
    (Recipe((EXACT, ColumnRecipe(Exact(), (1,)), EXACT, EXACT), GROUPS), "'x' depends on itself"),
    (
        Recipe((ColumnRecipe(Exact(), (1,)), ColumnRecipe(Exact(), (2,)), EXACT, EXACT), GROUPS),
        "depends on itself",
    ),
    (Recipe((EXACT,) * 4, (Group((0, 1, 2)),)), "every column exactly once"),
    (Recipe((EXACT,) * 4, (Group((0, 1)), Group((1, 3)))), "every column exactly once"),
    (Recipe((EXACT,) * 4, (Group((0, 1, 2, 4)),)), "every column exactly once"),
    (Recipe((EXACT,) * 4, (*GROUPS, Group(()))), "a group has no columns"),
]


@pytest.mark.parametrize(("recipe", "message"), BAD_RECIPES)
def test_recipes_that_do_not_fit_the_schema(
    recipe: Recipe, message: str, unchecked: Callable[[Schema, Recipe], bytes]
) -> None:
    schema = Schema(COLUMNS, ())
    with pytest.raises(Corrupt, match=message):
        index_of(schema, recipe)
    with pytest.raises(Corrupt, match=message):
        unpack_index(unchecked(schema, recipe), 0)


def test_counts_must_be_integers() -> None:
    schema = Schema((Column("n", F4), Column("x", F4, "n")), ())
    with pytest.raises(Corrupt, match="the counts 'n' of 'x' are not integers"):
        index_of(schema, plain_recipe(schema, 1))


def test_long_chains_of_parents_need_no_recursion() -> None:
    size = 5000
    schema = Schema(tuple(Column(f"x{at}", F4) for at in range(size)), ())
    plans = [ColumnRecipe(Exact(), (at + 1,)) for at in range(size - 1)]
    recipe = Recipe((*plans, EXACT), (Group(tuple(range(size))),))
    assert unpack_index(pack_index(index_of(schema, recipe)), 0).recipe == recipe


@pytest.mark.parametrize(
    ("change", "size", "message"),
    [
        ({}, 51, "the sizes of the blocks do not sum to 51"),
        ({"sizes": np.array([[20, -1], [20, 11]])}, 50, "a block has a size outside 0 to 50"),
        ({"sizes": np.array([[1 << 62, 0], [1 << 62, 0]])}, 50, "a block has a size outside 0 to"),
        ({"saved": np.array([[0, -1], [0, 0]])}, 50, "a block shrank by a size outside 0 to"),
        ({"saved": np.array([[0, 1 << 27], [0, 0]])}, 50, "a block shrank by a size outside 0 to"),
        ({"entries": np.array([1, -1])}, 50, "a number of entries outside 0 to"),
        ({"entries": np.array([1, 1 << 41])}, 50, "a number of entries outside 0 to"),
        ({"entries": np.array([1, 1, 1])}, 50, "few checksums for 3 chunks"),
    ],
)
def test_tables_that_cannot_be(
    change: dict[str, np.ndarray], size: int, message: str, schema: Schema
) -> None:
    schema = Schema(COLUMNS, ())
    recipe = Recipe((EXACT,) * 4, (Group((0, 1)), Group((2, 3), solid=True)))
    index = index_of(schema, recipe, np.array([[10, 10], [10, 20]]))
    assert unpack_index(pack_index(index), 50).sizes.tolist() == [[10, 10], [10, 20]]
    with pytest.raises(FormatError, match=message):
        unpack_index(pack_index(replace(index, **change)), size)


MODEL = StoredModel(bytes(range(32)), 7, "jets.model")


@pytest.mark.parametrize("model", [MODEL, StoredModel(bytes(32))])
def test_learned_groups_and_their_model(model: StoredModel) -> None:
    schema = Schema(COLUMNS, ())
    group = Group((2, 3), network=5, parents=(1, 0))
    recipe = Recipe((EXACT,) * 4, (Group((0, 1), solid=True), group))
    plain = index_of(schema, Recipe(recipe.columns, (recipe.groups[0], Group((2, 3)))))
    sizes = np.array([[10, 10], [10, 20]])
    index = Index(
        schema, recipe, np.array([5, 6]), sizes, 0 * sizes, sizes.astype(np.uint32), model=model
    )
    found = unpack_index(pack_index(index), 50 + model.size, LEARNED)
    assert (found.recipe, found.model) == (recipe, model)
    assert (found.version, found.model_offset) == (LEARNED, 62)
    assert plain.version == 1
    with pytest.raises(FormatError):
        unpack_index(pack_index(index), 50 + model.size)
    for size in (49 + model.size, 0):
        with pytest.raises(Corrupt):
            unpack_index(pack_index(index), size, LEARNED)


def test_models_have_a_limit() -> None:
    assert StoredModel(bytes(32), MAX_MODEL_BYTES).size == 1 << 26
    with pytest.raises(Corrupt, match="more than 67108864"):
        StoredModel(bytes(32), MAX_MODEL_BYTES + 1)
