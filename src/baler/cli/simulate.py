"""``baler simulate``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from baler.cli import exits, options, talk
from baler.errors import UsageError

if TYPE_CHECKING:
    from baler.physics.simulate import Simulation

PROCESSES = ("qcd", "ttbar", "zprime", "zmumu", "zee")


@click.command(short_help="Simulate proton collisions.")
@options.target
@click.option(
    "-p",
    "--process",
    "processes",
    multiple=True,
    default=["qcd"],
    show_default=True,
    type=click.Choice(PROCESSES),
    help="What collides into what. Repeat it to mix processes evenly, event by event.",
)
@click.option("-n", "--events", metavar="N", default=1000, show_default=True,
              type=click.IntRange(min=1), help="Events in all.")  # fmt: skip
@click.option("--seed", metavar="N", default=1, show_default=True, type=click.IntRange(min=0),
              help="All randomness comes from this number.")  # fmt: skip
@click.option(
    "--pileup",
    metavar="MU",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0, 80),
    help="Mean number of further collisions per event.",
)
@click.option("--mass", metavar="GEV", type=float, help="Mass of the Z', 1500 by default.")
@click.option("--width", metavar="GEV", type=float,
              help="Width of the Z', by default 3 % of its mass.")  # fmt: skip
@click.option(
    "--pt-hat-min",
    metavar="GEV",
    type=float,
    help="Least transverse momentum of the partons of QCD dijets, 100 by default.",
)
@click.option(
    "--set",
    "settings",
    metavar="'NAME = VALUE'",
    multiple=True,
    help="A setting of Pythia, such as 'PhaseSpace:pTHatMax = 800.'. May be repeated.",
)
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes that work, each on 500 events at a time; all cores by default. The result "
    "does not depend on it.",
)
@options.force
@options.as_json
@options.quiet
@options.debug
@click.pass_context
@options.explained
def simulate(
    ctx: click.Context,
    target: str,
    processes: tuple[str, ...],
    events: int,
    seed: int,
    pileup: float,
    mass: float | None,
    width: float | None,
    pt_hat_min: float | None,
    settings: tuple[str, ...],
    jobs: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate proton collisions at 13 TeV and write them to TARGET, a ROOT file.

    The tree is called Events, its branches are named as in CMS NanoAOD, and `run` tells the
    process:

      qcd      1   dijets; weighted, so that there are hard ones too
      ttbar    2   top pairs
      zprime   3   a Z' to two quarks, all but top
      zmumu    4   Z and virtual photons to two muons
      zee      5   the same to two electrons

    genWeight is in picobarn: the weights of a process add up to its cross-section. Histograms of
    qcd mean nothing without them.

    The same command gives the same values. Press Ctrl-C to interrupt it; the same command then
    goes on, from a folder beside TARGET whose name ends in .partial. A core simulates about 60
    events per second. Needs Pythia 8 and FastJet, which are under the GNU GPL:
    pip install 'baler[physics]'.

    For example:

      baler simulate qcd.root -n 20000
      baler simulate signal.root -p zprime --mass 2000 -n 5000 --seed 7
      baler simulate mixed.root -p qcd -p ttbar -p zmumu -n 1200
      baler simulate hard.root --pt-hat-min 400 --set 'PhaseSpace:bias2SelectionPow = 5.'
    """
    if not target.lower().endswith(".root"):
        raise UsageError(f"TARGET is a ROOT file; {target!r} does not end in .root")
    options.check_free(target, force=force)
    from baler.physics.simulate import Request, partial, simulate

    request = Request(processes, events, seed, pileup, mass, width, pt_hat_min, settings)
    try:
        with talk.counting("simulating", "events", quiet=quiet) as report:
            done = simulate(target, request, jobs=jobs, overwrite=force, progress=report)
    except KeyboardInterrupt:
        if not partial(target).exists():
            raise
        talk.say(f"interrupted; the same command goes on from {partial(target)}")
        ctx.exit(exits.INTERRUPTED)
    if as_json:
        talk.print_json(done.to_json())
    elif not quiet:
        show(done)
    talk.notes(done.notes, quiet=quiet)


def show(done: Simulation) -> None:
    """Print a table of the processes, and how long it took."""
    from baler.core.size import format_size

    table = talk.new_table("process", "run", "events", "effective", "cross-section (pb)")
    for share in done.shares:
        table.add_row(
            share.process,
            str(share.run),
            f"{share.events:,}",
            f"{share.effective:,.0f}",
            measured(share.cross_section, share.uncertainty),
        )
    talk.print_table(table)
    rate = f", {done.new / done.seconds:.3g} events per second" if done.new else ""
    click.echo(
        f"{done.target}: {talk.count(done.events, 'event')}, {format_size(done.bytes)}, "
        f"{talk.seconds(done.seconds)}{rate}"
    )


def measured(value: float, uncertainty: float) -> str:
    """Return a value with its uncertainty, to two digits of the latter."""
    decimals = 1 - math.floor(math.log10(uncertainty)) if uncertainty > 0 else 0
    if decimals > 6:
        return f"{value:.3g} ± {uncertainty:.2g}"
    decimals = max(decimals, 0)
    return f"{value:,.{decimals}f} ± {uncertainty:,.{decimals}f}"
