"""The columns of a learned group to payloads and streams: by the network where it is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from baler import codecs
from baler.codecs.search import excerpt, is_constant
from baler.container.blocks import Contents, apportion
from baler.container.context import context_of
from baler.container.encoding import Encoded, encode_checked
from baler.container.joint import Joint, contents_of
from baler.container.layout import MAX_JOINT_VALUES, MAX_LANES
from baler.core.bounds import Exact, same_bits
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe, Recipe
from baler.errors import FormatError
from baler.learned import kernel
from baler.learned.columns import fit, split
from baler.learned.part import part_of
from baler.learned.task import Encoded as Coded
from baler.learned.task import Map, Task

MOST_VERBATIM = 1 / 50
"""A column of which more values are not on its axis is not left to the network."""
CLEAR = 0.9
"""Only what takes more than this part of an estimated alternative is compared with a real one."""
TRIAL = 1 << 13
"""About so many objects are coded first, to learn which columns the network is good at."""
SURE = 0.5
"""The same in small columns: a sample does not see what repeats, and their real ones are cheap."""
SAMPLE = 1 << 11
"""Sizes of ordinary payloads are estimated from so many values."""
LARGE = 1 << 16
"""Real payloads of larger columns are estimated once more before they are made."""
LANE = 1 << 9
"""Every stream holds about this many objects or more."""


@dataclass(frozen=True, slots=True)
class EncodedGroup:
    """The contents of a block, and what came of each column, by position."""

    contents: Contents
    columns: Mapping[int, Encoded]


@dataclass(frozen=True, slots=True)
class _OnAxis:
    """A column of which the network knows classes and numbers, and as it will come back."""

    decoded: Array
    verbatim: bytes  # the payload of the values that are not on the axis
    kept: int  # how many these are
    worst: float  # largest error / bound of the others

    @property
    def size(self) -> int:
        return len(self.verbatim)


@dataclass(frozen=True, slots=True)
class _Layout:
    """All columns of a group: given ones with ordinary payloads, the others on their axes."""

    given: Mapping[int, Encoded]
    learned: Mapping[int, _OnAxis]

    @property
    def decoded(self) -> dict[int, Array]:
        given = {at: column.decoded for at, column in self.given.items()}
        return given | {at: column.decoded for at, column in self.learned.items()}


@dataclass(frozen=True)
class GroupEncoder:
    """A learned group in one chunk. Positions are those of the schema."""

    joint: Joint
    recipe: Recipe
    order: Sequence[int]  # of the group's columns: parents first
    entries: int
    values: Mapping[int, Array]  # the originals of the group's columns
    decoded: Mapping[int, Array]  # of all columns outside the group that they need
    seed: Callable[[int], int]
    map: Map
    _plain: dict[tuple[int, ...], Encoded] = field(default_factory=dict)
    _on_axis: dict[int, tuple[Array | None, _OnAxis]] = field(default_factory=dict)
    _rows: dict[int, Array] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of objects."""
        return self.values[self.order[0]].size

    def encode(self) -> EncodedGroup:
        """Return the smallest block that was found; it has been decoded and compared."""
        if not 0 < self.size * len(self.order) <= MAX_JOINT_VALUES:
            return self.plain()
        failed = False
        try:
            found = self.learned()
            if found is not None and self.comes_back(found):
                return found
            failed = found is not None
        except FormatError:
            failed = True
        plain = self.plain()
        if not failed:
            return plain
        columns = {at: replace(c, fell_back=True) for at, c in plain.columns.items()}
        return EncodedGroup(plain.contents, columns)

    # ----------------------------------------------------------------- ordinary payloads

    def plain(self) -> EncodedGroup:
        """Return all columns in ordinary payloads."""
        return self.block(self.laid_out(set(self.order)), None, {})

    def ordinary(self, at: int, given: Mapping[int, Encoded]) -> Encoded:
        """Return an ordinary payload that looks at given columns only, beside those outside."""
        inside = [p for p in self.recipe.columns[at].parents if p in given]
        key = (at, *(id(given[p].decoded) for p in inside))
        if key not in self._plain:
            known = {**self.decoded, **{p: given[p].decoded for p in inside}}
            plan, context, sigma = self.hints(at, known)
            self._plain[key] = encode_checked(
                self.values[at], plan, context, sigma, solid=False, seed=self.seed(at)
            )
        return self._plain[key]

    def hints(
        self, at: int, known: Mapping[int, Array]
    ) -> tuple[ColumnRecipe, codecs.Context, Array | None]:
        """Return recipe, context and uncertainties of a column if certain columns are known."""
        plan, schema = self.recipe.columns[at], self.joint.schema
        usable = replace(
            plan,
            masks=tuple(mask for mask in plan.masks if mask.parent in known),
            predictions=tuple(p for p in plan.predictions if known.keys() >= set(p.parents)),
        )
        sigma = None if plan.bound.parent is None else known[schema.position[plan.bound.parent]]
        return usable, context_of(schema, self.recipe, at, known), sigma

    def estimate(self, at: int, known: Mapping[int, Array]) -> float:
        """Return about how many bytes an ordinary payload takes, from a sample."""
        values = self.values[at]
        if is_constant(values):
            return 1 + values.itemsize
        rows = excerpt(np.arange(values.size), SAMPLE)
        plan, context, _ = self.hints(at, known)

        def sampled(position: int) -> Array:
            parent = context(position)
            return parent[rows] if parent.size == values.size else parent

        payload = codecs.encode(values[rows], plan, sampled, seed=self.seed(at))
        return len(payload) * values.size / rows.size

    # ------------------------------------------------------------------ with the network

    def learned(self) -> EncodedGroup | None:
        """Return the group with some columns coded by the network; None if that saves nothing."""
        given = self.closed(at for at in self.order if not self.may_learn(at))
        while True:
            layout = self.laid_out(given)
            limit = MOST_VERBATIM * self.size
            off = {at for at, column in layout.learned.items() if column.kept > limit}
            if not off:
                break
            given = self.closed(given | off)
        if not layout.learned:
            return None
        known = {**self.decoded, **layout.decoded}
        left = list(layout.learned)
        sizes = self.map(lambda at: self.estimate(at, known), left)
        estimates = dict(zip(left, sizes, strict=True))
        coded, costs = self.tried(layout)
        chosen = self.chosen(layout, estimates, costs)
        if not chosen.learned:
            return None
        if coded is None or chosen.given.keys() != layout.given.keys():
            task = self.task(chosen)
            coded = self.coded(task)
        found = self.block(chosen, coded, estimates)
        size = sum(map(len, (*found.contents.payloads, *found.contents.streams)))
        otherwise = sum(len(given.payload) for given in chosen.given.values())
        otherwise += sum(estimates[at] for at in chosen.learned)
        if size > CLEAR * otherwise:
            plain = self.plain()
            if sum(map(len, plain.contents.payloads)) <= size:
                return None
        return found

    def may_learn(self, at: int) -> bool:
        """Tell whether the network may code a column, whatever its values."""
        plan, unit = self.recipe.columns[at], self.joint.unit(self.joint.group.columns.index(at))
        names = self.joint.schema.columns
        dithered = plan.dither and plan.bound.lossy
        return not dithered and (unit is None or names[unit].name == plan.bound.parent)

    def closed(self, given: Iterable[int]) -> set[int]:
        """Return columns and those that must be given with them: their uncertainties."""
        found, new = set[int](), set(given)
        while new:
            found |= new
            new = {above for at in new for above in self.uncertainties(at)} - found
        return found

    def uncertainties(self, at: int) -> list[int]:
        """Return the columns of the group of which a column has multiples, if it is given."""
        members, schema = self.joint.group.columns, self.joint.schema
        name = self.recipe.columns[at].bound.parent
        above = {
            self.joint.unit(members.index(at)),
            None if name is None else schema.position[name],
        }
        return [p for p in members if p in above]

    def laid_out(self, given: set[int]) -> _Layout:
        """Return all columns, those that are given with ordinary payloads."""
        free = [
            at for at in self.order
            if at in given and not given & set(self.recipe.columns[at].parents)
        ]  # fmt: skip
        for _ in self.map(lambda at: self.ordinary(at, {}), free):
            pass  # the payloads are remembered
        plain: dict[int, Encoded] = {}
        on_axis: dict[int, _OnAxis] = {}
        known = dict(self.decoded)
        for at in self.order:
            if at in given:
                plain[at] = self.ordinary(at, plain)
                known[at] = plain[at].decoded
            else:
                on_axis[at] = self.on_axis(at, known)
                known[at] = on_axis[at].decoded
        return _Layout(plain, on_axis)

    def on_axis(self, at: int, known: Mapping[int, Array]) -> _OnAxis:
        """Return a column on its axis; what may not come back from there is verbatim."""
        bound, values = self.recipe.columns[at].bound, self.values[at]
        sigma = None if bound.parent is None else known[self.joint.schema.position[bound.parent]]
        if at in self._on_axis and self._on_axis[at][0] is sigma:
            return self._on_axis[at][1]
        j = self.joint.group.columns.index(at)
        axis = self.joint.axis(j, known)
        classes, numbers = self.inputs.classes[j], self.inputs.numbers[j]
        fitted = fit(axis, values, bound, sigma, classes, numbers)
        payload = b""
        if fitted.kept:
            kept = values[classes == axis.verbatim]
            payload = codecs.encode(kept, ColumnRecipe(Exact()), _nothing)
        found = _OnAxis(fitted.decoded, payload, fitted.kept, fitted.worst)
        self._on_axis[at] = sigma, found
        return found

    @cached_property
    def inputs(self) -> Task:
        """What the network looks at outside the group; columns are filled in as they are known.

        A column that is given once is not learned later: there is one row for both.
        """
        return self.joint.inputs(self.entries, self.size, self.decoded)

    def task(self, layout: _Layout) -> Task:
        """Return what the network is to code."""
        known = {**self.decoded, **{at: c.decoded for at, c in layout.given.items()}}
        given = np.zeros_like(self.inputs.given)
        for j, at in enumerate(self.joint.group.columns):
            given[j] = at in layout.given
            if given[j] and self._rows.get(j) is not known[at]:
                split_of = split(self.joint.axis(j, known), known[at])
                self.inputs.classes[j], self.inputs.numbers[j] = split_of
                self._rows[j] = known[at]
        return replace(self.inputs, given=given)

    def coded(self, task: Task) -> Coded:
        """Return streams of a task."""
        lanes = max(1, min(MAX_LANES, int(task.shape()[1]) // LANE, task.events))
        return kernel.encode(self.joint.model, self.joint.net, task, lanes, self.map)

    def tried(self, layout: _Layout) -> tuple[Coded | None, dict[int, float]]:
        """Return about what the network takes for each column, from some events in the middle.

        The streams too, if these are all events.
        """
        task = self.task(layout)
        ends = np.cumsum(task.counts)
        if self.size <= 2 * TRIAL:
            first, last = 0, task.events
        else:
            start = (self.size - TRIAL) // 2
            first, last = (int(np.searchsorted(ends, at)) for at in (start, start + TRIAL))
        trial = part_of(task, first, max(last, first + 1))
        coded = self.coded(trial)
        scale = self.size / max(trial.shape()[1], 1) / 8
        costs = {
            at: scale * float(coded.bits[j]) + layout.learned[at].size
            for j, at in enumerate(self.joint.group.columns) if at in layout.learned
        }  # fmt: skip
        return coded if last - first == task.events else None, costs

    def chosen(
        self, layout: _Layout, estimates: dict[int, float], costs: Mapping[int, float]
    ) -> _Layout:
        """Return the layout with those columns given that the network is not good at.

        ``estimates`` become sizes where columns are given.
        """
        given = dict(layout.given)
        clear = CLEAR if self.size > LARGE else SURE
        for at in self.order:
            if at in given or costs[at] < clear * estimates[at]:
                continue
            parents = [p for p in self.recipe.columns[at].parents if p in layout.learned]
            for more in ([], parents) if parents else ([],):  # which it may be cheap with
                moved = self.closed([at, *more]) - given.keys()
                trial = self.given_too(moved, given, layout, costs)
                if trial is not None:
                    given = trial
                    break
        estimates.update({at: len(column.payload) for at, column in given.items()})
        return self.laid_out(set(given)) if len(given) > len(layout.given) else layout

    def given_too(
        self,
        moved: Set[int],
        given: dict[int, Encoded],
        layout: _Layout,
        costs: Mapping[int, float],
    ) -> dict[int, Encoded] | None:
        """Return what is given with more columns; None if these are better learned."""
        cost = sum(costs[at] for at in moved)
        known = {**self.decoded, **{at: column.decoded for at, column in given.items()}}
        known |= {at: layout.learned[at].decoded for at in moved}
        if self.size > LARGE and cost < CLEAR * sum(self.estimate(at, known) for at in moved):
            return None  # columns that are not given would have helped
        trial = dict(given)
        for at in (at for at in self.order if at in moved):
            trial[at] = self.ordinary(at, trial)
        return trial if sum(len(trial[at].payload) for at in moved) <= cost else None

    def block(
        self, layout: _Layout, coded: Coded | None, estimates: Mapping[int, float]
    ) -> EncodedGroup:
        """Return the block of a layout, and what came of the columns."""
        members, schema = self.joint.group.columns, self.joint.schema
        columns = dict(layout.given)
        streams: Sequence[bytes] = ()
        if coded is not None:
            streams = coded.streams
            total = sum(map(len, streams))
            shares = apportion(total, [int(bits) for bits in coded.bits])
            for at, share in zip(members, shares, strict=True):
                if at in layout.learned:
                    column, otherwise = layout.learned[at], round(estimates[at])
                    payload = codecs.encode_learned(share, otherwise, column.kept, column.verbatim)
                    columns[at] = Encoded(payload, column.decoded, column.worst, fell_back=False)
        return EncodedGroup(contents_of(schema, self.joint.group, columns, streams), columns)

    def comes_back(self, found: EncodedGroup) -> bool:
        """Tell whether the block decodes to what it should, within all bounds.

        Ordinary payloads were decoded when they were made, numbers became values, and the kernel
        read its streams.
        """
        if any(column.worst > 1 for column in found.columns.values()):
            return False
        if not kernel.checks_all():
            return True
        given = {
            at: column.decoded for at, column in found.columns.items()
            if not codecs.is_learned(column.payload)
        }  # fmt: skip
        known = {**self.decoded, **given}
        decoded = self.joint.decode(found.contents, self.inputs, self.size, known, self.map)
        return all(
            bool(same_bits(found.columns[at].decoded, values).all())
            for at, values in decoded.items()
        )


def _nothing(position: int) -> Array:
    raise ValueError(f"verbatim values look at column {position}")
