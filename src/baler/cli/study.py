"""``baler study``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baler.cli import exits, options, talk
from baler.cli.evaluate import RESULT, numbers, whole_numbers
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.physics.analyses import Analysis
    from baler.physics.events import Events
    from baler.physics.study.result import Study
    from baler.physics.treatment import Treatment
    from baler.planning import Policy

SIGNAL = "signal"


def _cuts(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Return cuts that are written NAME=VALUE."""
    found = {}
    for one in value:
        name, equals, number = one.partition("=")
        if not equals or not name.strip() or not number.strip():
            raise click.BadParameter(f"{one!r} is no cut like pt=40")
        found[name.strip()] = number.strip()
    return found


@click.command(short_help="What compression does to an analysis.")
@click.argument("name", metavar="ANALYSIS", required=False)
@click.argument("source", metavar="[SOURCE]", required=False)
@click.option("--signal", metavar="FILE",
              help="Events of the signal, for an analysis that looks for one.")  # fmt: skip
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help=f"The folder for {RESULT}, report.html and figures/.",
)
@click.option(
    "-p",
    "--policies",
    metavar="FILES",
    help="Policies, TOML files separated by commas: each codec is tried with each of them.",
)
@options.bound
@click.option(
    "--codecs",
    metavar="GLOBS",
    help="What to compress with: names or patterns, separated by commas. By default 'baler', "
    "'mantissa + LZMA-9' (NanoAOD's rounding) and 'SZ3'. A name that does not exist lists all.",
)
@click.option(
    "--scales",
    metavar="X,...",
    default="1",
    show_default=True,
    callback=numbers,
    help="How many times as wide the bounds are: a treatment for each.",
)
@click.option("--cut", "cuts", metavar="NAME=VALUE", multiple=True, callback=_cuts,
              help="Another value of a cut of the analysis. May be repeated; a name that does not "
              "exist lists all.")  # fmt: skip
@options.tree
@click.option(
    "--columns",
    metavar="GLOBS",
    default="*",
    show_default=True,
    help="The fields that are compressed: names or patterns, separated by commas. Those that the "
    "analysis reads come along.",
)
@click.option("--all-columns", is_flag=True,
              help="Compare all floating-point columns one by one, not those of the analysis "
              "alone.")  # fmt: skip
@click.option("--collection", metavar="NAME",
              help="Whose columns the classifier and sliced distances look at together; 'Jet', or "
              "'events'. By default that of the analysis.")  # fmt: skip
@click.option("--replicas", metavar="N", type=click.IntRange(min=8), default=50, show_default=True,
              help="Resampled sets of events, for the uncertainties of shifts.")  # fmt: skip
@click.option("--rows", metavar="N", type=click.IntRange(min=2),
              help="Take the first N events of each file only.")  # fmt: skip
@click.option("--train", "other", metavar="FILE",
              help="Other events, that models are trained on.")  # fmt: skip
@click.option("--model", metavar="FILE",
              help="A model for 'baler + learned model'; none is trained for it.")  # fmt: skip
@click.option("--latents", metavar="N,...", default="8", show_default=True, callback=whole_numbers,
              help="Latents of an object, for families of autoencoders.")  # fmt: skip
@click.option(
    "--minutes",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="How long each training takes.",
)
@click.option("--steps", metavar="N", type=click.IntRange(min=1),
              help="Train for N steps instead.")  # fmt: skip
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True,
              help="What random numbers are drawn from.")  # fmt: skip
@click.option(
    "--from",
    "earlier",
    metavar="RESULT",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Make plots and page of a result again; nothing else is needed.",
)
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
    from baler.physics.study.report import need_matplotlib, write_report
    from baler.physics.study.result import Study

    need_matplotlib()
    if (earlier is None) == (name is None) or (name is None) != (source is None):
        if name is not None and source is None:
            _analysis(name, cuts)  # says so if there is none
        raise click.UsageError("give either ANALYSIS and SOURCE, or --from RESULT")
    if earlier is not None:
        found = Study.load(earlier)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        assert name is not None
        assert source is not None
        try:
            analysis = _analysis(name, cuts)
            samples = _samples(analysis, source, signal, columns, tree, rows)
            first = next(iter(samples.values()))
            asked = _asked(source, tree, first, policies, bounds)
            treatments = _treatments(
                first, asked, codecs, scales, latents, model,
                None if other is None else _read(other, first, tree, rows),
                (minutes, steps, seed),
            )  # fmt: skip
            about: dict[str, Any] = {
                "policies": [] if policies is None else [Path(p).name for p in policies.split(",")],
                "bounds": list(bounds),
                "codecs": codecs or "",
                "scales": list(scales),
                "cuts": cuts,
                "columns": columns,
                "training": [Path(path).name for path in (other, model) if path is not None]
                and f"{steps} steps"
                if steps
                else f"{minutes:g} minutes",
            }
            found = _measured(
                analysis, samples, treatments, (replicas, seed, collection, all_columns), folder,
                about, force=force, quiet=quiet,
            )  # fmt: skip
        except KeyboardInterrupt:
            talk.say(f"interrupted; the same command goes on from {folder / RESULT}")
            ctx.exit(exits.INTERRUPTED)
    with talk.steps("drawing", quiet=quiet) as report:
        page = write_report(found, folder, lambda name, done, total: report(name, "", done, total))
    if as_json:
        talk.print_json(found.to_json())
    else:
        show(found)
    talk.notes((f"{one}: {why}" for one, why in (found.skipped or {}).items()), quiet=quiet)
    talk.say(f"{page}", quiet=quiet)
    if found.broken:
        ctx.exit(exits.BOUND_BROKEN)


