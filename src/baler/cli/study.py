"""``baler study``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baler.cli import exits, options, samples, talk

if TYPE_CHECKING:
    from baler.physics.analyses import Analysis
    from baler.physics.events import Events
    from baler.physics.study.result import Study
    from baler.physics.treatment import Treatment


@click.command(short_help="What compression does to an analysis.")
@click.argument("name", metavar="ANALYSIS", required=False)
@click.argument("source", metavar="[SOURCE]", required=False)
@samples.signal
@options.results(", report.html and figures/.")
@samples.policies
@options.bound
@click.option(
    "--codecs",
    metavar="GLOBS",
    help="What to compress with: names or patterns, separated by commas. By default 'baler', "
    "'mantissa + LZMA-9' (NanoAOD's rounding) and 'SZ3'. A name that does not exist lists all.",
)
@options.scales(
    "1",
    "How many times as wide the bounds are: a treatment for each.",
)
@samples.cut
@options.tree
@options.columns(
    "The fields that are compressed: names or patterns, separated by commas. Those that the "
    "analysis reads come along."
)
@click.option("--all-columns", is_flag=True,
              help="Compare all floating-point columns one by one, not those of the analysis "
              "alone.")  # fmt: skip
@click.option("--collection", metavar="NAME",
              help="Whose columns the classifier and sliced distances look at together; 'Jet', or "
              "'events'. By default that of the analysis.")  # fmt: skip
@options.replicas(
    50,
    "Resampled sets of events, for the uncertainties of shifts.",
)
@options.rows
@samples.other
@samples.model
@options.latents(
    "8",
    "Latents of an object, for families of autoencoders.",
)
@options.minutes(2.0, "How long each training takes.")
@options.steps()
@options.seed()
@options.earlier("Make plots and page of a result again; nothing else is needed.")
@click.option("-f", "--force", is_flag=True, help="Measure everything anew.")
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def study(
    ctx: click.Context,
    name: str | None,
    source: str | None,
    signal: str | None,
    folder: Path,
    policies: str | None,
    bounds: tuple[str, ...],
    codecs: str | None,
    scales: tuple[float, ...],
    cuts: dict[str, str],
    tree: str | None,
    columns: str,
    all_columns: bool,
    collection: str | None,
    replicas: int,
    rows: int | None,
    other: str | None,
    model: str | None,
    latents: tuple[int, ...],
    minutes: float,
    steps: int | None,
    seed: int,
    earlier: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure what compression does to ANALYSIS of the events in SOURCE.

    Events go through each codec with the bounds of each policy, and everything is compared with
    what it was, by the same events: the numbers of the analysis, and whether they moved by more
    than chance, its variables, the distributions of columns one by one and together, and whether
    boosted trees can tell events before from events after. Bounds are verified value by value.

    DIR/result.json holds all numbers; the plots and DIR/report.html are made of it. An interrupted
    run goes on where it was when the same command is given again. Needs pip install
    'baler[physics]'.

    For example:

      baler study dimuon muons.root -b '*=rel 2^-11' --scales 1,4,16 -o muons
      baler study dijet qcd.root --signal zprime.root -p nano.toml,coarse.toml -o search
      baler study dijet qcd.root --signal zprime.root -p nano.toml --codecs 'baler*,SZ3,TTree*' \
--train more.root --cut pt=50 -o search
      baler study --from search/result.json -o again

    An ANALYSIS that does not exist lists all. The exit code is 3 if a file of ours does not keep
    its bounds.
    """
    import baler.physics.analyses  # noqa: F401  (says if a package is missing)
    from baler.cli.candidates import Length
    from baler.cli.treatments import Learnt, treatments
    from baler.physics.study.report import need_matplotlib, write_report
    from baler.physics.study.result import Study

    need_matplotlib()
    if (earlier is None) == (name is None) or (name is None) != (source is None):
        if name is not None and source is None:
            samples.analysis_of(name, cuts)  # says so if there is none
        raise click.UsageError("give either ANALYSIS and SOURCE, or --from RESULT")
    if earlier is not None:
        found = Study.load(earlier)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        assert name is not None
        assert source is not None
        try:
            analysis = samples.analysis_of(name, cuts)
            events = samples.samples_of(
                analysis, source, signal, columns=columns, tree=tree, rows=rows
            )
            first = next(iter(events.values()))
            treated = treatments(
                first, codecs, samples.policies_of(source, tree, first, policies, bounds), scales,
                latents=latents,
                learnt=Learnt(
                    model, samples.others_of(other, first, tree, rows), Length(minutes, steps, seed)
                ),
            )  # fmt: skip
            about: dict[str, Any] = {
                "policies": [] if policies is None else [Path(p).name for p in policies.split(",")],
                "bounds": list(bounds),
                "codecs": codecs or "",
                "scales": list(scales),
                "cuts": cuts,
                "columns": columns,
                "training": f"{steps} steps" if steps else f"{minutes:g} minutes",
            }
            found = _measured(
                analysis, events, treated, (replicas, seed, collection, all_columns), folder,
                about, force=force, quiet=quiet,
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
    talk.notes((f"{one}: {why}" for one, why in (found.skipped or {}).items()), quiet=quiet)
    talk.notes(unmeasured(found), quiet=quiet)
    talk.say(f"{page}", quiet=quiet)
    if found.broken:
        ctx.exit(exits.BOUND_BROKEN)


def _measured(
    analysis: Analysis,
    events: dict[str, Events],
    treatments: list[Treatment],
    asked: tuple[int, int, str | None, bool],
    folder: Path,
    about: dict[str, Any],
    *,
    force: bool,
    quiet: bool,
) -> Study:
    from baler.physics.study.result import Study
    from baler.physics.study.run import Asked, study

    target = folder / options.RESULT
    folder.mkdir(parents=True, exist_ok=True)
    earlier = Study.load(target) if target.exists() and not force else None
    with talk.steps("studying", quiet=quiet) as report:
        found = study(
            analysis, events, treatments, Asked(*asked), about=about, earlier=earlier,
            save=lambda so_far: so_far.save(target), progress=report,
        )  # fmt: skip
    found.save(target)
    return Study.load(target)  # plots are those that can be made again


def unmeasured(found: Study) -> list[str]:
    """Say of each number that a treatment lost, or that was not there before, why."""
    reasons: dict[str, list[str]] = {}
    for effect in found.effects:
        for shift in effect.shifts:
            if shift.failure:
                reasons.setdefault(f"{shift.quantity}: {shift.failure}", []).append(effect.name)
    everywhere = len(found.effects)
    return [
        why if len(names) == everywhere else f"{', '.join(names)}: {why}"
        for why, names in reasons.items()
    ]


def show(found: Study) -> None:
    """Print a table of all treatments."""
    table = talk.new_table(
        "treatment", "verified", "bytes/event", "ratio", "with model", "largest shift / sigma",
        "of", "AUC - 1/2", "+-", "sliced KS", "p", left=2,
    )  # fmt: skip
    for effect in found.effects:
        worst = effect.largest_shift
        separation = effect.separation
        table.add_row(
            effect.name,
            {True: "yes", False: "BROKEN", None: "no bound"}[effect.verified],
            f"{found.bytes_per_event(effect):.0f}",
            f"{found.ratio(effect):.2f}",
            f"{found.ratio(effect, with_model=True):.2f}",
            "" if worst is None else f"{worst.relative:+.3g} +- {worst.relative_uncertainty:.1g}",
            "" if worst is None else worst.quantity,
            _number(separation.auc - 0.5, "+.4f"),
            _number(separation.excess_uncertainty, ".4f"),
            _number(effect.sliced.paired, ".2g"),
            _number(effect.sliced.p_value, ".2g"),
            style="bold" if effect.ours else None,
        )
    talk.print_table(table)


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)
