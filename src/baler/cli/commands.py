"""The program ``baler``: its commands, and the exit code that each kind of error ends in."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import click

from baler.cli import exits, options
from baler.cli.autoencoders import families
from baler.cli.bench import bench
from baler.cli.compress import compress
from baler.cli.decompress import decompress
from baler.cli.evaluate import evaluate
from baler.cli.inspect import inspect
from baler.cli.migrate import migrate
from baler.cli.sensitivity import sensitivity
from baler.cli.simulate import simulate
from baler.cli.study import study
from baler.cli.train import train
from baler.cli.tune import tune
from baler.cli.verify import verify
from baler.errors import BalerError, BoundBroken, Unreadable, UsageError

LINES = 12
"""Lines of a message that are shown without ``--debug``."""


class Commands(click.Group):
    """Commands in the order in which one meets them; errors as one message, without traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of definition."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn what it raises into a message and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise  # click knows what to do
        except BrokenPipeError:  # whoever reads what we print has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(exits.BROKEN_PIPE)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted; nothing was left behind", err=True)
            ctx.exit(exits.INTERRUPTED)
        except Exception as error:
            if ctx.meta.get(options.DEBUG):
                traceback.print_exc()
            message = f"Error: {_message(error)}"
            click.echo(message if ctx.meta.get(options.DEBUG) else _cut(message), err=True)
            ctx.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    match error:
        case BoundBroken():
            return exits.BOUND_BROKEN
        case UsageError():
            return exits.CALLER_AT_FAULT
        case BalerError():
            return exits.DATA_AT_FAULT
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError():
            return exits.CALLER_AT_FAULT
    return exits.DATA_AT_FAULT


def _message(error: Exception) -> str:
    notes = getattr(error, "__notes__", [])
    match error:
        case Unreadable():
            return f"{error}\n--skip-unreadable leaves out what cannot be read"
        case BalerError():
            return str(error)  # notes included
        case OSError(strerror=str(reason), filename=str(name)):
            return "\n".join([f"{name}: {reason}", *notes])
        case OSError():
            return "\n".join([str(error), *notes])
        case MemoryError():
            return "out of memory; smaller chunks or fewer jobs need less"
    message = f"{type(error).__name__}: {error}"
    return "\n".join([message, *notes, "this is a fault of baler; --debug shows where"])


def _cut(message: str) -> str:
    """Leave out the middle of a message that would scroll its own beginning away."""
    lines = message.splitlines()
    if len(lines) <= LINES:
        return message
    left_out = f"  ... and {len(lines) - LINES} more, which --debug shows"
    return "\n".join([*lines[: LINES - 1], left_out, lines[-1]])


def _print_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        try:
            version = importlib.metadata.version("baler")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed)"
        click.echo(f"baler {version}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 good, 1 data at fault, 2 call at fault, 3 a bound is broken.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@options.explained
def cli() -> None:
    """Make scientific data smaller, and say exactly what was done to them.

    Every column comes back bit for bit, unless you give it an error bound: a promise about each
    single value, checked while compressing, and kept on every machine.

      baler compress events.root events.baler                       exactly
      baler compress events.root events.baler -b '*_pt=rel 2^-11'   with a bound
      baler inspect events.baler                                    where the bytes go
      baler verify events.root events.baler                         whether all is kept
      baler decompress events.baler back.root
      baler train a.root b.root -o events.balermodel                what columns say of each other

    `baler COMMAND --help` explains the rest, `baler compress --help` what bounds there are.
    """


for _command in (
    compress, decompress, inspect, verify, train, families, migrate, bench, evaluate,
    simulate, study,
    tune, sensitivity,
):  # fmt: skip
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the program with the arguments of the process."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli.main(prog_name="baler")
    except KeyboardInterrupt:  # before or after a command
        sys.exit(exits.INTERRUPTED)
    sys.exit()


def _terminate(number: int, frame: object) -> None:
    """Leave as by an error, so that nothing is left behind."""
    sys.exit(exits.TERMINATED)
