"""``baler bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.cli import exits, options, talk

if TYPE_CHECKING:
    from baler.evaluate.benchmark import PeerRow, Result


@click.command(short_help="Compare with other compressors at the same bounds.")
@options.source
@options.bound
@options.policy
@options.dither
@options.tree
@options.skip_unreadable
@options.chunk_size
@click.option(
    "--peers",
    metavar="GLOBS",
    default="*",
    show_default=True,
    help="Which others to compare with: names or patterns, separated by commas. A name that does "
    "not exist lists all.",
)
@click.option(
    "--model",
    metavar="FILE",
    help="A learned model: two rows more, without its bytes and with them.",
)
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=1),
    help="Take the first N events of SOURCE only.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    help="CPU seconds after which a peer stops before its next column, and its row says so.",
)
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def bench(
    ctx: click.Context,
    source: str,
    bounds: tuple[str, ...],
    policy: str | None,
    dither: bool,
    tree: str | None,
    skip_unreadable: bool,
    chunk_size: str,
    peers: str,
    model: str | None,
    rows: int | None,
    seconds: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compress SOURCE with baler and with others at the same bounds, and compare.

    Every result is decoded and verified. Our rows are whole .baler files; peers that compress
    single columns pay for no file around them. Speeds are MB of column data per CPU second. The
    data are held in memory: --rows takes a part of them.

    For example:

      baler bench events.root
      baler bench events.root -p nano.toml --peers 'TTree*,RNTuple*' --rows 10000

    Bounds are those of `baler compress`. The exit code is 3 if our own result is not verified.
    """
    import dataclasses
    import math

    from baler.api.models import load
    from baler.evaluate import ours

    asked = options.asked(policy, bounds)
    with talk.steps("measuring", quiet=quiet) as report:
        result = ours.measure(
            source,
            dataclasses.replace(asked, dither=asked.dither or dither),
            ours.select(name.strip() for name in peers.split(",")),
            tree=tree,
            skip_unreadable=skip_unreadable,
            entries=rows,
            chunk_size=chunk_size,
            seconds_per_peer=math.inf if seconds is None else seconds,
            model=load(model),
            progress=report,
        )
    if as_json:
        talk.print_json(result.to_json())
    else:
        show(result)
    talk.notes((f"{peer}: {why}" for peer, why in result.skipped.items()), quiet=quiet)
    if not all(row.verified for row in result.peers if row.peer.startswith(ours.OURS)):
        ctx.exit(exits.BOUND_BROKEN)


def show(result: Result) -> None:
    """Print a table of all rows: exact ones first, the smallest results first."""
    from baler.evaluate.ours import OURS

    table = talk.new_table(
        "compressor", "bounds", "verified", "bytes", "ratio", "encode MB/s", "decode MB/s", left=3
    )
    rows = sorted(result.peers, key=lambda row: (row.kind != "exact", -row.ratio))
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        table.add_row(
            row.peer,
            row.kind,
            _verdict(row),
            f"{row.compressed:,}",
            f"{row.ratio:.2f}",
            _speed(row.encode_speed),
            _speed(row.decode_speed),
            style="bold" if row.peer.startswith(OURS) else None,
            end_section=following is not None and following.kind != row.kind,
        )
    talk.print_table(table)


def _verdict(row: PeerRow) -> str:
    if row.broken:
        return f"BROKEN in {talk.count(len(row.broken), 'column')}"
    if not row.complete:
        return row.note
    return "yes, but moves zeros" if row.zeros_moved else "yes"


def _speed(speed: float | None) -> str:
    return "" if speed is None else f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.1f}"
