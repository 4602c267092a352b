"""Finished parts, in a folder beside the file to be."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import awkward as ak
import numpy as np

from baler.core.replacing import replacing
from baler.physics.simulate.parts import Made, Part

SUFFIX = ".part.npz"


class Store:
    """Parts by their names, which say all that they depend on: no others are ever used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, part: Part) -> Path:
        return self.folder / f"{part.name}{SUFFIX}"

    def save(self, part: Part, made: Made) -> None:
        """Write a part; raises OSError."""
        form, length, buffers = ak.to_buffers(made.events)
        about = [form.to_dict(), length, made.cross_section, made.uncertainty, made.tried]
        content = io.BytesIO()
        np.savez(content, about=np.array(json.dumps(about)), **buffers)
        self.folder.mkdir(exist_ok=True)
        with replacing(self._path(part), overwrite=True) as path:
            path.write_bytes(content.getbuffer())

    def load(self, part: Part) -> Made:
        """Read a part; raises OSError, ValueError, KeyError or BadZipFile for a damaged file."""
        with self._path(part).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            form, length, cross_section, uncertainty, tried = json.loads(str(file["about"]))
            buffers = {name: file[name] for name in file.files if name != "about"}
        events = ak.from_buffers(ak.forms.from_dict(form), length, buffers)
        return Made(events, cross_section, uncertainty, tried)

    def holds(self, part: Part) -> bool:
        """Tell whether a part is there and whole; one that is damaged is removed."""
        if not self._path(part).exists():
            return False
        try:
            self.load(part)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            self._path(part).unlink(missing_ok=True)
            return False
        return True

    def others(self, parts: Iterable[Part]) -> int:
        """Return how many parts are there that are not among these."""
        wanted = {self._path(part) for part in parts}
        return sum(path not in wanted for path in self.folder.glob(f"*{SUFFIX}"))

    def remove(self) -> None:
        """Remove all parts, and the folder unless there is something else in it."""
        for path in self.folder.glob(f"*{SUFFIX}"):
            path.unlink(missing_ok=True)
        self.tidy()

    def tidy(self) -> None:
        """Remove what processes that were ended left unfinished, and the folder if it is empty."""
        for path in self.folder.glob(f".*{SUFFIX}.*"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()
