"""``baler evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baler.cli import exits, options, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baler.evaluate.candidates import Candidate
    from baler.evaluate.events import Events
    from baler.evaluate.result import Evaluation


@click.command(short_help="Rate against error, for models and other compressors.")
@click.argument("source", metavar="[SOURCE]", required=False)
@options.results(", report.html and figures/.")
@click.option("--unseen", metavar="FILE", multiple=True,
              help="Another file with the same columns, to judge by. May be repeated.")  # fmt: skip
@options.bound
@options.policy
@options.tree
@options.columns("Which columns: names or patterns, separated by commas. Their counts come along.")
@click.option(
    "--candidates",
    metavar="GLOBS",
    help="What to compare: names or patterns, separated by commas. By default the usual peers, "
    "and baler with and without a learned model; '*' is everything, families of autoencoders too. "
    "A name that does not exist lists all.",
)
@options.scales(
    "1,4,16",
    "How many times as wide the bounds are, a point of each curve for each.",
)
@options.latents(
    "4,8,14",
    "Latents of an object, for families of autoencoders: a point for each.",
)
@options.minutes(2.0, "How long each training takes: there is one for each point of a model.")
@options.steps()
@options.seed("What trainings draw their random numbers from.")
@click.option(
    "--held-out",
    metavar="PART",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.15,
    show_default=True,
    help="Part of the events, the last ones, that nothing is trained on. With 0 all are judged by "
    "the events that they are trained on.",
)
@options.rows
@options.earlier(
    "Make plots and page of a result again; nothing is measured, and SOURCE is not needed."
)
@click.option("-f", "--force", is_flag=True, help="Measure everything anew.")
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def evaluate(
    ctx: click.Context,
    source: str | None,
    folder: Path,
    unseen: tuple[str, ...],
    bounds: tuple[str, ...],
    policy: str | None,
    tree: str | None,
    columns: str,
    candidates: str | None,
    scales: tuple[float, ...],
    latents: tuple[int, ...],
    minutes: float,
    steps: int | None,
    seed: int,
    held_out: float,
    rows: int | None,
    earlier: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure what models and compressors make of SOURCE: rate against error.

    All are trained on the first events of SOURCE, and judged by its last ones and by those of
    --unseen files: bits per value with and without the bytes of a model, errors, responses, pulls
    and correlations of columns, latents, times. Bounds are verified value by value; an
    autoencoder without a bound promises none.

    DIR/result.json holds all numbers; the plots and DIR/report.html are made of it, and need
    matplotlib: pip install 'baler[plot]'. An interrupted run goes on where it was when the same
    command is given again.

    For example:

      baler evaluate events.root -p nano.toml -o results
      baler evaluate events.root -p nano.toml --candidates 'baler*,SZ3,dense' -o results
      baler evaluate --from results/result.json -o results

    The exit code is 3 if a file of ours does not keep its bounds.
    """
    from baler.cli.candidates import Length, select
    from baler.evaluate.events import events_of
    from baler.evaluate.report import need_matplotlib, write_report
    from baler.evaluate.result import Evaluation

    need_matplotlib()
    if (source is None) == (earlier is None):
        raise click.UsageError("give either SOURCE or --from RESULT")
    if earlier is not None:
        found = Evaluation.load(earlier)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        assert source is not None
        chosen = select(candidates, Length(minutes, steps, seed))
        events = events_of(
            source, options.asked(policy, bounds), unseen=unseen, columns=columns, tree=tree,
            held_out=held_out, entries=rows,
        )  # fmt: skip
        about = {
            "source": events.name,
            "policy": [] if policy is None else [Path(policy).name],
            "bounds": list(bounds),
            "columns": columns,
            "unseen": [Path(path).name for path in unseen],
            "scales": list(scales),
            "latents": list(latents),
            "training": f"{steps} steps" if steps else f"{minutes:g} minutes",
            "seed": seed,
            "held out": held_out,
        }
        try:
            found = _measured(
                events, chosen, folder, scales=scales, latents=latents, about=about, force=force,
                quiet=quiet,
            )  # fmt: skip
        except KeyboardInterrupt:
            talk.say(f"interrupted; the same command goes on from {folder / options.RESULT}")
            ctx.exit(exits.INTERRUPTED)
    with talk.steps("drawing", quiet=quiet) as report:
        page = write_report(found, folder, lambda name, done, total: report(name, "", done, total))
    if as_json:
        talk.print_json(found.to_json())
    else:
        show(found)
    talk.notes((f"{name}: {why}" for name, why in (found.skipped or {}).items()), quiet=quiet)
    talk.say(f"{page}", quiet=quiet)
    if broken(found):
        ctx.exit(exits.BOUND_BROKEN)


def _measured(
    events: Events,
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    scales: tuple[float, ...],
    latents: tuple[int, ...],
    about: dict[str, Any],
    force: bool,
    quiet: bool,
) -> Evaluation:
    """Return what an earlier run did not measure already, and the rest."""
    from baler.evaluate.result import Evaluation
    from baler.evaluate.run import evaluate

    target = folder / options.RESULT
    folder.mkdir(parents=True, exist_ok=True)
    earlier = Evaluation.load(target) if target.exists() and not force else None
    with talk.steps("measuring", quiet=quiet) as report:
        found = evaluate(
            events, candidates, scales=scales, latents=latents, about=about, earlier=earlier,
            save=lambda so_far: so_far.save(target), progress=report,
        )  # fmt: skip
    found.save(target)
    talk.notes(events.notes, quiet=quiet)
    return Evaluation.load(target)  # plots are those that can be made again


def broken(found: Evaluation) -> bool:
    """Tell whether a file of ours does not keep its bounds."""
    return any(
        score.verified is False
        for point in found.points
        if point.kind in ("baler", "learned")
        for score in point.scores
    )


def show(found: Evaluation) -> None:
    """Print a table of all points on the first set of events."""
    from baler.evaluate.report.page import verdict
    from baler.report.html import number

    table = talk.new_table(
        "candidate", "setting", "verified", "bits per value", "ratio", "with model",
        "RMS / deviation", "RMS / range", "largest / range", left=3,
    )  # fmt: skip
    events = found.sets[0]
    for name in found.candidates:
        for point in found.of(name):
            score = point.score(events.name)
            if score is None:
                continue
            table.add_row(
                name,
                point.setting,
                verdict(score),
                f"{found.rate(score):.3f}",
                f"{found.ratio(score):.2f}",
                f"{found.ratio(score, point.model_bytes):.3g}",
                *map(number, (score.by_deviation, score.by_range, score.largest)),
                style="bold" if point.kind in ("baler", "learned") else None,
            )
    talk.print_table(table)
