"""The analysis that a command is asked for, and the events that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.physics.analyses import Analysis
    from baler.physics.events import Events

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
rows = click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=2),
    help="Take the first N events of each file only.",
)


def analysis_of(name: str, cuts: dict[str, str]) -> Analysis:
    """Return an analysis; a name that does not exist lists all with their titles."""
    from baler.physics.analyses import ANALYSES, analysis

    if name not in ANALYSES:
        listed = "\n".join(f"  {one:10} {made().title}" for one, made in ANALYSES.items())
        raise UsageError(f"there is no analysis {name!r}; there are\n{listed}")
    return analysis(name, **cuts)


def samples_of(
    analysis: Analysis, source: str, signal: str | None, *, tree: str | None, rows: int | None
) -> dict[str, Events]:
    """Read the events of each role; raises UsageError if a role is missing or too many."""
    from baler.physics.events import read_events

    if (signal is not None) != (SIGNAL in analysis.roles):
        needs = "needs" if signal is None else "looks for no signal: leave out"
        raise UsageError(f"{analysis.name} {needs} --signal FILE")
    paths = (source,) if signal is None else (source, signal)
    samples = {
        role: read_events(path, tree=tree, entries=rows)
        for role, path in zip(analysis.roles, paths, strict=True)
    }
    for events in samples.values():
        events.require(analysis.needs)
    return samples
