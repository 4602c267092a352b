"""``baler sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baler.cli import options, samples, talk
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.physics.analyses import Analysis
    from baler.physics.events import Events
    from baler.physics.sensitivity.measure import Asked
    from baler.physics.sensitivity.result import Sensitivity

CODECS = "baler,TTree zstd-5,mantissa + LZMA-9,SZ3"


def _amounts(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[float, ...]:
    """Return amounts of bytes that commas separate, each perhaps followed by /s."""
    from baler.core.size import parse_size

    if value is None:
        return ()
    try:
        return tuple(float(parse_size(one.strip().removesuffix("/s"))) for one in value.split(","))
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


@click.command(short_help="What smaller events are worth to a search.")
@options.source
@click.option("--signal", metavar="FILE", required=True, help="Events of the signal.")
@click.option("-a", "--analysis", "name", metavar="NAME", default="dijet", show_default=True,
              help="The search. A name that does not exist lists all analyses.")  # fmt: skip
@options.results(" and the plots.")
@samples.policies
@options.bound
@options.scales(
    "1",
    "How many times as wide the bounds are: more rungs of the ladder.",
)
@click.option(
    "--codecs",
    metavar="GLOBS",
    default=CODECS,
    show_default=True,
    help="What to compress with: names or patterns, separated by commas. A name that does not "
    "exist lists all.",
)
@click.option("--bandwidth", metavar="B/s,...", callback=_amounts,
              help="Budgets of a trigger to tell, such as '1 MB/s,10 MB/s'.")  # fmt: skip
@click.option("--rate", metavar="HZ", type=click.FloatRange(min=0, min_open=True),
              help="Events per second that the trigger may keep.")  # fmt: skip
@click.option(
    "--luminosity",
    metavar="L",
    type=click.FloatRange(min=0, min_open=True),
    help="Instantaneous luminosity, 1/(cm^2 s), such as 2e34: the rate is then that of the "
    "background sample above --floor, and thresholds are told too.",
)
@click.option("--floor", metavar="GEV", type=click.FloatRange(min=0), default=150.0,
              show_default=True,
              help="The lowest leading-jet threshold of the trigger.")  # fmt: skip
@click.option("--disk", metavar="B,...", callback=_amounts,
              help="Budgets of a disk instead, such as '1 TB,10 TB'; needs --events.")  # fmt: skip
@click.option("--events", metavar="N", type=click.FloatRange(min=0, min_open=True),
              help="Events that there are for the disk.")  # fmt: skip
@samples.cut
@options.tree
@options.rows
@samples.other
@samples.model
@options.replicas(
    20,
    "Resampled sets of events, for the uncertainty of what is lost.",
)
@options.seed()
@options.as_json
@options.quiet
@options.debug
@options.explained
def sensitivity(
    source: str,
    signal: str,
    name: str,
    folder: Path,
    policies: str | None,
    bounds: tuple[str, ...],
    scales: tuple[float, ...],
    codecs: str,
    bandwidth: tuple[float, ...],
    rate: float | None,
    luminosity: float | None,
    floor: float,
    disk: tuple[float, ...],
    events: float | None,
    cuts: dict[str, str],
    tree: str | None,
    rows: int | None,
    other: str | None,
    model: str | None,
    replicas: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure the significance and limit of a search against the bytes that it is given.

    SOURCE is the background. A trigger writes so many bytes per second, a disk holds so many in
    all: smaller events are more events, up to all that there are. What is kept is a random part of
    them, so that it counts as luminosity. Data are made of events after compression, templates of
    events before it, and what background alone would seem to have of the signal is taken off: bias
    counts. Of a ladder of bounds the best rung is taken at each budget.

    With --luminosity the threshold on the leading jet is told, too, that each budget affords.

    For example:

      baler sensitivity qcd.root --signal zprime.root -p nano.toml,coarse.toml --scales 1,4 \
--luminosity 2e34 --bandwidth '5 MB/s,50 MB/s' -o results
      baler sensitivity qcd.root --signal zprime.root -p nano.toml --disk '1 TB' --events 1e9 \
-o results
    """
    from baler.cli.treatments import Learnt, treatments
    from baler.physics.sensitivity.measure import sensitivity as measure
    from baler.physics.sensitivity.plots import write_plots
    from baler.physics.study.report import need_matplotlib
    from baler.planning import Policy

    need_matplotlib()
    analysis = samples.analysis_of(name, cuts)
    if not hasattr(analysis, "spectra"):
        raise UsageError(f"{name} is no search; dijet is one")
    _check(bandwidth, rate, luminosity, disk, events)
    both = samples.samples_of(analysis, source, signal, tree=tree, rows=rows)
    first = next(iter(both.values()))
    ladder = [("exact", Policy()), *samples.policies_of(source, tree, first, policies, bounds)]
    learnt = Learnt(model, samples.others_of(other, first, tree, rows))
    treated = treatments(first, codecs, ladder, scales, learnt=learnt)
    asked = _asked(
        analysis, first, bandwidth or disk, rate, luminosity, floor, events, replicas, seed
    )
    with talk.steps("compressing", quiet=quiet) as report:
        found = measure(analysis, both, treated, asked, report)  # type: ignore[arg-type]
    about: dict[str, Any] = {
        "policies": [] if policies is None else [Path(p).name for p in policies.split(",")],
        "bounds": list(bounds), "scales": list(scales), "cuts": cuts,
        "luminosity": luminosity, "floor": floor, "seed": seed, "replicas": replicas,
    }  # fmt: skip
    found = found.with_about(about)
    folder.mkdir(parents=True, exist_ok=True)
    found.save(folder / options.RESULT)
    written = write_plots(found, folder)
    if as_json:
        talk.print_json(found.to_json())
    else:
        show(found)
    talk.notes((f"{t.name}: {t.failure}" for t in found.treated if t.failure), quiet=quiet)
    talk.say(", ".join(map(str, [folder / options.RESULT, *written])), quiet=quiet)


