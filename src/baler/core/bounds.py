"""Error bounds: what the user is promised about every single value of a floating-point column.

The comparison is made in float64 arithmetic on the final values, in the column's own dtype. For
float32 and float16 columns every difference of near values is exact there; for float64 columns the
promise is kept to within one rounding of float64. Special values are always exact, bit for bit:
NaN (payload included), infinities and zeros (sign included).
"""

from __future__ import annotations

import abc
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import BadBound

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def same_bits(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Bools:
    """Tell, value by value, whether two arrays of one dtype hold the same bits."""
    bits = f"u{a.dtype.itemsize}"
    return np.asarray(np.ascontiguousarray(a).view(bits) == np.ascontiguousarray(b).view(bits))


def special(values: Floats) -> Bools:
    """Tell which values every bound keeps bit for bit: NaN, infinities, zeros of either sign."""
    return np.asarray(~np.isfinite(values) | (values == 0))


class Bound(abc.ABC):
    """A promise about each value of a column."""

    @abc.abstractmethod
    def __str__(self) -> str:
        """Return the bound as it is written in a policy; ``parse`` inverts it."""

    @abc.abstractmethod
    def limit(self, original: Floats, sigma: Floats | None) -> npt.NDArray[np.float64] | float:
        """Return the largest error allowed, value by value, in the unit of the column (float64)."""

    @property
    def lossy(self) -> bool:
        """Whether anything but the original bits is allowed."""
        return True

    @property
    def parent(self) -> str | None:
        """The column whose decoded values set the limit, if any."""
        return None

    def over(
        self, original: Floats, decoded: Floats, sigma: Floats | None = None
    ) -> npt.NDArray[np.float64]:
        """Return error / limit value by value: at most 1 exactly where the promise is kept.

        ``sigma`` are the decoded values of the column named by ``parent``. Values that are equal
        bit for bit give 0; a special value that changed, or one without a limit, gives inf.
        """
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            ratio = np.abs(decoded - original.astype(np.float64))
            ratio /= self.limit(original, sigma)
        unbounded = np.flatnonzero(~(ratio >= 0) | special(original))
        same = same_bits(original[unbounded], decoded[unbounded])
        ratio[unbounded] = np.where(same, 0.0, np.inf)
        return ratio

    def holds(self, original: Floats, decoded: Floats, sigma: Floats | None = None) -> Bools:
        """Tell, value by value, whether the promise is kept."""
        return np.asarray(self.over(original, decoded, sigma) <= 1.0)


@dataclass(frozen=True, slots=True)
class Exact(Bound):
    """Bit for bit; the default."""

    def __str__(self) -> str:
        """Return ``exact``."""
        return "exact"

    @property
    def lossy(self) -> bool:
        """Nothing but the original bits is allowed."""
        return False

    def limit(self, original: Floats, sigma: Floats | None) -> float:
        """Return -1: no error at all, not even between zeros of different sign."""
        return -1.0


@dataclass(frozen=True, slots=True)
class Absolute(Bound):
    """``|decoded - original| <= epsilon``, in the unit of the column."""

    epsilon: float

    def __post_init__(self) -> None:
        """Refuse what is not a positive finite number."""
        _check_positive(self.epsilon, "abs")

    def __str__(self) -> str:
        """Return ``abs EPSILON``."""
        return f"abs {float(self.epsilon)!r}"

    def limit(self, original: Floats, sigma: Floats | None) -> float:
        """Return epsilon."""
        return self.epsilon


@dataclass(frozen=True, slots=True)
class Relative(Bound):
    """``|decoded - original| <= fraction * |original|``."""

    fraction: float

    def __post_init__(self) -> None:
        """Refuse what is not between 0 and 1."""
        _check_positive(self.fraction, "rel", below=1.0)

    def __str__(self) -> str:
        """Return ``rel FRACTION``, as a power of two where it is one."""
        mantissa, exponent = math.frexp(self.fraction)
        return f"rel 2^{exponent - 1}" if mantissa == 0.5 else f"rel {float(self.fraction)!r}"

    def limit(self, original: Floats, sigma: Floats | None) -> npt.NDArray[np.float64]:
        """Return fraction times the magnitude of the original."""
        return np.asarray(self.fraction * np.abs(original.astype(np.float64)))


@dataclass(frozen=True, slots=True)
class Sigma(Bound):
    """``|decoded - original| <= fraction * decoded(column)``: a part of each value's uncertainty.

    Where the uncertainty is not a positive finite number, the value is kept exactly.
    """

    fraction: float
    column: str

    def __post_init__(self) -> None:
        """Refuse what is not a positive finite number."""
        _check_positive(self.fraction, "sigma")

    def __str__(self) -> str:
        """Return ``sigma FRACTION COLUMN``."""
        return f"sigma {float(self.fraction)!r} {self.column}"

    @property
    def parent(self) -> str | None:
        """The column of uncertainties."""
        return self.column

    def limit(self, original: Floats, sigma: Floats | None) -> npt.NDArray[np.float64]:
        """Return fraction * sigma, or -1 where sigma is not a positive finite number."""
        if sigma is None:
            raise BadBound(f"bound {str(self)!r} needs the decoded values of {self.column!r}")
        step = self.fraction * sigma.astype(np.float64)
        return np.where(np.isfinite(step) & (step > 0), step, -1.0)


@dataclass(frozen=True, slots=True)
class Free(Bound):
    """No promise: a value comes back as whatever a model predicts, finite if it was finite.

    Values that are not finite come back bit for bit here too.
    """

    def __str__(self) -> str:
        """Return ``model``."""
        return "model"

    def limit(self, original: Floats, sigma: Floats | None) -> float:
        """Return infinity."""
        return math.inf

    def over(
        self, original: Floats, decoded: Floats, sigma: Floats | None = None
    ) -> npt.NDArray[np.float64]:
        """Return 0 for finite values and for those of the same bits, else inf."""
        kept = np.isfinite(original) & np.isfinite(decoded) | same_bits(original, decoded)
        return np.where(kept, 0.0, np.inf)


@dataclass(frozen=True, slots=True)
class Range(Bound):
    """A request for ``abs`` with this fraction of the column's 5-95 % span, for planning."""

    fraction: float

    def __post_init__(self) -> None:
        """Refuse what is not a positive finite number."""
        _check_positive(self.fraction, "range")

    def __str__(self) -> str:
        """Return ``range FRACTION``."""
        return f"range {float(self.fraction)!r}"

    def limit(self, original: Floats, sigma: Floats | None) -> float:
        """Refuse: there is no limit before planning."""
        raise BadBound(f"bound {str(self)!r} has to be resolved to 'abs' first")

    def resolve(self, sample: Floats) -> Absolute | Exact:
        """Return ``abs`` for a sample; exact where its finite values do not vary."""
        finite = sample[np.isfinite(sample)].astype(np.float64)
        with np.errstate(over="ignore"):
            low, high = np.quantile(finite, (0.05, 0.95)) if finite.size else (0.0, 0.0)
        epsilon = self.fraction * (float(high) - float(low))
        return Absolute(epsilon) if math.isfinite(epsilon) and epsilon > 0 else Exact()


_FORMS = "'exact', 'abs 1e-3', 'rel 2^-11', 'bits 10', 'sigma 0.1 COLUMN' or 'range 1e-3'"


def parse(text: str) -> Bound:
    """Return the bound that a specification such as ``rel 2^-11`` asks for.

    Raises BadBound, with the forms that are allowed, if it does not parse.
    """
    match text.strip().split(maxsplit=2):
        case ["exact"]:
            return Exact()
        case ["model"]:
            return Free()
        case ["abs", number]:
            return Absolute(_number(number, text))
        case ["rel", number]:
            return Relative(_number(number, text))
        case ["bits", number] if re.fullmatch(r"\d{1,2}", number):
            return Relative(2.0 ** -(int(number) + 1))
        case ["sigma", number, column]:
            return Sigma(_number(number, text), column)
        case ["range", number]:
            return Range(_number(number, text))
    raise BadBound(f"cannot read bound {text!r}; expected {_FORMS}")


WIDEST = 0.5
"""Of scaled relative bounds: a wider one would allow zero for everything."""


def scaled(bound: Bound, scale: float) -> Bound:
    """Return a bound so many times as wide; a relative one stays at most 1/2 wide."""
    match bound:
        case Absolute(epsilon):
            return Absolute(scale * epsilon)
        case Relative(fraction):
            return Relative(min(scale * fraction, max(fraction, WIDEST)))
        case Sigma(fraction, column):
            return Sigma(scale * fraction, column)
    return bound


def _number(text: str, whole: str) -> float:
    power = re.fullmatch(r"2\^(-?\d{1,4})", text)
    try:
        value = 2.0 ** int(power[1]) if power else float(text)
    except (ValueError, OverflowError):
        raise BadBound(f"cannot read {text!r} in bound {whole!r} as a number") from None
    return value


def _check_positive(value: float, name: str, below: float = math.inf) -> None:
    if not 0 < value < below:
        end = "and finite" if math.isinf(below) else f"and below {below:g}"
        raise BadBound(f"the number in a {name!r} bound must be positive {end}, got {value!r}")
