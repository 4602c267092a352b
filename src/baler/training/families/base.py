"""What a family of autoencoders is, and what a batch of one kind of data looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from baler.latent.model import Kind
from baler.latent.rows import Level
from baler.training.families.layers import Place
from baler.training.families.net import Net


class Seen(NamedTuple):
    """What a family is told of the data before it makes its networks."""

    kind: Kind
    shape: tuple[int, ...]  # of a block of a grid; () otherwise
    channels: int  # numbers of all columns
    columns: int
    owner: tuple[int, ...]  # the column of each channel
    position: tuple[int, ...]  # the channels of eta, cos phi, sin phi; () if there are none


@dataclass(frozen=True)
class Batch:
    """Rows of standardised numbers."""

    x: Tensor  # (rows, *shape, channels); 0 where unseen
    seen: Tensor  # (rows, *shape, channels), 1 or 0
    steps: Tensor  # (rows, *shape, channels): distance of values that need not be told apart
    place: Place


class Family(nn.Module):
    """An autoencoder: subclasses make two networks, and may change the loss.

    The encoder has one input, the numbers of all columns; its outputs are the latents, which are
    the inputs of the decoder in the same order and forms. The decoder has one output, the numbers
    of all columns again, and perhaps a second one: a class of uncertainty for each column.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TABLE,)
    """What the family works on."""
    axes: ClassVar[int] = 2
    """Axes of the blocks that a grid is cut into."""
    steady: ClassVar[bool] = True
    """Whether losses of different times can be compared; the last weights are kept if not."""

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__()
        self.seen, self.latent = seen, latent
        self.encoder, self.decoder = Net(), Net()

    def look(self, batch: Batch) -> None:
        """Look at rows for training before it begins, for whoever has to know them."""

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return the latents of a batch."""
        return self.encoder([batch.x], batch.place)

    def decode(self, latents: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the prediction of a batch."""
        return self.decoder(latents, batch.place)[0]

    def loss(self, batch: Batch) -> Tensor:
        """Return what training makes small."""
        return error(self.decode(self.encode(batch), batch), batch)

    def steps(self) -> list[Tensor] | None:
        """Return the steps of the latents that were learned; None if they follow from the data."""
        return None

    # ------------------------------------------------------- for those who make networks

    @property
    def whole(self) -> tuple[int, ...]:
        """The shape of a row of all columns."""
        return (*self.seen.shape, self.seen.channels)

    def columns_in(self) -> int:
        """Begin the encoder: the numbers of all columns."""
        return self.encoder.given(Level.OBJECT, self.whole)

    def flat_in(self) -> int:
        """Begin the encoder with the numbers of a row in one line."""
        x = self.columns_in()
        if self.seen.shape:
            x = self.encoder.reshape(x, (self.numbers,))
        return x

    def flat_out(self, x: int) -> None:
        """End the decoder with the numbers of a row, made from a line of any length."""
        x = self.decoder.linear(x, self.numbers)
        if self.seen.shape:
            x = self.decoder.reshape(x, self.whole)
        self.decoder.outputs = (x,)

    def cropped_out(self, x: int) -> None:
        """End the decoder with a block: what strides made larger than it is left out."""
        net = self.decoder
        net.outputs = (x if net.forms[x].shape == self.whole else net.crop(x, self.seen.shape),)

    @property
    def numbers(self) -> int:
        """Numbers of a row."""
        return int(torch.Size(self.whole).numel())


def error(prediction: Tensor, batch: Batch) -> Tensor:
    """Return the mean squared error of the numbers that are seen."""
    apart = (prediction - batch.x) * batch.seen
    return (apart * apart).sum() / batch.seen.sum().clamp(min=1)
