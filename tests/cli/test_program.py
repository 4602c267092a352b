"""The program as a whole: help, version, errors, signals, and what it leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from baler.cli import commands
from baler.container import Writer
from baler.errors import BoundBroken, Unreadable

from .conftest import Baler

EVENTS = Path(__file__).parents[2] / "examples" / "events.root"
PROGRAM = (sys.executable, "-m", "baler.cli")


@pytest.mark.parametrize("name", commands.cli.commands)
def test_help_explains_every_option(name: str, baler: Baler) -> None:
    text = baler(name, "--help").stdout
    command = commands.cli.commands[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"
            assert all(option in text for option in parameter.opts)
        else:
            assert parameter.make_metavar(click.Context(command)) in text


def test_help_shows_commands_in_order_and_exit_codes(baler: Baler) -> None:
    text = baler("--help").stdout
    listed = text[text.index("Commands:") :]
    places = [
        listed.index(name) for name in ("compress", "decompress", "inspect", "verify", "bench")
    ]
    assert places == sorted(places)
    assert "3 a bound is broken" in text


def test_help_says_what_bounds_there_are(baler: Baler) -> None:
    text = baler("compress", "--help").stdout
    for form in ("exact", "abs 1e-3", "rel 2^-11", "bits 10", "sigma 0.1", "range 1e-3"):
        assert f"\n    {form}" in text
    assert "{bounds}" not in text


def test_version(baler: Baler) -> None:
    assert baler("--version").stdout.startswith("baler ")


def test_faulty_calls_end_with_2(baler: Baler) -> None:
    assert "No such command" in baler("shrink", code=2).stderr
    assert "Missing argument 'SOURCE'" in baler("compress", code=2).stderr
    assert "--jobs" in baler("compress", "a.root", "a.baler", "--jobs", "0", code=2).stderr


def test_only_debug_shows_a_traceback(tmp_path: Path, baler: Baler) -> None:
    call = ("inspect", tmp_path / "missing.baler")
    assert "Traceback" not in baler(*call, code=2).stderr
    assert "Traceback" in baler(*call, "--debug", code=2).stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (BoundBroken("column 'x' is off"), 3, "column 'x' is off"),
        (OSError(28, "No space left on device", "a.baler"), 1, "a.baler: No space left"),
        (PermissionError(13, "Permission denied", "a.baler"), 2, "a.baler: Permission denied"),
        (MemoryError(), 1, "out of memory"),
        (ZeroDivisionError("division by zero"), 1, "a fault of baler"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_any_error_is_one_message_and_leaves_nothing_behind(
    error: BaseException,
    code: int,
    message: str,
    events: Path,
    tmp_path: Path,
    baler: Baler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: Writer, chunk: object) -> None:
        assert list(tmp_path.glob(".*.part"))
        raise error

    monkeypatch.setattr(Writer, "write", fail)
    result = baler("compress", events, tmp_path / "events.baler", code=code)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["events.root"]


def test_long_messages_are_cut_in_the_middle(
    events: Path, tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Writer, chunk: object) -> None:
        raise Unreadable(
            "\n".join(["500 fields cannot be read:", *map("  x{}".format, range(500))])
        )

    monkeypatch.setattr(Writer, "write", fail)
    call = ("compress", events, tmp_path / "events.baler")
    lines = baler(*call, code=1).stderr.splitlines()
    assert lines[0] == "Error: 500 fields cannot be read:"
    assert "... and 490 more, which --debug shows" in lines[-2]
    assert "--skip-unreadable" in lines[-1]
    assert len(lines) < 20
    assert "  x499" in baler(*call, "--debug", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_behind(number: int, code: int, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [*PROGRAM, "compress", EVENTS, tmp_path / "events.baler", "--chunk-size", "10 kB"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == code
    assert len(said.splitlines()) <= 1
    assert not list(tmp_path.iterdir())


def test_a_reader_that_has_seen_enough_is_no_error(packed: Path) -> None:
    program = subprocess.Popen(
        [*PROGRAM, "inspect", packed], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    with program.stderr:
        said = program.stderr.read()
    assert program.wait(60) == 141
    assert said == b""
