"""The analysis that a command is asked for, the events that it needs, and policies for them."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baler.cli import options
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.physics.analyses import Analysis
    from baler.physics.events import Events
    from baler.planning import Policy

SIGNAL = "signal"


def _cuts(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Return cuts that are written NAME=VALUE."""
    found = {}
    for one in value:
        name, equals, number = one.partition("=")
        if not equals or not name.strip() or not number.strip():
            raise click.BadParameter(f"{one!r} is no cut like pt=40")
        found[name.strip()] = number.strip()
    return found


cut = click.option(
    "--cut",
    "cuts",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_cuts,
    help="Another value of a cut of the analysis. May be repeated; a name that does not exist "
    "lists all.",
)
signal = click.option(
    "--signal", metavar="FILE", help="Events of the signal, for an analysis that looks for one."
)
policies = click.option(
    "-p",
    "--policies",
    metavar="FILES",
    help="Policies, TOML files separated by commas: each codec is tried with each of them.",
)
other = click.option(
    "--train", "other", metavar="FILE", help="Other events, that models are trained on."
)
model = click.option(
    "--model", metavar="FILE", help="A model for 'baler + learned model'; none is trained for it."
)


def analysis_of(name: str, cuts: dict[str, str]) -> Analysis:
    """Return an analysis; a name that does not exist lists all with their titles."""
    from baler.physics.analyses import ANALYSES, analysis

    if name not in ANALYSES:
        listed = "\n".join(f"  {one:10} {made().title}" for one, made in ANALYSES.items())
        raise UsageError(f"there is no analysis {name!r}; there are\n{listed}")
    return analysis(name, **cuts)


def samples_of(
    analysis: Analysis,
    source: str,
    signal: str | None,
    *,
    columns: str = "*",
    tree: str | None,
    rows: int | None,
) -> dict[str, Events]:
    """Read the events of each role: the fields that patterns match, and those that are needed.

    Raises UsageError if a role is missing or too many.
    """
    from baler.physics.events import read_events

    if (signal is not None) != (SIGNAL in analysis.roles):
        needs = "needs" if signal is None else "looks for no signal: leave out"
        raise UsageError(f"{analysis.name} {needs} --signal FILE")
    files = (source,) if signal is None else (source, signal)
    paths = dict(zip(analysis.roles, files, strict=True))
    fields = [pattern.strip() for pattern in columns.split(",")]
    if "*" not in fields:
        fields += analysis.needs
        names = {field.name for path in files for field in
                 read_events(path, tree=tree, entries=1).schema.fields}  # fmt: skip
        fields += ["genWeight"] * ("genWeight" in names)
    samples = {
        role: read_events(path, tree=tree, fields=fields, entries=rows)
        for role, path in paths.items()
    }
    for events in samples.values():
        events.require(analysis.needs)
    return samples


def others_of(path: str | None, like: Events, tree: str | None, rows: int | None) -> Events | None:
    """Read the events of another file, with the fields of these; None if there is no other."""
    from baler.physics.events import read_events

    if path is None:
        return None
    fields = [escape(field.name) for field in like.schema.fields]
    return read_events(path, tree=tree, fields=fields, entries=rows)


def policies_of(
    source: str,
    tree: str | None,
    events: Events,
    files: str | None,
    bounds: tuple[str, ...],
) -> list[tuple[str, Policy]]:
    """Return policies by name; their patterns may be of columns that are not compressed."""
    from baler.physics.events import read_events
    from baler.planning import Policy

    paths = [path.strip() for path in files.split(",")] if files else []
    asked = [(Path(path).stem, options.asked(path, bounds)) for path in paths]
    if not asked and bounds:
        asked = [("bounds", options.asked(None, bounds))]
    names = [name for name, _ in asked]
    if len(set(names)) < len(names):
        raise UsageError(f"policies need names of their own, not {', '.join(names)}")
    whole = read_events(source, tree=tree, entries=1).schema
    return [
        (
            name,
            Policy.of_columns(
                {
                    column.name: bound
                    for column, bound in zip(whole.columns, policy.bounds(whole), strict=True)
                    if column.name in events.schema.by_name
                },
                dither=policy.dither,
            ),
        )
        for name, policy in asked
    ]
