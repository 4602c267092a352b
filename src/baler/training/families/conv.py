"""Convolutional autoencoders of the blocks of a grid, of any shape and number of fields."""

from __future__ import annotations

import math
from typing import ClassVar

from baler.latent.model import Kind
from baler.latent.rows import Level
from baler.training.families.base import Family, Seen
from baler.training.families.rated import Rated

CHANNELS = (16, 32)
HIDDEN = 128


class Convolutional(Family):
    """Two convolutions with a stride, a dense layer, latents; and the same back.

    Blocks have two axes; dense layers are as large as the block needs.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.GRID,)
    divisive: ClassVar[bool] = False
    hidden: ClassVar[int] = HIDDEN

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net, x = self.encoder, self.columns_in()
        for channels in CHANNELS:
            x = net.conv(x, channels, 3, 2)
            x = net.divide(x) if self.divisive else net.function(x, "leaky")
        small = net.forms[x].shape
        x = net.reshape(x, (math.prod(small),))
        net.outputs = (net.linear(net.stack(x, [self.hidden]), latent),)
        net = self.decoder
        z = net.given(Level.OBJECT, (latent,))
        x = net.stack(z, [self.hidden, math.prod(small)])
        x = net.reshape(x, small)
        for i, channels in enumerate((CHANNELS[0], seen.channels)):
            if self.divisive:
                x = net.divide(x, inverse=True)
            x = net.conv(x, channels, 3, 2, up=True)
            x = x if i or self.divisive else net.function(x, "leaky")
        self.cropped_out(x)


class ConvolutionalGDN(Convolutional):
    """With divisive normalisation in place of activations (Ballé, Laparra, Simoncelli 2016)."""

    divisive = True


class Convolutional3D(Convolutional):
    """The same in three axes: blocks go over several entries, or frames have three axes."""

    axes: ClassVar[int] = 3


class RatedConvolutional(Rated):
    """Latents are a grid themselves, and are trained for their bits.

    Neither the number of weights nor that of latents of a cell depends on the block. Cells and
    latents also pass by the hidden layers: what is linear is learned at once.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.GRID,)
    PRICES: ClassVar[tuple[float, float, float]] = (1e-6, 1e-4, 1e-2)

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net, columns = self.encoder, self.columns_in()
        x = columns
        for channels in CHANNELS:
            x = net.function(net.conv(x, channels, 3, 2), "silu")
        x = net.add(net.conv(x, latent, 3), net.conv(columns, latent, 5, 4))
        net.outputs = (x,)
        net, small = self.decoder, net.forms[x].shape
        z = net.given(Level.OBJECT, small)
        x = net.function(net.conv(z, CHANNELS[1], 3), "silu")
        x = net.function(net.conv(x, CHANNELS[0], 3, 2, up=True), "silu")
        x = net.conv(x, seen.channels, 3, 2, up=True)
        self.cropped_out(net.add(x, net.conv(z, seen.channels, 5, 4, up=True)))
        self.made()
