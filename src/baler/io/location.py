"""Where a foreign file is: its path or URL, its format, and the tree that is meant in it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from baler.errors import UsageError

FORMATS = (".root", ".parquet", ".npz")
"""The suffixes of the files that can be read and written."""

_SUFFIX = "|".join(map(re.escape, FORMATS))
_WITH_TREE = re.compile(rf"(?P<path>.+(?:{_SUFFIX})(?:\?[^:]*)?):(?P<tree>[^:]+)", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://")  # two letters: C:\ is not one


@dataclass(frozen=True, slots=True)
class Location:
    """A path or URL of a file in a known format, and the name of a tree, if one was given."""

    path: str
    format: str
    tree: str | None = None

    @classmethod
    def parse(cls, path: str | os.PathLike[str]) -> Self:
        """Take ``file.root:tree`` apart; a path object, or a file of that very name, is whole."""
        text = os.fspath(path)
        found = _WITH_TREE.fullmatch(text) if isinstance(path, str) else None
        tree = None
        if found is not None and not Path(text).exists():
            text, tree = found["path"], found["tree"]
        bare = text.split("?")[0] if _URL.match(text) else text
        suffix = Path(bare).suffix.lower()
        if suffix not in FORMATS:
            known = ", ".join(FORMATS)
            what = f"suffix {suffix!r}" if suffix else "no suffix"
            raise UsageError(f"{text!r} has {what}; known are {known}")
        return cls(text, suffix, tree)

    @property
    def remote(self) -> bool:
        """Whether the path is a URL."""
        return _URL.match(self.path) is not None

    def check_exists(self) -> None:
        """Raise UsageError if a local file is not there."""
        if not self.remote and not Path(self.path).is_file():
            what = "is a folder" if Path(self.path).is_dir() else "does not exist"
            raise UsageError(f"{self.path!r} {what}")
