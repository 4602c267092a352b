"""Elementary functions with the same bits on every machine.

Libraries compute sines and logarithms each in their own way, and differ in the last bits. Here they
are made of the IEEE 754 operations ``+ - * /`` and square root in float64, of rounding to integers
and of exact changes of exponents. Every step is an operation of its own on whole arrays, in the
order that docs/format.md gives (normative), so that no compiler fuses two of them. The polynomials
are those of fdlibm (Sun Microsystems, 1993); results are within about 2 units in the last place.

Arguments that a function is not defined for give NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PI = float.fromhex("0x1.921fb54442d18p+1")
PI_LOW = float.fromhex("0x1.1a62633145c07p-53")
"""Pi is the sum of the two, to about 2**-106."""
FARTHEST = 2.0**20
"""Angles of this magnitude, and larger ones, have no sine and no cosine."""

_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
_QUARTER_1 = float.fromhex("0x1.921fb54400000p+0")  # pi / 2 in three parts of 33, 33 and 53 bits
_QUARTER_2 = float.fromhex("0x1.0b4611a600000p-34")
_QUARTER_3 = float.fromhex("0x1.3198a2e037073p-69")
_LN2 = float.fromhex("0x1.62e42fee00000p-1")  # ln 2 in two parts
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN2 = float.fromhex("0x1.71547652b82fep+0")
_SQRT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))


_SIN = _numbers(
    "0x1.5d93a5acfd57cp-33 -0x1.ae5e68a2b9cebp-26 0x1.71de357b1fe7dp-19 -0x1.a01a019c161d5p-13 "
    "0x1.111111110f8a6p-7 -0x1.5555555555549p-3"
)
_COS = _numbers(
    "-0x1.8fae9be8838d4p-37 0x1.1ee9ebdb4b1c4p-29 -0x1.27e4f809c52adp-22 0x1.a01a019cb1590p-16 "
    "-0x1.6c16c16c15177p-10 0x1.555555555554cp-5"
)
_ATAN = _numbers(
    "0x1.0ad3ae322da11p-6 -0x1.2b4442c6a6c2fp-5 0x1.97b4b24760debp-5 -0x1.dde2d52defd9ap-5 "
    "0x1.10d66a0d03d51p-4 -0x1.3b0f2af749a6dp-4 0x1.745cdc54c206ep-4 -0x1.c71c6fe231671p-4 "
    "0x1.24924920083ffp-3 -0x1.999999998ebc4p-3 0x1.555555555550dp-2"
)
_EXP = _numbers(
    "0x1.6376972bea4d0p-25 -0x1.bbd41c5d26bf1p-20 0x1.1566aaf25de2cp-14 -0x1.6c16c16bebd93p-9 "
    "0x1.555555555553ep-3"
)
_LOG = _numbers(
    "0x1.2f112df3e5244p-3 0x1.39a09d078c69fp-3 0x1.7466496cb03dep-3 0x1.c71c51d8e78afp-3 "
    "0x1.2492494229359p-2 0x1.999999997fa04p-2 0x1.5555555555593p-1"
)
_SINH = tuple(1.0 / n for n in (121645100408832000, 355687428096000, 1307674368000, 6227020800,
                                39916800, 362880, 5040, 120, 6))  # fmt: skip
"""1 / 19!, 1 / 17!, ..., 1 / 3!, each rounded once."""


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Return the polynomial by Horner's rule; the coefficient of the highest power is first."""
    total = np.full(x.shape, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def sin_cos(x: Floats) -> tuple[Floats, Floats]:
    """Return the sine and the cosine of angles below 2**20, by the nearest quarter of a turn."""
    quarters = np.rint(x * _TWO_OVER_PI)
    inside = np.abs(x) < FARTHEST
    quarters = np.where(inside, quarters, 0.0)
    r = ((x - quarters * _QUARTER_1) - quarters * _QUARTER_2) - quarters * _QUARTER_3
    r = np.where(inside, r, np.nan)
    square = r * r
    sine = r + (r * square) * _polynomial(_SIN, square)
    half = 0.5 * square
    whole = 1.0 - half
    rest = (square * square) * _polynomial(_COS, square)
    cosine = whole + (((1.0 - whole) - half) + rest)
    quadrant = quarters.astype(np.int64) & 3
    odd = (quadrant & 1) != 0
    sin, cos = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    np.negative(sin, out=sin, where=quadrant >= 2)
    np.negative(cos, out=cos, where=(quadrant == 1) | (quadrant == 2))
    return sin, cos


def sin(x: Floats) -> Floats:
    """Return the sine of angles below 2**20."""
    return sin_cos(x)[0]


def cos(x: Floats) -> Floats:
    """Return the cosine of angles below 2**20."""
    return sin_cos(x)[1]


def atan2(y: Floats, x: Floats) -> Floats:
    """Return the angle of the point (x, y), from -pi to pi; that of the origin is 0 or pi."""
    a, b = np.abs(y), np.abs(x)
    steep = a > b
    low, high = np.where(steep, b, a), np.where(steep, a, b)
    slope = np.where((low == 0) & (high == 0), 0.0, low / high)
    far = slope > 0.4375
    z = np.where(far, (slope - 1.0) / (slope + 1.0), slope)
    square = z * z
    angle = z - z * (square * _polynomial(_ATAN, square))
    angle = np.where(far, PI / 4 + (angle + PI_LOW / 4), angle)
    angle = np.where(steep, PI / 2 - (angle - PI_LOW / 2), angle)
    angle = np.where(np.signbit(x), PI - (angle - PI_LOW), angle)
    return np.copysign(angle, y)


def exp(x: Floats) -> Floats:
    """Return the exponential, of arguments from -708 to 708; others become the nearest of these."""
    x = np.minimum(np.maximum(x, -708.0), 708.0)  # NaN stays NaN
    power = np.rint(x * _PER_LN2)
    high, low = x - power * _LN2, power * _LN2_LOW
    r = high - low
    square = r * r
    c = r - square * _polynomial(_EXP, square)
    found = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    whole = np.where(np.isnan(power), 0.0, power).astype(np.int32)
    return np.ldexp(found, whole)


def log(x: Floats) -> Floats:
    """Return the natural logarithm; NaN for negative numbers, and for zero and infinity."""
    usual = (x > 0) & (x < np.inf)
    mantissa, exponent = np.frexp(np.where(usual, x, 1.0))
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    power = (exponent - small).astype(np.float64)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    square = s * s
    rest = square * _polynomial(_LOG, square)
    half = (0.5 * f) * f
    found = power * _LN2 - ((half - (s * (half + rest) + power * _LN2_LOW)) - f)
    return np.where(usual, found, np.nan)


def sinh(x: Floats) -> Floats:
    """Return the hyperbolic sine."""
    square = x * x
    near = x + (x * square) * _polynomial(_SINH, square)
    power = exp(np.abs(x))
    return np.where(np.abs(x) < 1.0, near, np.copysign(0.5 * (power - 1.0 / power), x))


def cosh(x: Floats) -> Floats:
    """Return the hyperbolic cosine."""
    power = exp(np.abs(x))
    return 0.5 * (power + 1.0 / power)


def asinh(x: Floats) -> Floats:
    """Return the inverse of the hyperbolic sine."""
    a = np.abs(x)
    square = a * a
    u = a + square / (1.0 + np.sqrt(1.0 + square))
    w = 1.0 + u
    near = log(w) - ((w - 1.0) - u) / w  # log(1 + u)
    far = log(a) + (_LN2 + _LN2_LOW)
    return np.copysign(np.where(a < 2.0**28, near, far), x)
