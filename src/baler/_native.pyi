import enum
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from baler.learned.axis import Array, Axis, Classes, Features, Ints
from baler.learned.network import CollectionNet
from baler.learned.task import Task

class Status(enum.Enum):
    """How coding ended."""

    OK = ...
    TOO_SHORT = ...
    BAD_STATE = ...
    BAD_LENGTH = ...
    BAD_NUMBER = ...
    BAD_CLASS = ...

class Kernel:
    """A network in the memory layout of one level of instructions; any threads may share it."""

    def __init__(
        self, level: str, net: CollectionNet, axes: Sequence[Axis], odds: npt.NDArray[np.uint16]
    ) -> None: ...
    def encode(
        self,
        task: Task,
        ends: list[int],
        first: int,
        lanes: int,
        bits: npt.NDArray[np.float64],
    ) -> tuple[Status, int, list[bytes]]:
        """Return how it ended, in which lane, and the streams; fill in what each column costs.

        Lanes end before certain events; some of them, from the first on, are coded.
        """

    def decode(self, task: Task, ends: list[int], streams: list[bytes]) -> tuple[Status, int]:
        """Fill in the task; return how it ended, and in which lane."""

class AxisColumns:
    """An axis; values are of its dtype, all arrays have one number for each of them."""

    def __init__(
        self, level: str, axis: Axis, scalar: str, lattice: str, **parameters: object
    ) -> None: ...
    def split(self, values: Array, classes: Classes, numbers: Ints) -> None:
        """Fill in classes and numbers."""

    def fit(
        self,
        values: Array,
        most: float,
        relative: bool,
        limits: npt.NDArray[np.float64] | None,
        classes: Classes,
        numbers: Ints,
        decoded: Array,
    ) -> tuple[int, float]:
        """Fill in what keeps a bound; return how many values are verbatim, and the worst error."""

    def join(self, classes: Classes, numbers: Ints, verbatim: Array, values: Array) -> int:
        """Fill in values; return how many verbatim ones that takes."""

    def features(self, classes: Classes, numbers: Ints, to: Features) -> None:
        """Fill in what other collections are told, (values, features); their rows may be apart."""

def momenta(
    level: str,
    pt: npt.NDArray[np.float64],
    eta: npt.NDArray[np.float64],
    phi: npt.NDArray[np.float64],
    to: npt.NDArray[np.float64],
) -> None:
    """Fill in x, y, z and the magnitude of momenta, (4, n)."""

def sums(values: npt.NDArray[np.float64], owner: Ints, to: npt.NDArray[np.float64]) -> None:
    """Fill in sums over the children of objects; ``owner`` is the object of each child."""

def largest(
    values: npt.NDArray[np.float64],
    owner: Ints,
    chosen: npt.NDArray[np.bool_],
    to: npt.NDArray[np.float64],
) -> None:
    """Fill in the largest values of chosen children, (ranks, objects); 0 where there are fewer."""

def levels() -> list[str]:
    """Return the levels of instructions that run on this processor, the slowest first."""
