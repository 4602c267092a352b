"""Every error that Baler raises on purpose.

::

    BalerError
    ├── FormatError(ValueError)      the bytes of a .baler file are at fault
    │   ├── NotABalerFile            the file is something else
    │   ├── TooNew                   written by a later version of the format
    │   ├── Truncated                the end is missing
    │   └── Corrupt                  checksum, range or structure is wrong
    ├── SourceError(ValueError)      a foreign file is at fault
    │   └── Unreadable               some of its branches cannot be read
    ├── UsageError(ValueError)       the caller is at fault
    │   ├── BadBound                 a bound that does not parse
    │   ├── UnknownColumn(KeyError)  no such column; near names are listed
    │   ├── MissingModel             the file needs a model that was not given
    │   └── TargetExists             will not overwrite without being told to
    └── BoundBroken                  ``verify`` found a value outside its bound

The command line exits with 1 for faulty data, 2 for a faulty call, 3 for a broken bound.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BalerError(Exception):
    """The root of all errors that Baler raises on purpose."""

    def __str__(self) -> str:
        """Return the message followed by the notes that were added on its way up."""
        message = str(self.args[0]) if self.args else type(self).__name__
        return "\n".join([message, *getattr(self, "__notes__", [])])


class FormatError(BalerError, ValueError):
    """The bytes of a ``.baler`` file are at fault."""


class NotABalerFile(FormatError):
    """The file does not begin like a ``.baler`` file."""


class TooNew(FormatError):
    """The file was written by a later version of the format."""


class Truncated(FormatError):
    """The file, or a payload in it, ends too early."""


class Corrupt(FormatError):
    """A checksum, a range or a structure in the file is wrong."""


class SourceError(BalerError, ValueError):
    """A foreign file (ROOT, Parquet, npz) is at fault."""


class Unreadable(SourceError):
    """Some branches of a source cannot be read; the message lists each with its reason."""


class UsageError(BalerError, ValueError):
    """The caller asked for something that cannot be done."""


class BadBound(UsageError):
    """A bound specification that does not parse."""


class UnknownColumn(UsageError, KeyError):
    """A column name or pattern that matches nothing."""


class MissingModel(UsageError):
    """The file refers to a model kept elsewhere, and that one was not given."""


class TargetExists(UsageError, FileExistsError):
    """The target exists and overwriting was not asked for."""


class BoundBroken(BalerError):
    """A decoded value lies outside its bound."""


def near(name: str, names: Iterable[str], limit: int = 5) -> str:
    """Return a sentence that lists the names most like ``name``, nearest first."""
    names = list(names)
    found = difflib.get_close_matches(name, names, n=limit, cutoff=0.4) or sorted(names)[:limit]
    return f"; near names: {', '.join(map(repr, found))}" if found else ""


def some(names: Iterable[str], limit: int = 5) -> str:
    """Return the first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
