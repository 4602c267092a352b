"""``baler tune``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baler.cli import options, samples, talk

if TYPE_CHECKING:
    from baler.api.card import Card
    from baler.physics.events import Events
    from baler.physics.tuning.tune import Tuned

CARD = ".card.json"
ROOT_FILES = ("TTree zstd-5, exact", "TTree LZMA-9, exact")


def _policy_target(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    value = options.not_data(ctx, parameter, value)
    if not value.endswith(".toml"):
        raise click.BadParameter(f"{value!r} is to be a policy, a .toml file")
    return value


@click.command(short_help="Find the cheapest bounds for given requirements.")
@options.source
@click.option(
    "-a",
    "--analysis",
    "name",
    metavar="NAME",
    required=True,
    help="The analysis that must not suffer. A name that does not exist lists all.",
)
@samples.signal
@click.option(
    "-r",
    "--require",
    "lines",
    metavar="'REQUIREMENT'",
    multiple=True,
    help="What has to hold, such as 'shift(Z mass) < 0.1 sigma'. May be repeated. By default "
    "'shift(*) < 0.1 sigma' and 'ks(*) < 0.01'.",
)
@click.option(
    "--requirements",
    metavar="FILE",
    help="A TOML file with a list of them: requirements = ['...', ...].",
)
@click.option(
    "-p",
    "--policy",
    metavar="FILE",
    help="Bounds to start from; columns that are exact there stay so. By default each column "
    "starts with a fine one of its own kind.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="POLICY",
    required=True,
    callback=_policy_target,
    help=f"The policy file to write; its report card lies beside it, {CARD} for .toml.",
)
@click.option(
    "--exact",
    metavar="GLOBS",
    help="Columns that stay exact: names or patterns, separated by commas. By default event "
    "weights, '*eight*'.",
)
@samples.cut
@options.tree
@options.rows
@click.option(
    "--held-out",
    metavar="PART",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Part of the events, the last ones, that the search does not see and the verdict is by.",
)
@click.option(
    "--confidence",
    metavar="C",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="One-sided: a shift and so many standard deviations of it have to be within the limit. "
    "With 0.5 only the shift itself.",
)
@options.replicas(
    50,
    "Resampled sets of events, for the uncertainties of the verdict.",
)
@options.seed()
@click.option("--root/--no-root", "with_root", default=True, show_default=True,
              help="Say in the card what ROOT files of the same events take.")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Replace POLICY and its card if they exist.")
@options.as_json
@options.quiet
@options.debug
@options.explained
def tune(
    source: str,
    name: str,
    signal: str | None,
    lines: tuple[str, ...],
    requirements: str | None,
    policy: str | None,
    target: str,
    exact: str | None,
    cuts: dict[str, str],
    tree: str | None,
    rows: int | None,
    held_out: float,
    confidence: float,
    replicas: int,
    seed: int,
    with_root: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the cheapest bounds for SOURCE at which an analysis keeps given requirements.

    A requirement is a measure of something, and its limit:

      shift(J/psi mass) < 0.1 sigma   how far a number of the analysis moves, in units of its
                                      statistical uncertainty with the same events
      shift(*) < 1 % width            ... in parts of the width that belongs to it
      shift(*) < 0.5 %                ... in parts of the number itself
      shift(Z mass) < 0.05 GeV        ... in its own unit
      width(*) < 0.5 %                how much a number called width or resolution grows
      ks(Jet_*) < 0.01                the Kolmogorov-Smirnov distance of a column
      auc < 0.51                      how well a classifier tells events before from events after

    Names in parentheses are patterns. All is measured by the same events before and after, with an
    uncertainty by resampling them, and has to hold for the events that the search did not see, and
    for all. Columns that the analysis does not read become as coarse as ks and auc allow.

    The policy is for `baler compress`; its report card says what was required, and the evidence:

      baler tune events.root -a dimuon -o tuned.toml
      baler tune qcd.root -a dijet --signal zprime.root -r 'shift(signal *) < 1 % width' \
-r 'width(signal) < 0.5 %' -r 'ks < 0.01' -o search.toml
      baler compress events.root events.baler -p tuned.toml --card tuned.card.json
      baler inspect events.baler
    """
    from baler.physics.tuning.request import WEIGHTS, Request, Settings
    from baler.physics.tuning.requirements import USUAL, load, parse_all
    from baler.physics.tuning.tune import tune as find
    from baler.planning import Policy
    from baler.planning.policy import matching

    beside = str(Path(target).with_suffix(CARD))
    for path in (target, beside):
        options.check_free(path, force=force)
    asked = parse_all([*lines, *([] if requirements is None else load(requirements))] or USUAL)
    settings = Settings(
        held_out=held_out, confidence=confidence, bootstraps=replicas, seed=seed,
        start=None if policy is None else Policy.load(policy),
        exact=WEIGHTS if exact is None else tuple(one.strip() for one in exact.split(",")),
    )  # fmt: skip
    analysis = samples.analysis_of(name, cuts)
    events = samples.samples_of(analysis, source, signal, tree=tree, rows=rows)
    request = Request(analysis, events, asked, settings)
    if exact is not None:
        matching([column.name for column in request.main.schema.columns], exact)
    with talk.steps("tuning:", quiet=quiet) as report:
        found = find(request, lambda what, done, total: report(what, "", done, total))
        card = found.card
        if with_root:
            report("ROOT files", "", 0, 0)
            card = replace(card, bytes={**card.bytes, **_root_bytes(request.main)})
    write(replace(found, card=card), Path(target), Path(beside), force=force)
    if as_json:
        talk.print_json(card.to_json())
    else:
        show(card)
    talk.notes((*card.untested, *card.notes), quiet=quiet)
    talk.say(f"{target}, {beside}", quiet=quiet)


