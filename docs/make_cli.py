"""Write docs/cli.md from the ``--help`` of every command: ``python docs/make_cli.py``."""

from __future__ import annotations

from pathlib import Path

import click

from baler.cli import commands

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 90
HEAD = """\
# Command line

What `baler --help` and `baler COMMAND --help` say; written by `python docs/make_cli.py`. The
[first steps](guide/first-steps.md) show the commands at work.

Data go to standard output; progress, summaries and notes to standard error. Nothing is overwritten
without `--force`. A target appears under its name when it is complete, and not before.

| exit code | meaning |
|---|---|
| 0 | good |
| 1 | data at fault: a damaged file, branches that cannot be read, a full disk |
| 2 | call at fault: a bound that does not parse, a name that does not exist, a target that does |
| 3 | `verify`, `bench`: a value is beyond its bound |
| 130, 143 | interrupted, terminated; nothing was left behind but, of `train`, where to go on |
"""


def page() -> str:
    """Return the text of the page."""
    group = commands.cli
    parts = [HEAD, _section("baler", group)]
    parts += [_section(f"baler {name}", command) for name, command in group.commands.items()]
    return "\n".join(parts)


def _section(name: str, command: click.Command) -> str:
    context = click.Context(
        command, info_name=name, terminal_width=WIDTH, help_option_names=["-h", "--help"]
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {name}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
