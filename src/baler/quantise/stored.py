"""Lattices as they are stored: the inverse of `Lattice.parameters`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from baler.core.bytes import ByteReader
from baler.errors import Corrupt
from baler.quantise.lattice import (
    LOWEST,
    MAX_BINS,
    Bits,
    Decimal,
    Integers,
    Lattice,
    Logarithmic,
    Scaled,
    Uniform,
)
from baler.quantise.logarithm import ONE


def read_lattice(code: int, body: ByteReader, dtype: np.dtype[Any]) -> Lattice:
    """Return the lattice with this code and parameters: not dithered, and without uncertainties."""
    if (code == Integers.code) != (dtype.kind != "f"):
        raise Corrupt(f"lattice {code} does not hold values of {dtype}")
    if code == Integers.code:
        return Integers()
    if code == Bits.code:
        shift = body.byte()
        if shift >= 8 * dtype.itemsize:
            raise Corrupt(f"a shift by {shift} bits leaves nothing of {dtype}")
        return Bits(shift)
    if code == Decimal.code:
        digits = body.byte()
        if digits > Decimal.most:
            raise Corrupt(f"{digits} decimal digits; allowed are {Decimal.most}")
        return Decimal(digits)
    if code == Uniform.code:
        return Uniform(_step(body))
    if code == Scaled.code:
        scale, parent = _step(body), body.varint()
        return Scaled(scale, np.empty(0), parent)
    if code == Logarithmic.code:
        bins, octaves, phase, lowest = body.varint(), body.byte(), body.varint(), body.varint()
        spread = body.float64()
        known = 1 <= bins <= MAX_BINS and octaves <= 6 and 0 <= spread <= 1
        if not known or phase >= ONE or lowest > 2 * LOWEST:
            raise Corrupt("the parameters of a logarithmic lattice are out of range")
        return Logarithmic(bins, 1 << octaves, phase, lowest - LOWEST, spread)
    raise Corrupt(f"there is no lattice {code}")


def _step(body: ByteReader) -> float:
    step = body.float64()
    if not 0 < step < math.inf:
        raise Corrupt(f"the step of a lattice is {step}, not a positive finite number")
    return step
