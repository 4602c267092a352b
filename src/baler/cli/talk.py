"""What is said: data on standard output; progress, summaries and notes on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from baler.training import Step

PIPE_WIDTH = 200
"""Columns of a table that goes into a file or another program: names are not cut there."""

NOTES = 10
"""Notes that are shown; a file may have hundreds."""

PERCENT = "{task.percentage:3.0f} %"
AMOUNT = PERCENT + "  {task.fields[amount]}"
"""What stands beside a bar."""

Report = Callable[[float, int], None]
"""Called with the fraction that is done and the bytes of column data behind it."""


def print_json(content: Any) -> None:
    """Print plain JSON on standard output."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(table: Table) -> None:
    """Print a table on standard output; in colour if that is a terminal."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    click.echo("\n".join(line.rstrip() for line in lines))


def new_table(*headings: str, left: int = 1) -> Table:
    """Return an empty table without frames; all columns but the first ``left`` hold numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="left" if position < left else "right", no_wrap=True)
    return table


def say(text: str, *, quiet: bool = False) -> None:
    """Say something on standard error."""
    if not quiet:
        click.echo(text, err=True)


def notes(sentences: Iterable[str], *, quiet: bool = False) -> None:
    """Say what the user should know about a result."""
    sentences = list(sentences)
    for sentence in sentences[:NOTES]:
        say(f"note: {sentence}", quiet=quiet)
    if (rest := len(sentences) - NOTES) > 0:
        say(f"note: there are {count(rest, 'more note')}; --json lists all", quiet=quiet)


def seconds(duration: float) -> str:
    """Return a duration for people."""
    if duration < 60:
        return f"{duration:.2g} s" if duration < 10 else f"{duration:.0f} s"
    return f"{int(duration) // 60} min {int(duration) % 60:02} s"


def count(number: int, singular: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Report | None]:
    """Show a bar with size, speed and time left, if standard error is a terminal.

    It appears with the first report.
    """
    if quiet or not _bars():
        yield None
        return
    from baler.core.size import format_size

    bar = _bar(AMOUNT)
    start = time.monotonic()
    task = bar.add_task(what, total=1.0, amount="")

    def report(fraction: float, done: int) -> None:
        bar.start()
        speed = done / max(time.monotonic() - start, 1e-3)
        amount = f"{format_size(done)}  {format_size(speed)}/s"
        bar.update(task, completed=fraction, amount=amount)

    try:
        yield report
    finally:
        bar.stop()


@contextmanager
def steps(what: str, *, quiet: bool = False) -> Iterator[Callable[[str, str, int, int], None]]:
    """Show which of several things is being done, if standard error is a terminal."""
    if quiet or not _bars():
        yield lambda whose, part, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda whose, part, done, total: bar.update(
            task, description=f"{what} {whose}: {part}", completed=done, total=total
        )


@contextmanager
def counting(
    what: str, things: str, *, quiet: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show how many of many things are done, with speed and time left, if there is a terminal.

    What the first call counts was done before.
    """
    if quiet or not _bars():
        yield lambda done, total: None
        return
    bar = _bar(AMOUNT, speed_over=300)
    start, before = time.monotonic(), 0

    def report(done: int, total: int) -> None:
        nonlocal before
        if not bar.tasks:
            before = done
            bar.add_task(what, total=total, completed=done, amount="")
        speed = (done - before) / max(time.monotonic() - start, 1e-3)
        amount = f"{done:,} of {total:,} {things}  {speed:.3g}/s"
        bar.update(bar.task_ids[0], completed=done, amount=amount)

    with bar:
        yield report


@contextmanager
def training(*, quiet: bool = False) -> Iterator[Callable[[Step], None]]:
    """Show how far a training is and what it is worth so far; line by line but on a terminal."""
    if quiet:
        yield lambda step: None
        return
    if not _bars():
        yield lambda step: say(f"{100 * step.done:3.0f} %  {_worth(step)}")
        return
    bar = _bar(PERCENT, width=20)
    with bar:
        task = bar.add_task("training", total=1.0)
        yield lambda step: bar.update(
            task, description=f"training {_worth(step)}", completed=step.done
        )


def _worth(step: Step) -> str:
    if step.marginal is None:
        return f"{step.collection}: loss {step.bits:.4g} on held-out events"
    return (
        f"{step.collection}: {step.bits:.3f} bits per value held out, "
        f"{step.marginal:.3f} without a model"
    )


def _bar(amount: str, *, width: int = 40, speed_over: float = 30) -> Progress:
    """Return a bar with an amount beside it, and the time left by the speed of so many seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(width),
        TextColumn(amount),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=speed_over,
    )


def _bars() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
