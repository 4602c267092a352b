"""``baler inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.cli import options, talk
from baler.errors import some

if TYPE_CHECKING:
    from baler.api import Inspection
    from baler.api.inspection import InspectedCard, InspectedColumn, InspectedModel

TOP = 30
"""Rows of a table without ``--all``."""


@click.command(short_help="Show where the bytes of a .baler file go.")
@click.argument("file", metavar="FILE")
@click.option("-a", "--all", "everything", is_flag=True, help=f"List all columns, not {TOP}.")
@options.needed_model
@options.as_json
@options.debug
@options.explained
def inspect(file: str, everything: bool, model: str | None, as_json: bool) -> None:
    """Show where the bytes of a .baler FILE (or URL) go.

    Columns are listed with the largest first:

      bound        the promise that it was compressed with
      codec        how most of its chunks are stored
      bytes        what it takes in the file
      share        its part of all bytes of the file
      bits/value   what one of its values takes

    Of files with a model:

      otherwise    about what the column would take without it
      drift        chunks in which the network of a column that it codes elsewhere was no use: the
                   data are no longer those that it was trained on

    Of files with a report card: for what the bounds were tuned, and how it was kept on events that
    the choice of bounds did not look at.
    """
    from baler import api

    found = api.inspect(file, model=model)
    if as_json:
        talk.print_json(found.to_json())
        return
    _show(file, found, len(found.columns) if everything else TOP)


def _show(file: str, found: Inspection, limit: int) -> None:
    from baler.core.size import format_size

    click.echo(
        f"{file}: {talk.count(found.entries, 'event')}, "
        f"{talk.count(len(found.columns), 'column')}, {talk.count(found.chunks, 'chunk')}\n"
        f"{format_size(found.raw_bytes)} of columns in {format_size(found.file_bytes)}, ratio "
        f"{found.ratio:.2f}; {format_size(found.index_bytes)} of it are the index"
    )
    if found.model is not None:
        _show_model(found, found.model)
    if found.card is not None:
        _show_card(found.card, limit)
    if not found.columns:
        return
    learned = found.model is not None
    table = talk.new_table(
        *("column", "type", "bound", "codec", "bytes", "share", "bits/value"),
        *("otherwise", "drift") * learned,
        left=4,
    )
    table.columns[3].overflow = "ellipsis"
    columns = sorted(found.columns, key=lambda column: -column.bytes)
    for column in columns[:limit]:
        table.add_row(
            column.name,
            column.dtype,
            column.bound,
            column.codec,
            f"{column.bytes:,}",
            f"{column.bytes / found.file_bytes:.1%}",
            f"{column.bits_per_value:.2f}",
            *_without(column) * learned,
        )
    talk.print_table(table)
    if rest := columns[limit:]:
        size = format_size(sum(column.bytes for column in rest))
        click.echo(f"and {talk.count(len(rest), 'more column')}, {size}; --all lists them")


def _show_model(found: Inspection, model: InspectedModel) -> None:
    """Print which model there is, and what it codes."""
    from baler.core.size import format_size

    learned = sum(column.learned_bytes for column in found.columns)
    where = f"{format_size(model.bytes)} of it are" if model.bytes else "kept elsewhere:"
    named = f" ({model.name})" if model.name else ""
    click.echo(
        f"{where} the model {model.sha256}{named}, which codes {format_size(learned)} of columns"
    )
    drifted = [column for column in found.columns if column.drift]
    if drifted:
        click.echo(
            f"drift: {talk.count(len(drifted), 'column')} with chunks that the model could not code"
        )


def _show_card(found: InspectedCard, limit: int) -> None:
    """Print for what the bounds were tuned, the requirements, and whether the bounds are these."""
    card = found.card
    if card is None:
        click.echo(f"a report card that cannot be read: {found.fault}")
        return
    sets = ", ".join(f"{one.file} ({talk.count(one.events, 'event')})" for one in card.judged_by)
    click.echo(f"tuned for {card.analysis} on {sets}")
    held_out = [one for one in card.judged if one.events != "all"] or list(card.judged)
    for one in sorted(held_out, key=lambda one: one.holds)[:limit]:
        click.echo(f"  {one}")
    if (rest := len(held_out) - limit) > 0:
        click.echo(f"  and {talk.count(rest, 'more quantity')}; --all lists them")
    if found.differences:
        click.echo(f"the bounds are NOT those of the card: {some(found.differences, 3)}")
    else:
        click.echo("the bounds are those of the card")


def _without(column: InspectedColumn) -> tuple[str, str]:
    """Return what a column would take without its network, and where that was no use."""
    if not column.learned_chunks:
        return "", ""
    drift = f"{column.drift} of {talk.count(column.chunks, 'chunk')}" if column.drift else ""
    return f"{column.bytes - column.learned_bytes + column.otherwise_bytes:,}", drift
