"""``baler verify``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from baler.cli import exits, options, talk
from baler.cli.inspect import TOP

if TYPE_CHECKING:
    from baler.api import Verification


@click.command(short_help="Compare a .baler file with its original.")
@click.argument("original", metavar="ORIGINAL")
@click.argument("file", metavar="FILE")
@options.tree
@options.needed_model
@click.option("-a", "--all", "everything", is_flag=True, help=f"List all columns, not {TOP}.")
@options.jobs
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def verify(
    ctx: click.Context,
    original: str,
    file: str,
    tree: str | None,
    model: str | None,
    everything: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare a .baler FILE with its ORIGINAL, value by value.

    Lists what failed, then the columns with a bound, the largest error first. An error of 1 is
    one that uses up its bound. The exit code is 3 if any value is beyond its bound.

    For example:

      baler verify events.root:Events events.baler
    """
    from baler import api

    with talk.progress("verifying", quiet=quiet) as report:
        found = api.verify(original, file, tree=tree, model=model, jobs=jobs, progress=report)
    if as_json:
        talk.print_json(found.to_json())
    else:
        _show(found, everything=everything)
    if not found.ok:
        ctx.exit(exits.BOUND_BROKEN)


def _show(found: Verification, *, everything: bool) -> None:
    failed = [column for column in found.columns if column.violations]
    kept = [column for column in found.columns if not column.violations]
    lossy = [column for column in kept if column.bound not in ("exact", "model")]
    free = [column for column in kept if column.bound == "model"]
    lossy.sort(key=lambda column: -column.worst_error_over_bound)
    shown = failed + (lossy if everything else lossy[: max(TOP - len(failed), 0)])
    if shown:
        table = talk.new_table(
            "column", "bound", "verdict", "values", "broken", "error/bound", left=3
        )
        for column in shown:
            worst = column.worst_error_over_bound
            table.add_row(
                column.name,
                column.bound,
                "BROKEN" if column.violations else "same bits" if column.exact else "kept",
                f"{column.values:,}",
                f"{column.violations:,}",
                f"{worst:.6f}" if math.isfinite(worst) else "lost",
                style="bold red" if column.violations else None,
            )
        talk.print_table(table)
    if rest := len(failed) + len(lossy) - len(shown):
        click.echo(f"and {talk.count(rest, 'more column')} within their bounds; --all lists them")
    if free:
        table = talk.new_table("column", "bound", "values", "largest error", "mean error", left=2)
        for column in free:
            table.add_row(
                column.name,
                column.bound,
                f"{column.values:,}",
                f"{column.largest_error:.4g}",
                f"{column.mean_error:.4g}",
            )
        talk.print_table(table)
        click.echo("Of these a model's prediction was kept, and nothing was promised.")
    for fault in found.faults:
        click.echo(f"fault: {fault}")
    values = sum(column.values for column in found.columns)
    if found.ok:
        exact = len(kept) - len(lossy) - len(free)
        also = f", {talk.count(len(free), 'column')} without a promise" if free else ""
        click.echo(
            f"All {values:,} values are kept: {talk.count(exact, 'column')} "
            f"bit for bit, {talk.count(len(lossy), 'column')} within their bounds{also}."
        )
    else:
        broken = sum(column.violations for column in failed)
        click.echo(
            f"NOT kept: {broken:,} of {values:,} values in {talk.count(len(failed), 'column')}."
        )
