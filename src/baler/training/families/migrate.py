"""Projects of Baler 1 to latent models: settings, ranges, names and weights, and no code of theirs.

A project is a folder with a configuration in Python, which is read and never run, and the output of
a training: weights (tensors only are loaded), ranges and latents.
"""

from __future__ import annotations

import ast
import math
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.replacing import check_target, replacing
from baler.errors import SourceError, UsageError, some
from baler.latent import nodes
from baler.latent.arithmetic import LIMIT, ONE
from baler.latent.blocks import Blocks
from baler.latent.model import Kind, LatentModel
from baler.latent.network import Network
from baler.latent.rows import Level
from baler.latent.views import Scale, View
from baler.training.train import need_torch

Array = npt.NDArray[Any]

FAMILIES = {
    "AE": "dense", "CFD_dense_AE": "dense-field", "AE_Dropout_BN": "dropout", "Conv_AE": "conv",
    "Conv_AE_GDN": "conv-gdn", "Conv_AE_3D": "conv-3d", "PJ_Conv_AE": "conv",
    "FPGA_prototype_model": "small", "TransformerAE": "transformer",
}  # fmt: skip
"""Families that take the place of published models."""
FINE = 2.0**-7
"""Steps of latents, in parts of their deviations."""
PRECISION = 15


Layer = tuple[Array, Array]
"""Weights and bias."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What became of a project."""

    project: str
    target: str  # the model; "" if its weights cannot be taken over
    model: str  # the published name
    family: str  # that takes its place
    columns: int
    latents: int
    settings: Mapping[str, Any]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "settings": dict(self.settings), "notes": list(self.notes)}


