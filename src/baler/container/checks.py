"""What schema and recipe of a file must fulfil, whoever wrote them."""

from __future__ import annotations

from baler.container.layout import MAX_DEPTH, MAX_ITEMS
from baler.core.bounds import Bound, Range, Sigma, parse
from baler.core.chunk import MAX_COLUMN_BYTES
from baler.core.recipe import Group, Recipe, decoding_order
from baler.core.schema import Column, Fixed, Leaf, List, Node, Option, Record, Schema
from baler.errors import BadBound, Corrupt


def check_schema(schema: Schema) -> None:
    """Raise Corrupt unless counts are integers and every field fits the columns it is made of."""
    for column in schema.columns:
        if column.width > MAX_COLUMN_BYTES:
            raise Corrupt(f"column {column.name!r} has width {column.width}")
        if column.counts is not None and schema.by_name[column.counts].dtype.kind not in "biu":
            raise Corrupt(f"the counts {column.counts!r} of {column.name!r} are not integers")
    seen: set[str] = set()
    for item in schema.fields:
        if item.name in seen:
            raise Corrupt(f"two fields are named {item.name!r}")
        seen.add(item.name)
        _check_node(item.name, item.node, schema)


def _check_node(field: str, root: Node, schema: Schema) -> None:
    """Raise Corrupt unless every column in the tree has one value for each item of its node."""
    stack: list[tuple[Node, str | None, int, int]] = [(root, None, 1, 1)]
    while stack:
        node, counts, width, depth = stack.pop()
        if depth > MAX_DEPTH or width > MAX_COLUMN_BYTES:
            raise Corrupt(f"field {field!r} is nested too deeply")
        match node:
            case Leaf(name):
                _check_length(field, schema.by_name[name], counts, width)
            case List(inner, content, kind):
                _check_length(field, schema.by_name[inner], counts, width)
                if kind != "list" and not _is_text(content, schema):
                    raise Corrupt(f"a {kind} in field {field!r} is not a list of uint8")
                stack.append((content, inner, 1, depth + 1))
            case Option(mask, content):
                _check_length(field, schema.by_name[mask], counts, width)
                if schema.by_name[mask].dtype.kind != "b":
                    raise Corrupt(f"the mask {mask!r} in field {field!r} is not boolean")
                stack.append((content, mask, 1, depth + 1))
            case Fixed(size, content):
                stack.append((content, counts, width * size, depth + 1))
            case Record(fields):
                if len({key for key, _ in fields}) < len(fields):
                    raise Corrupt(f"a record in field {field!r} has two fields of one name")
                stack += [(content, counts, width, depth + 1) for _, content in fields]


def _check_length(field: str, column: Column, counts: str | None, width: int) -> None:
    if (column.counts, column.width) != (counts, width):
        raise Corrupt(
            f"column {column.name!r} has counts {column.counts!r} and width {column.width}, "
            f"but field {field!r} needs {counts!r} and {width}"
        )


def _is_text(content: Node, schema: Schema) -> bool:
    return isinstance(content, Leaf) and schema.by_name[content.column].dtype.str == "|u1"


def check_recipe(schema: Schema, recipe: Recipe) -> None:
    """Raise Corrupt unless the recipe fits the schema: bounds, parents without cycles, groups."""
    size = len(schema.columns)
    if len(recipe.columns) != size or size > MAX_ITEMS:
        raise Corrupt(f"there are {len(recipe.columns)} column recipes for {size} columns")
    if sum(len(plan.parents) for plan in recipe.columns) > MAX_ITEMS:
        raise Corrupt(f"the columns have more than {MAX_ITEMS} parents")
    for position, plan in enumerate(recipe.columns):
        name = schema.columns[position].name
        if len(set(plan.parents)) < len(plan.parents):
            raise Corrupt(f"column {name!r} has the same parent twice")
        if plan.parents and not 0 <= min(plan.parents) <= max(plan.parents) < size:
            raise Corrupt(f"column {name!r} has a parent outside 0 to {size - 1}")
        _check_bound(schema, recipe, position)
    grouped = [at for group in recipe.groups for at in group.columns]
    if sorted(grouped) != list(range(size)):
        raise Corrupt("the groups do not hold every column exactly once")
    if not all(group.columns for group in recipe.groups):
        raise Corrupt("a group has no columns")
    for group in recipe.groups:
        if group.learned:
            _check_learned(schema, group)
    decoding_order(schema, recipe)


def _check_learned(schema: Schema, group: Group) -> None:
    columns = [schema.columns[at] for at in group.columns]
    names = f"the group of {columns[0].name!r}"
    if group.solid:
        raise Corrupt(f"{names} is both learned and solid")
    if len({(column.counts, column.width) for column in columns}) != 1:
        raise Corrupt(f"{names} is learned, but its columns do not have one value per object each")
    parents = set(group.parents)
    if len(parents) < len(group.parents) or parents & set(group.columns):
        raise Corrupt(f"{names} has the same parent twice, or one of its own columns as a parent")
    if parents and not 0 <= min(parents) <= max(parents) < len(schema.columns):
        raise Corrupt(f"{names} has a parent outside 0 to {len(schema.columns) - 1}")


def _check_bound(schema: Schema, recipe: Recipe, position: int) -> None:
    column, plan = schema.columns[position], recipe.columns[position]
    bound = plan.bound
    if not bound.lossy:
        return
    if not column.is_float:
        raise Corrupt(f"column {column.name!r} is {column.dtype}, it cannot have {str(bound)!r}")
    if isinstance(bound, Range) or not _is_stable(bound):
        raise Corrupt(f"column {column.name!r} cannot be stored with the bound {str(bound)!r}")
    if isinstance(bound, Sigma):
        sigma = schema.by_name.get(bound.column)
        if sigma is None or plan.parents[:1] != (schema.position[bound.column],):
            raise Corrupt(
                f"{bound.column!r}, the sigma of {column.name!r}, is not its first parent"
            )
        if (sigma.counts, sigma.width) != (column.counts, column.width):
            raise Corrupt(f"{bound.column!r}, the sigma of {column.name!r}, has another length")


def _is_stable(bound: Bound) -> bool:
    try:
        return parse(str(bound)) == bound
    except BadBound:
        return False
