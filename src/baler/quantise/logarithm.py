"""Powers of two in integer arithmetic: the tables behind relative bounds.

Numbers are fixed-point with 61 fractional bits (Q61) in unsigned 64-bit integers. Only integer
operations are used, so that every machine makes the same tables.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

ONE = 1 << 61
BITS = 52
"""Fractional bits of an exponent that are used; those below are ignored."""

_ROOTS: list[int] = []
_power = 2 << 61
for _ in range(BITS):
    _power = math.isqrt(_power << 61)  # Q61 of 2**(1/2), 2**(1/4), ..., rounded down
    _ROOTS.append(_power)


def exp2(exponents: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return 2**x in Q61 for x in [0, 1) in Q61, to about 2**-55."""
    result = np.full(exponents.shape, ONE, np.uint64)
    for i, root in enumerate(_ROOTS):
        chosen = (exponents >> np.uint64(60 - i)) & np.uint64(1) != 0
        result[chosen] = _product(result[chosen], root)
    return result


def _product(a: npt.NDArray[np.uint64], b: int) -> npt.NDArray[np.uint64]:
    """Return a * b in Q61, rounded down, without the product of the low halves."""
    a1, a0 = a >> np.uint64(31), a & np.uint64(0x7FFFFFFF)
    b1, b0 = np.uint64(b >> 31), np.uint64(b & 0x7FFFFFFF)
    return np.asarray(((a1 * b1) << np.uint64(1)) + ((a1 * b0 + a0 * b1) >> np.uint64(30)))


@functools.lru_cache(maxsize=64)
def progression(bins: int, octaves: int, phase: int) -> npt.NDArray[np.float64]:
    """Return 2**(i * octaves / bins + phase) for i in 0 .. bins - 1, as float64.

    ``phase`` is in Q61. The exponents are ``(i * octaves * 2**61) // bins + phase``, at most
    ``octaves * 2**61 - 1``; the power of their fraction comes from `exp2`.
    """
    exponents = [min((i * octaves << 61) // bins + phase, octaves * ONE - 1) for i in range(bins)]
    fractions = np.array([e & (ONE - 1) for e in exponents], np.uint64)
    whole = np.array([e >> 61 for e in exponents], np.int32)
    table = np.ldexp(exp2(fractions).astype(np.float64), whole - 61)
    table.setflags(write=False)
    return table
