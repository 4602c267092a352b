"""Arguments and options that several commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from baler.errors import TargetExists

if TYPE_CHECKING:
    from baler.planning import Policy

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Callable[..., Any]], Callable[..., Any]]

DEBUG = "baler.debug"
"""The key in click's context under which ``--debug`` is kept."""

FOREIGN = (".root", ".parquet", ".npz")

RESULT = "result.json"
"""The file with all numbers, in a folder of results."""

BOUNDS = """
A bound is a promise about every value x and its decoded x':

  exact             x' has the bits of x; the default
  abs 1e-3          |x' - x| <= 1e-3, in the unit of the column
  rel 2^-11         |x' - x| <= 2^-11 |x|
  bits 10           what rounding to 10 mantissa bits promises: rel 2^-11
  sigma 0.1 NAME    |x' - x| <= 0.1 times the decoded value of column NAME
  range 1e-3        abs with 1e-3 of the column's 5-95 % span

NaN, infinities and zeros always come back bit for bit, and so do columns that are not
floating-point.
""".strip()


def explained(command: F) -> F:
    """Make a docstring a help text: {bounds} is filled in, indented paragraphs stay as they are."""
    text = inspect.cleandoc(command.__doc__ or "").replace("{bounds}", BOUNDS)
    command.__doc__ = "\n\n".join(
        f"\b\n{paragraph}" if paragraph.startswith("  ") else paragraph
        for paragraph in text.split("\n\n")
    )
    return command


def _keep_debug(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    ctx.meta[DEBUG] = wanted


def _target(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse what is not the path of a file: standard output, devices, folders."""
    path = Path(value)
    if value == "-":
        raise click.BadParameter("cannot write to standard output; give the path of a file")
    if path.exists() and not path.is_file():
        raise click.BadParameter(f"{value!r} exists and is not a file")
    return value


def _baler_target(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    value = _target(ctx, parameter, value)
    if value.lower().endswith(FOREIGN):
        raise click.BadParameter(f"{value!r} is to be a .baler file; SOURCE comes before TARGET")
    return value


def not_data(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse as the path of a model what is none, or the name of a file of data."""
    value = _target(ctx, parameter, value)
    if value.lower().endswith((*FOREIGN, ".baler")):
        raise click.BadParameter(f"{value!r} is to be a model, not a file of data")
    return value


def numbers(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Return positive numbers that are separated by commas."""
    try:
        found = tuple(float(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers like 1,2,4") from None
    if not all(0 < number < float("inf") for number in found):
        raise click.BadParameter(f"numbers have to be positive, not {value}")
    return found


def whole_numbers(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Return positive whole numbers that are separated by commas."""
    found = numbers(ctx, parameter, value)
    if any(number != int(number) for number in found):
        raise click.BadParameter(f"numbers have to be whole, not {value}")
    return tuple(int(number) for number in found)


source = click.argument("source", metavar="SOURCE")
target = click.argument("target", metavar="TARGET", callback=_target)
baler_target = click.argument("target", metavar="TARGET", callback=_baler_target)

bound = click.option(
    "-b",
    "--bound",
    "bounds",
    metavar="'GLOB=SPEC'",
    multiple=True,
    help="A bound for all columns that match GLOB, such as '*_pt=rel 2^-11'. May be repeated; the "
    "last match wins.",
)
policy = click.option(
    "-p",
    "--policy",
    metavar="FILE",
    help="A TOML file with a table [bounds] of GLOB = SPEC; --bound options come after it and win.",
)
dither = click.option(
    "--dither",
    is_flag=True,
    help="Shift the decodable values of each row at random, reproducibly: histograms of any "
    "binning stay smooth, at the same bound.",
)
tree = click.option(
    "--tree",
    metavar="NAME",
    help="Which tree of a ROOT file is meant; another way to write SOURCE:NAME.",
)
skip_unreadable = click.option(
    "--skip-unreadable",
    is_flag=True,
    help="Leave out branches that cannot be read, with a note, instead of refusing the file.",
)
needed_model = click.option(
    "--model",
    metavar="FILE",
    help="The model of a file that only refers to one (made with --reference-model).",
)
chunk_size = click.option(
    "--chunk-size",
    metavar="SIZE",
    default="64 MB",
    show_default=True,
    help="Column data in one chunk. A chunk is read as a whole: smaller ones need less memory and "
    "make single entries cheaper, larger ones make smaller files.",
)
jobs = click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Threads that work; all cores by default. The result does not depend on it.",
)
rows = click.option("--rows", metavar="N", type=click.IntRange(min=2),
                    help="Take the first N events of each file only.")  # fmt: skip
force = click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
quiet = click.option(
    "-q", "--quiet", is_flag=True, help="No progress, summary or notes; errors only."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
debug = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_keep_debug,
    help="Show the Python traceback of an error.",
)


def columns(help: str) -> Option:
    """Return the option for patterns of columns."""
    return click.option("--columns", metavar="GLOBS", default="*", show_default=True, help=help)


def results(what: str) -> Option:
    """Return the option for a folder of results, which is for the numbers and ``what`` else."""
    return click.option(
        "-o",
        "--output",
        "folder",
        metavar="DIR",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"The folder for {RESULT}{what}",
    )


def earlier(help: str) -> Option:
    """Return the option for a result that is drawn again."""
    return click.option(
        "--from",
        "earlier",
        metavar="RESULT",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=help,
    )


def scales(default: str, help: str) -> Option:
    """Return the option for multiples of bounds."""
    return click.option("--scales", metavar="X,...", default=default, show_default=True,
                        callback=numbers, help=help)  # fmt: skip


def latents(default: str, help: str) -> Option:
    """Return the option for numbers of latents."""
    return click.option("--latents", metavar="N,...", default=default, show_default=True,
                        callback=whole_numbers, help=help)  # fmt: skip


def minutes(default: float, help: str) -> Option:
    """Return the option for how long trainings take."""
    return click.option("--minutes", metavar="N", type=click.FloatRange(min=0, min_open=True),
                        default=default, show_default=True, help=help)  # fmt: skip


def steps(help: str = "Train for N steps instead.") -> Option:
    """Return the option for how many steps trainings take."""
    return click.option("--steps", metavar="N", type=click.IntRange(min=1), help=help)


def seed(help: str = "What random numbers are drawn from.") -> Option:
    """Return the option for the seed of random numbers."""
    return click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0,
                        show_default=True, help=help)  # fmt: skip


def replicas(default: int, help: str) -> Option:
    """Return the option for how often events are resampled."""
    return click.option("--replicas", metavar="N", type=click.IntRange(min=8), default=default,
                        show_default=True, help=help)  # fmt: skip


def asked(policy: str | None, bounds: Iterable[str]) -> Policy:
    """Return the policy of a file, if there is one, followed by that of the options."""
    from baler.planning import Policy

    loaded = Policy() if policy is None else Policy.load(policy)
    return loaded.then(Policy.from_options(bounds))


def check_free(target: str, *, force: bool) -> None:
    """Raise TargetExists before the work, not after it."""
    if not force and Path(target).exists():
        raise TargetExists(f"{target!r} exists; --force replaces it")