def _check(
    bandwidth: tuple[float, ...],
    rate: float | None,
    luminosity: float | None,
    disk: tuple[float, ...],
    events: float | None,
) -> None:
    """Refuse a trigger and a disk at once, and one without its number of events."""
    if disk or events is not None:
        if events is None or bandwidth or rate is not None or luminosity is not None:
            raise UsageError(
                "a disk has --disk and --events; --bandwidth, --rate and --luminosity are for a "
                "trigger"
            )
    elif (rate is None) == (luminosity is None):
        raise UsageError("give the events of a trigger as --rate or --luminosity, not both")


def _asked(
    analysis: Analysis,
    background: Events,
    budgets: tuple[float, ...],
    rate: float | None,
    luminosity: float | None,
    floor: float,
    events: float | None,
    replicas: int,
    seed: int,
) -> Asked:
    from baler.physics.sensitivity.budget import Offer
    from baler.physics.sensitivity.measure import Asked
    from baler.physics.sensitivity.threshold import Spectrum

    spectrum = None
    if luminosity is not None:
        search: Any = analysis
        picobarn = search.picobarn("background", search.observe(background))
        spectrum = Spectrum.of(
            background, cross_section=picobarn, luminosity=luminosity, floor=floor
        )
        rate = spectrum.most
    if events is not None:
        offer = Offer(events, "B")
    else:
        assert rate is not None
        offer = Offer(rate)
    return Asked(offer, budgets, spectrum, replicas, seed)


def show(found: Sensitivity) -> None:
    """Print what treatments give with all events, and the best of each codec at each budget."""
    table = talk.new_table(
        "codec", "policy", "bytes/event", "significance", "limit [pb]", "lost", "spurious", left=2
    )
    for one in (found.reference, *found.treated):
        lost = f"{one.loss:.2%} +- {one.loss_uncertainty:.2%}"
        table.add_row(
            one.codec, one.policy, f"{one.bytes_per_event:,.0f}", f"{one.significance:.3f}",
            f"{one.limit:.4g}", lost if one is not found.reference else "", f"{one.spurious:.3f}",
            style="red" if one.costs else None,
        )  # fmt: skip
    talk.print_table(table)
    asked = found.asked or (found.budgets[len(found.budgets) // 2],)
    table = talk.new_table(
        found.unit, "codec", "best policy", "kept", "significance", "limit [pb]", "threshold [GeV]",
        left=3,
    )  # fmt: skip
    for budget in asked:
        at = found.budgets.index(budget)
        for codec in found.codecs:
            if not (names := found.best(codec)):
                continue
            one, curve = found.of(names[at]), found.curve(names[at])
            threshold = f"{curve.threshold[at]:.0f}" if curve.threshold else ""
            table.add_row(
                f"{budget:.3g}", codec, one.policy, f"{curve.kept[at]:.3g}",
                f"{curve.significance[at]:.3f}", f"{curve.limit[at]:.4g}", threshold,
            )  # fmt: skip
    talk.print_table(table)
    for codec in found.codecs:
        if (costly := found.where_it_costs(codec)) is not None:
            lost = f"{costly.policy}, {costly.loss:.2%} lost"
            click.echo(f"{codec}: precision starts to cost at {lost}")