def _root_bytes(events: Events) -> dict[str, int]:
    """Return what ROOT files of the same events take; without those that cannot hold them."""
    import tempfile

    from baler.errors import SourceError
    from baler.evaluate.peers import FILES, RootPeer

    found = {}
    for peer in FILES:
        if isinstance(peer, RootPeer) and peer.name in ROOT_FILES:
            with tempfile.TemporaryDirectory(prefix="baler-") as folder:
                path = Path(folder) / "events.root"
                try:
                    peer.write(path, events.schema, [events.chunk], {})
                except SourceError:
                    continue
                found[peer.name.removesuffix(", exact")] = path.stat().st_size
    return found


def write(found: Tuned, target: Path, beside: Path, *, force: bool) -> None:
    """Write policy and card, both or none."""
    from baler.core.replacing import replacing

    with (
        replacing(beside, overwrite=force) as card,
        replacing(target, overwrite=force) as policy,
    ):
        found.card.save(card)
        policy.write_text(policy_text(found.card, beside.name), encoding="utf-8")


def policy_text(card: Card, beside: str) -> str:
    """Return a policy file with the evidence as comments."""
    from glob import escape

    held_out = [one for one in card.judged if one.events != "all"]
    lines = [
        f"# Tuned for the analysis {card.analysis}; the evidence is in {beside}.",
        *(f"# {one.role}: {one.file}, {one.events} events" for one in card.judged_by),
        f"# Required, with {card.confidence:.0%} confidence, and measured on events not searched:",
        *(f"#   {line}" for line in card.requirements),
        *(f"#     {one}" for one in held_out),
        "# Bytes: " + ", ".join(f"{name} {size}" for name, size in card.bytes.items()),
        "[bounds]",
        *(f"{_quoted(escape(name))} = {_quoted(one.bound)}" for name, one in card.columns.items()),
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return text as a basic string of TOML."""
    import json

    return json.dumps(text, ensure_ascii=False)


def show(card: Card) -> None:
    """Print the bounds, and how the requirements fared."""
    table = talk.new_table("column", "bound", "bits per value", left=2)
    for name, column in card.columns.items():
        table.add_row(name, column.bound, f"{column.bits_per_value:.2f}")
    talk.print_table(table)
    table = talk.new_table("requirement", "of", "events", "measured", "limit", "verdict", left=3)
    for one in card.judged:
        value = "" if one.value is None else f"{one.value:.3g} +- {one.uncertainty:.2g}"
        limit = f"{one.limit:g} {one.unit}".rstrip()
        table.add_row(one.requirement, one.quantity, one.events, value, limit,
                      "holds" if one.holds else "BROKEN")  # fmt: skip
    talk.print_table(table)
    tuned = list(card.bytes.values())[2]
    table = talk.new_table("stored as", "bytes", "of tuned")
    for name, size in card.bytes.items():
        table.add_row(name, f"{size:,}", f"{size / tuned:.2f}")
    talk.print_table(table)