def _analysis(name: str, cuts: dict[str, str]) -> Analysis:
    """Return an analysis; a name that does not exist lists all with their titles."""
    from baler.physics.analyses import ANALYSES, analysis

    if name not in ANALYSES:
        listed = "\n".join(f"  {one:10} {made().title}" for one, made in ANALYSES.items())
        raise UsageError(f"there is no analysis {name!r}; there are\n{listed}")
    return analysis(name, **cuts)


def _samples(
    analysis: Analysis,
    source: str,
    signal: str | None,
    columns: str,
    tree: str | None,
    rows: int | None,
) -> dict[str, Events]:
    """Read the events of each role; those that the analysis needs have to be there."""
    from baler.physics.events import read_events

    if (signal is not None) != (SIGNAL in analysis.roles):
        needs = "needs" if signal is None else "looks for no signal: leave out"
        raise UsageError(f"{analysis.name} {needs} --signal FILE")
    paths = dict(
        zip(analysis.roles, (source,) if signal is None else (source, signal), strict=True)
    )
    fields = [pattern.strip() for pattern in columns.split(",")]
    if "*" not in fields:
        fields += analysis.needs
        names = {field.name for path in paths.values() for field in
                 read_events(path, tree=tree, entries=1).schema.fields}  # fmt: skip
        fields += ["genWeight"] * ("genWeight" in names)
    samples = {
        role: read_events(path, tree=tree, fields=fields, entries=rows)
        for role, path in paths.items()
    }
    for events in samples.values():
        events.require(analysis.needs)
    return samples


def _read(path: str, like: Events, tree: str | None, rows: int | None) -> Events:
    """Read other events with the fields of these."""
    from glob import escape

    from baler.physics.events import read_events

    fields = [escape(field.name) for field in like.schema.fields]
    return read_events(path, tree=tree, fields=fields, entries=rows)


def _asked(
    source: str, tree: str | None, events: Events, policies: str | None, bounds: tuple[str, ...]
) -> list[tuple[str, Policy]]:
    """Return policies by name; their patterns may be of columns that are not compressed."""
    from baler.physics.events import read_events
    from baler.planning import Policy

    paths = [path.strip() for path in policies.split(",")] if policies else []
    asked = [(Path(path).stem, options.asked(path, bounds)) for path in paths]
    if not asked and bounds:
        asked = [("bounds", options.asked(None, bounds))]
    names = [name for name, _ in asked]
    if len(set(names)) < len(names):
        raise UsageError(f"policies need names of their own, not {', '.join(names)}")
    whole = read_events(source, tree=tree, entries=1).schema
    return [
        (
            name,
            Policy.of_columns(
                {
                    column.name: bound
                    for column, bound in zip(whole.columns, policy.bounds(whole), strict=True)
                    if column.name in events.schema.by_name
                },
                dither=policy.dither,
            ),
        )
        for name, policy in asked
    ]


def _treatments(
    events: Events,
    policies: list[tuple[str, Policy]],
    codecs: str | None,
    scales: tuple[float, ...],
    latents: tuple[int, ...],
    model: str | None,
    other: Events | None,
    length: tuple[float, int | None, int],
) -> list[Treatment]:
    from baler.cli.candidates import Length
    from baler.cli.treatments import Learnt, treatments

    learnt = Learnt(model, other, Length(*length))
    return treatments(events, codecs, policies, scales, latents=latents, learnt=learnt)


def _measured(
    analysis: Analysis,
    samples: dict[str, Events],
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

    target = folder / RESULT
    folder.mkdir(parents=True, exist_ok=True)
    earlier = Study.load(target) if target.exists() and not force else None
    with talk.steps("studying", quiet=quiet) as report:
        found = study(
            analysis, samples, treatments, Asked(*asked), about=about, earlier=earlier,
            save=lambda so_far: so_far.save(target), progress=report,
        )  # fmt: skip
    found.save(target)
    return Study.load(target)  # plots are those that can be made again


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
