"""Compress the example events, exactly and with the precision of NanoAOD, and compare with others.

Files go to ``demo/`` in the current folder. ``make demo`` runs this.
"""

from __future__ import annotations

from pathlib import Path

import click

import baler
from baler.cli import talk
from baler.cli.bench import show
from baler.core.size import format_size
from baler.errors import BoundBroken
from baler.evaluate import ours

HERE = Path(__file__).parent
EVENTS, POLICY = HERE / "events.root", HERE / "nano.toml"
PEERS = ("zstd-19", "xz-9", "TTree *", "RNTuple *")


def main() -> None:
    """Compress, verify, compare; about half a minute."""
    folder = Path("demo")
    folder.mkdir(exist_ok=True)
    said = []
    for target, policy in {"exact.baler": None, "nano.baler": POLICY}.items():
        file = folder / target
        done = baler.compress(EVENTS, file, policy=policy, overwrite=True)
        if not baler.verify(EVENTS, file).ok:
            raise BoundBroken(f"{file} does not keep its bounds")
        promise = "bit for bit" if policy is None else f"within the bounds of {policy.name}"
        said.append(
            f"{file}: all {done.columns} columns of {done.entries:,} events, {promise}; "
            f"{format_size(done.file_bytes)}, ratio {done.ratio:.2f}"
        )
    click.echo("Compressed and verified; now the others, which takes half a minute.", err=True)
    with talk.steps("measuring") as report:
        result = ours.measure(
            EVENTS, baler.Policy.load(POLICY), ours.select(PEERS), progress=report
        )
    click.echo(
        f"\n{EVENTS.name}: {format_size(result.peers[0].original)} of columns; every result was "
        "decoded and compared with the original.\nBounded: to the precision of NanoAOD; "
        "'rounded' are mantissas, rounded to the same bounds."
    )
    show(result)
    click.echo("\n".join(said))


if __name__ == "__main__":
    main()
