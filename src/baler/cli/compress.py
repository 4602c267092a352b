"""``baler compress``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baler.cli import options, talk
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.api import ModelMaker
    from baler.core.chunk import Chunk
    from baler.core.recipe import Recipe
    from baler.core.schema import Schema
    from baler.learned.model import Model

AUTO = "auto"
MINUTES = 5.0


@click.command(short_help="Compress a ROOT, Parquet or npz file.")
@options.source
@options.baler_target
@options.bound
@options.policy
@options.dither
@options.tree
@options.skip_unreadable
@click.option(
    "--model",
    metavar="FILE",
    help="A model, which codes or predicts the columns that it was trained for wherever that takes "
    "fewer bytes; 'none' (the default) for none; 'auto' to train one on SOURCE, which is kept if "
    "it saves more bytes than it takes.",
)
@click.option(
    "--minutes",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    help=f"With --model auto: how long to train, {MINUTES:g} by default.",
)
@click.option(
    "--reference-model",
    is_flag=True,
    help="Leave the model out of TARGET, which then names it by its SHA-256: whoever reads TARGET "
    "needs the same FILE.",
)
@click.option(
    "--latent-bits",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    help="With an autoencoder as model: bits of a latent. Columns without a bound then come back "
    "as the model predicts them; nothing is promised of these.",
)
@click.option(
    "--ratio",
    metavar="R",
    type=click.FloatRange(min=0, min_open=True),
    help="Like --latent-bits, for latents that take an R-th of the columns without a bound.",
)
@click.option(
    "--card",
    metavar="FILE",
    help="The report card that `baler tune` wrote beside the policy: TARGET keeps it, and `baler "
    "inspect` shows it. It is refused if the bounds are others.",
)
@options.chunk_size
@options.jobs
@options.force
@options.as_json
@options.quiet
@options.debug
@options.explained
def compress(
    source: str,
    target: str,
    bounds: tuple[str, ...],
    policy: str | None,
    dither: bool,
    tree: str | None,
    skip_unreadable: bool,
    model: str | None,
    minutes: float | None,
    reference_model: bool,
    latent_bits: float | None,
    ratio: float | None,
    card: str | None,
    chunk_size: str,
    jobs: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compress SOURCE (.root, .parquet, .npz) into the .baler file TARGET.

    SOURCE may name one of several trees, as in events.root:Events, and ROOT files may be URLs.
    All columns are exact, but for those that are given a bound.

    {bounds}

    For example:

      baler compress events.root events.baler
      baler compress events.root:Events events.baler -p nano.toml
      baler compress events.root events.baler -b '*=rel 2^-11' -b '*_phi=abs 2.5e-4'
      baler compress events.root events.baler -b 'Muon_dxy=sigma 0.1 Muon_dxyErr'
      baler compress events.root events.baler -p tuned.toml --card tuned.card.json
      baler compress events.root events.baler -p nano.toml --model nano.balermodel
      baler compress events.root events.baler -p nano.toml --model auto
      baler compress events.root events.baler --model dense.balermodel --ratio 16
    """
    options.check_free(target, force=force)
    if minutes is not None and model != AUTO:
        raise UsageError("--minutes is for --model auto")
    if reference_model and model == AUTO:
        raise UsageError("--reference-model needs a FILE to refer to; --model auto makes none")
    from baler import api
    from baler.core.size import format_size

    asked = options.asked(policy, bounds)
    with talk.progress("compressing", quiet=quiet) as report:
        done = api.compress(
            source,
            target,
            policy=asked,
            dither=dither,
            tree=tree,
            skip_unreadable=skip_unreadable,
            model=_automatic(minutes or MINUTES, quiet=quiet) if model == AUTO else model,
            reference_model=reference_model,
            latent_bits=latent_bits,
            ratio=ratio,
            card=card,
            chunk_size=chunk_size,
            jobs=jobs,
            overwrite=force,
            progress=report,
        )
    if as_json:
        talk.print_json(done.to_json())
    talk.say(
        f"{done.target}: {format_size(done.raw_bytes)} of columns in "
        f"{format_size(done.file_bytes)}, ratio {done.ratio:.2f}; "
        f"{f'{format_size(done.model_bytes)} of it are the model; ' if done.model_bytes else ''}"
        f"{talk.count(done.entries, 'event')}, {talk.count(done.columns, 'column')}, "
        f"{talk.seconds(done.seconds)}",
        quiet=quiet,
    )
    talk.notes(done.notes, quiet=quiet)


def _automatic(minutes: float, *, quiet: bool) -> ModelMaker:
    """Return what makes a model for a file while it is compressed, and shows how far that is."""
    from baler import training

    training.need_torch()
    settings = training.Settings(minutes=minutes)

    def make(
        schema: Schema, recipe: Recipe, first: Chunk, entries: int
    ) -> tuple[Model | None, tuple[str, ...]]:
        with talk.training(quiet=quiet) as report:
            maker = training.ForThisFile(settings, progress=report)
            return maker(schema, recipe, first, entries)

    return make
