"""The state of an unfinished training, in a file beside the model to be."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from baler.core.replacing import replacing
from baler.training.loop import Progress

_DIGEST = hashlib.sha256().digest_size
_FIELDS = [field.name for field in fields(Progress)]


class Checkpoint:
    """Progress of networks by the names of their counts; a file of other arguments is ignored."""

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        """Read what there is. ``key`` is all that the training depends on, as plain JSON.

        ``notes`` say what was found, if anybody should know.
        """
        self._path = path
        text = json.dumps([key, _FIELDS], sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()
        self._known: dict[str, dict[str, Any]] = {}
        self.notes: tuple[str, ...] = ()
        if path.exists():
            self._read()

    def _read(self) -> None:
        data = self._path.read_bytes()
        digest, content = data[:_DIGEST], data[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            self.notes = (f"{self._path} is damaged; the training began anew",)
            return
        found = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        if found["key"] != self._key:
            self.notes = (f"{self._path} is of another training; this one began anew",)
            return
        self._known = found["progress"]
        self.notes = (f"went on with the training in {self._path}",)

    def load(self, name: str) -> Progress | None:
        """Return how far a network is; None if it was not begun."""
        return Progress(**self._known[name]) if name in self._known else None

    def save(self, name: str, progress: Progress) -> None:
        """Write how far a network is."""
        self._known[name] = asdict(progress)
        content = io.BytesIO()
        torch.save({"key": self._key, "progress": self._known}, content)
        with replacing(self._path, overwrite=True) as path:
            path.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())

    def remove(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
