"""``baler inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.cli import options, talk

if TYPE_CHECKING:
    from baler.api import Inspection

TOP = 30
"""Rows of a table without ``--all``."""


@click.command(short_help="Show where the bytes of a .baler file go.")
@click.argument("file", metavar="FILE")
@click.option("-a", "--all", "everything", is_flag=True, help=f"List all columns, not {TOP}.")
@options.as_json
@options.debug
@options.explained
def inspect(file: str, everything: bool, as_json: bool) -> None:
    """Show where the bytes of a .baler FILE (or URL) go.

    Columns are listed with the largest first:

      bound        the promise that it was compressed with
      codec        how most of its chunks are stored
      bytes        what it takes in the file
      share        its part of all bytes of the file
      bits/value   what one of its values takes
    """
    from baler import api

    found = api.inspect(file)
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
    if not found.columns:
        return
    table = talk.new_table(
        "column", "type", "bound", "codec", "bytes", "share", "bits/value", left=4
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
        )
    talk.print_table(table)
    if rest := columns[limit:]:
        size = format_size(sum(column.bytes for column in rest))
        click.echo(f"and {talk.count(len(rest), 'more column')}, {size}; --all lists them")
