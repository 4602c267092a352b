"""``baler families``, and what ``baler train --family`` says of what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.cli import options, talk

if TYPE_CHECKING:
    from baler.training import Autoencoder


@click.command(short_help="List the families of autoencoders.")
@options.as_json
@options.debug
def families(as_json: bool) -> None:
    """List the families of autoencoders that `baler train --family NAME` can train.

    A family works on rows of a table, on events (objects of an event together) or on grids.
    """
    from baler.training.families import families as known

    if as_json:
        talk.print_json(
            {name: {"line": info.line, "kind": info.kind, "published": info.published}
             for name, info in known().items()}
        )  # fmt: skip
        return
    table = talk.new_table("family", "works on", "published", "what it is", left=4)
    for name, info in known().items():
        table.add_row(name, info.kind, "yes" if info.published else "no", info.line)
    talk.print_table(table)


def show(done: Autoencoder, *, as_json: bool, quiet: bool) -> None:
    """Print a table of columns, and what became of the model."""
    from baler.core.size import format_size

    if as_json:
        talk.print_json(done.to_json())
    else:
        table = talk.new_table("column", "error", "error/deviation")
        for column in done.columns:
            table.add_row(column.name, f"{column.error:.4g}", f"{column.relative:.4f}")
        talk.print_table(table)
        click.echo(
            f"Root mean square errors in {done.held_out:,} held-out events, with latents of "
            f"{done.bits:.2f} bits per value of all columns."
        )
        click.echo(
            f"{done.target}: {done.family}, {done.parameters:,} parameters, "
            f"{format_size(done.model_bytes)} to decode, {done.steps:,} steps, "
            f"{talk.seconds(done.seconds)}"
        )
    talk.notes(done.notes, quiet=quiet)
