"""The command line: parse, call, print. What it does is in `baler.api` and `baler.evaluate`."""

from baler.cli.commands import main

__all__ = ["main"]
