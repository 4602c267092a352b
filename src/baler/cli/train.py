"""``baler train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from baler.cli import autoencoders, exits, options, talk
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.training import Training

SHORT = 12
"""Digits of a SHA-256 that are shown."""


@click.command(short_help="Train a model on files of one kind.")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="TARGET",
    required=True,
    callback=options.not_data,
    help="The file of the model, such as jets.balermodel.",
)
@options.bound
@options.policy
@options.tree
@options.skip_unreadable
@options.columns(
    "Which columns to learn: names or patterns, separated by commas. Others are only looked at."
)
@options.minutes(10.0, "How long to train, all networks together.")
@options.steps(
    "Train every network for N steps, however long they take: the same seed then gives the "
    "same model on the same machine."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train; by default on a GPU if PyTorch finds one.",
)
@options.seed("What the training draws its random numbers from.")
@click.option(
    "--hidden",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    show_default="64 for up to 16 columns, else 128",
    help="Hidden units of every network, a multiple of 32: more save more bytes, and take more in "
    "the model and more time.",
)
@click.option(
    "--shapes",
    metavar="N",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Distributions that a network can choose from, for each column.",
)
@click.option(
    "--uses", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True,
    metavar="N",
    help="The model is to pay for its bytes on N times the events of SOURCES: one for few is "
    "smaller.",
)  # fmt: skip
@click.option(
    "--family",
    metavar="NAME",
    help="Train an autoencoder of this family instead, for the columns of one collection; "
    "`baler families` lists them.",
)
@click.option(
    "--latent",
    metavar="N",
    type=click.IntRange(min=1, max=4096),
    help="With --family: latents of an object, an event or a block; by default a third of the "
    "columns.",
)
@click.option(
    "--block",
    metavar="N,N,...",
    help="With --family, of grids: the shape of a block, such as 1,25,25: entries, then the axes "
    "of one.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    default="512 MB",
    show_default=True,
    help="Column data held in memory; of larger files, events spread over them are taken. What "
    "the training itself needs comes on top: several times as much.",
)
@options.force
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def train(
    ctx: click.Context,
    sources: tuple[str, ...],
    target: str,
    bounds: tuple[str, ...],
    policy: str | None,
    tree: str | None,
    skip_unreadable: bool,
    columns: str,
    minutes: float,
    steps: int | None,
    device: str,
    seed: int,
    hidden: int | None,
    shapes: int,
    uses: float,
    family: str | None,
    latent: int | None,
    block: str | None,
    memory: str,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Learn from SOURCE files what their columns and objects say about each other.

    The model makes these files, and others like them, smaller: `baler compress --model TARGET`.
    Bounds are those that such files will be compressed with. All SOURCE files have the same
    columns. Of each, 15 % of the events are not trained on: all figures are theirs.

    Press Ctrl-C to interrupt a training; the same command goes on with it, from a file beside
    TARGET whose name ends in .partial. Training needs PyTorch: pip install 'baler[train]'.

    For example:

      baler train a.root b.root -o events.balermodel -p nano.toml
      baler train a.root:Events -o jets.balermodel --columns 'Jet_*' --minutes 30
      baler train a.root -o jets.balermodel --family dense --columns 'Jet_*' --latent 8
      baler compress c.root c.baler -p nano.toml --model events.balermodel
    """
    options.check_free(target, force=force)
    from baler import training

    asked = options.asked(policy, bounds)
    if family is None and (latent is not None or block is not None):
        raise UsageError("--latent and --block are for a --family")
    if family is not None:
        with talk.training(quiet=quiet) as report:
            trained = training.train_autoencoder(
                family, sources, target, policy=asked, columns=columns, latent=latent, block=block,
                minutes=minutes, steps=steps, device=device, seed=seed, memory=memory, tree=tree,
                skip_unreadable=skip_unreadable, overwrite=force, progress=report,
            )  # fmt: skip
        autoencoders.show(trained, as_json=as_json, quiet=quiet)
        return
    try:
        with talk.training(quiet=quiet) as report:
            done = training.train(
                sources,
                target,
                policy=asked,
                columns=columns,
                minutes=minutes,
                steps=steps,
                device=device,
                seed=seed,
                hidden=hidden,
                shapes=shapes,
                uses=uses,
                memory=memory,
                tree=tree,
                skip_unreadable=skip_unreadable,
                overwrite=force,
                progress=report,
            )
    except KeyboardInterrupt:
        if not Path(f"{target}.partial").exists():
            raise
        talk.say(f"interrupted; the same command goes on from {target}.partial")
        ctx.exit(exits.INTERRUPTED)
    if as_json:
        talk.print_json(done.to_json())
    else:
        show(done)
    talk.notes(done.notes, quiet=quiet)
    if not done.written:
        talk.say("Error: no network makes held-out events 1 % smaller; there is no model")
        ctx.exit(exits.DATA_AT_FAULT)


def show(done: Training) -> None:
    """Print a table of all collections, and what became of the model."""
    from baler.core.size import format_size

    table = talk.new_table(
        "collection", "objects", "columns", "without", "learned", "ratio", "freezing", "kept"
    )
    for figures in done.figures:
        table.add_row(
            figures.collection,
            f"{figures.objects:,}",
            f"{figures.columns:,}",
            f"{figures.marginal:.2f}",
            f"{figures.learned:.2f}",
            f"{figures.ratio:.3f}",
            f"{100 * figures.freezing:+.2f} %",
            "yes" if figures.kept else "no",
        )
    talk.print_table(table)
    click.echo(
        f"Bits of one object without a model and with it, in {done.held_out:,} events held out of "
        f"{done.entries + done.held_out:,};\nfreezing: what integers cost more than floats."
    )
    if done.written:
        click.echo(
            f"{done.target}: {format_size(done.model_bytes)}, SHA-256 {done.sha256[:SHORT]}..., "
            f"{talk.seconds(done.seconds)}"
        )