def migrate(
    project: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Migration:
    """Read a project of Baler 1 and write its model as one of ours, if it is a dense one.

    ``data`` is the original ``.npz`` file; by default the one that the configuration names, if it
    is there. It tells names and shapes that the output does not. Nothing is executed, and nothing
    but tensors is unpickled. For other models nothing is written, and the notes say which family
    to train.

    Raises UsageError (no project, target exists, no PyTorch), SourceError (faulty files).
    """
    folder = Path(project)
    if not folder.is_dir():
        raise UsageError(f"there is no project {str(folder)!r}")
    check_target(Path(target), overwrite=overwrite)
    need_torch()
    settings, notes = settings_of(folder)
    name = str(settings.get("model_name", ""))
    family = FAMILIES.get(name, "")
    weights = weights_of(folder)
    original = _original(folder, settings, data)
    layers = None if weights is None else dense_layers(weights)
    if layers is None:
        what = f"the weights of {name or 'the model'} are not those of a dense one"
        notes.append(
            f"{'there are no weights' if weights is None else what}; "
            f"train anew: baler train DATA -o {os.fspath(target)} --family {family or 'dense'}"
        )
        return Migration(str(folder), "", name, family, 0, 0, settings, tuple(notes))
    model = model_of(folder, name, layers, original, notes)
    with replacing(Path(target), overwrite=overwrite) as path:
        path.write_bytes(model.pack_all())
    return Migration(
        str(folder), os.fspath(target), name, family, len(model.views),
        model.decoder.inputs[0].channels, settings, tuple(notes),
    )  # fmt: skip


def settings_of(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what a configuration sets to plain values, and notes on what it does otherwise.

    It sets attributes of the argument of a function. Raises UsageError unless there is just one
    configuration.
    """
    found = sorted(folder.rglob("*_config.py"))
    if len(found) != 1:
        raise UsageError(f"{str(folder)!r} has {len(found)} configurations (*_config.py), not one")
    try:
        tree = ast.parse(found[0].read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SourceError(f"{found[0]} is not a configuration in Python: {error}") from None
    settings: dict[str, Any] = {}
    computed: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        place = node.targets[0]
        if isinstance(place, ast.Attribute) and isinstance(place.value, ast.Name):
            try:
                settings[place.attr] = ast.literal_eval(node.value)
            except (ValueError, TypeError, RecursionError, MemoryError):
                computed.append(place.attr)
    notes = [f"left out are settings that are computed: {some(computed)}"] if computed else []
    return {k: v for k, v in settings.items() if _plain(v)}, notes


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def weights_of(folder: Path) -> dict[str, Array] | None:
    """Return the weights of a trained model by name; None if there is none."""
    import torch

    found = sorted(folder.rglob("model.pt"))
    if not found:
        return None
    try:
        state = torch.load(found[0], map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise SourceError(f"{found[0]} holds more than weights, or is damaged: {error}") from None
    if not isinstance(state, Mapping) or not all(torch.is_tensor(x) for x in state.values()):
        raise SourceError(f"{found[0]} does not hold weights by name")
    return {str(key): x.detach().double().numpy() for key, x in state.items()}


def dense_layers(weights: Mapping[str, Array]) -> tuple[list[Layer], list[Layer]] | None:
    """Return the layers to the latents and back of a dense model; None for other models."""
    nothing = np.empty(0)
    sides: list[list[Layer]] = []
    for side in ("en", "de"):
        names = [f"{side}{i}" for i in range(1, 64) if f"{side}{i}.weight" in weights]
        sides.append([(weights[f"{n}.weight"], weights.get(f"{n}.bias", nothing)) for n in names])
    there, back = sides
    chain = [*there, *back]
    good = bool(there and back) and len(weights) == 2 * len(chain)
    good = good and all(w.ndim == 2 and b.shape == w.shape[:1] for w, b in chain)
    if not good or any(w.shape[0] != v.shape[1] for (w, _), (v, _) in pairwise(chain)):
        return None
    finite = all(np.isfinite(w).all() and np.isfinite(b).all() for w, b in chain)
    return (there, back) if finite else None


def model_of(
    folder: Path,
    name: str,
    layers: tuple[list[Layer], list[Layer]],
    original: tuple[tuple[int, ...], list[str], np.dtype[Any]] | None,
    notes: list[str],
) -> LatentModel:
    """Return the model of integers that computes what a dense model does."""
    there, back = layers
    numbers = there[0][0].shape[1]
    compressed = _arrays(folder, "compressed.npz")
    names = [str(n) for n in compressed.get("names", np.empty(0))]
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = np.dtype("<f8")
    if original is not None:
        shape, names, dtype = original[0], original[1] or names, original[2]
    ranges = compressed.get("normalization_features", np.empty(0))
    if not ranges.size:
        files = sorted(folder.rglob("normalization_features.npy"))
        ranges = _array(files[0]) if files else ranges
    if len(names) == numbers:
        blocks, kind, channels = None, Kind.TABLE, names
    else:
        frame = _frame(shape, numbers)
        blocks, kind, channels = Blocks(frame, (1, *frame)), Kind.GRID, [*names, "data"][:1]
    low, width = _ranges(ranges, len(channels), notes)
    views = tuple(
        View(n, dtype, Scale.LINEAR, float(a), float(b))
        for n, a, b in zip(channels, low, width, strict=True)
    )
    latents = compressed.get("data", np.empty(0))
    size = there[-1][0].shape[0]
    if latents.size and latents.shape[-1] == size:
        deviations = np.maximum(latents.reshape(-1, size).std(0), 2.0**-7)
    else:
        deviations = np.ones(size)
        notes.append("there are no latents to choose steps by; they are those of deviations of 1")
    steps = np.clip(np.rint(deviations * FINE * ONE), 1, LIMIT).astype(np.int64)
    whole = (numbers,) if blocks is None else (*blocks.shape, 1)
    return LatentModel(
        kind, "", views, _network(back, (size,), whole), (steps,), blocks,
        _network(there, whole, (size,)), {"family": FAMILIES.get(name, "dense"), "migrated": name},
    )  # fmt: skip


def _network(layers: list[Layer], given: tuple[int, ...], wanted: tuple[int, ...]) -> Network:
    """Return dense layers with leaky rectifiers in between."""
    from baler.training.families.layers import fixed_arrays

    made: list[nodes.Node] = [nodes.Input((), Level.OBJECT, given)]
    if len(given) > 1:
        made.append(nodes.Reshape((0,), (math.prod(given),)))
    for i, (weights, bias) in enumerate(layers):
        if i:
            made.append(nodes.Activation((len(made) - 1,), "leaky"))
        made.append(nodes.Dense((len(made) - 1,), *fixed_arrays(weights, bias, PRECISION)))
    if len(wanted) > 1:
        made.append(nodes.Reshape((len(made) - 1,), wanted))
    return Network(tuple(made), (len(made) - 1,))


def _ranges(ranges: Array, columns: int, notes: list[str]) -> tuple[Array, Array]:
    """Return the smallest value and the range of each column; a constant has the range 1."""
    if ranges.shape == (2, columns):
        low, width = ranges.astype(np.float64)
    elif ranges.size == 2:
        low, width = (np.full(columns, float(x)) for x in ranges.reshape(-1))
    else:
        notes.append("there are no ranges: columns are taken as they are")
        low, width = np.zeros(columns), np.ones(columns)
    good = np.isfinite(low) & np.isfinite(width) & (width > 0)
    return np.where(np.isfinite(low), low, 0.0), np.where(good, width, 1.0)


def _frame(shape: tuple[int, ...], numbers: int) -> tuple[int, ...]:
    """Return the shape of a frame of so many cells."""
    if shape and math.prod(shape) == numbers:
        return shape
    side = math.isqrt(numbers)
    if side * side != numbers:
        raise UsageError(f"frames of {numbers} cells may have any shape; give the original file")
    return (side, side)


def _original(
    folder: Path, settings: Mapping[str, Any], data: str | os.PathLike[str] | None
) -> tuple[tuple[int, ...], list[str], np.dtype[Any]] | None:
    """Return the shape of an entry, the names and the dtype of the original, if it is there."""
    named = settings.get("input_path")
    roots = (folder, *folder.resolve().parents)
    tries = [Path(data)] if data is not None else []
    tries += [root / named for root in roots if isinstance(named, str) and data is None]
    path = next((p for p in tries if p.is_file()), None)
    if path is None:
        if data is not None:
            raise UsageError(f"there is no file {os.fspath(data)!r}")
        return None
    with np.load(path, allow_pickle=False) as file:
        if "data" not in file:
            raise SourceError(f"{path} has no array 'data'")
        array = file["data"]
        names = [str(n) for n in file["names"]] if "names" in file else []
    return array.shape[1:], names, array.dtype.newbyteorder("<")


def _arrays(folder: Path, name: str) -> dict[str, Array]:
    found = sorted(folder.rglob(name))
    if not found:
        return {}
    try:
        with np.load(found[0], allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (ValueError, OSError, EOFError) as error:
        raise SourceError(f"{found[0]} cannot be read: {error}") from None


def _array(path: Path) -> Array:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from None
