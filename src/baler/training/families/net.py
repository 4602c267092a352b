"""Float networks that are written layer by layer, and become networks of integers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from baler.errors import Corrupt
from baler.latent.network import Network
from baler.latent.nodes import Form, Node
from baler.latent.rows import Level
from baler.training.families import layers
from baler.training.families.layers import Layer, Place


class Net(nn.Module):
    """Layers in the order of computation; its methods add one and return its position.

    ::

        net = Net()
        x = net.given(Level.OBJECT, (8,))
        x = net.function(net.linear(x, 50), "leaky")
        net.outputs = (net.linear(x, 24),)
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.inputs: list[tuple[int, ...]] = []
        self.forms: list[Form] = []
        self.outputs: tuple[int, ...] = ()

    def forward(self, given: Sequence[Tensor], place: Place) -> list[Tensor]:
        """Return the outputs for tensors of all inputs, (rows, *shape)."""
        outside = iter(given)
        values: list[Tensor] = []
        for layer, inputs in zip(self._steps, self.inputs, strict=True):
            if isinstance(layer, layers.Given):
                values.append(next(outside))
            else:
                values.append(layer([values[at] for at in inputs], place))
        return [values[at] for at in self.outputs]

    def frozen(self, precision: int = layers.PRECISION) -> Network:
        """Return the network of integers; typical weights have so many bits."""
        nodes: list[Node] = []
        place: dict[int, int] = {}
        for at, (layer, inputs) in enumerate(zip(self._steps, self.inputs, strict=True)):
            above = tuple(place[i] for i in inputs)
            node = layer.frozen(above, precision)
            place[at] = above[0] if node is None else len(nodes)
            nodes += [] if node is None else [node]
        return Network(tuple(nodes), tuple(place[at] for at in self.outputs))

    @property
    def _steps(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def _add(self, layer: Layer, inputs: tuple[int, ...], form: Form) -> int:
        self.layers.append(layer)
        self.inputs.append(inputs)
        self.forms.append(form)
        return len(self.forms) - 1

    def given(self, level: Level, shape: tuple[int, ...]) -> int:
        """Add an input."""
        return self._add(layers.Given(level, shape), (), Form(level, shape))

    def linear(self, x: int, outputs: int) -> int:
        """Add a matrix over channels."""
        form = self.forms[x]
        return self._add(layers.Linear(form.channels, outputs), (x,), form.of(outputs))

    def function(self, x: int, name: str) -> int:
        """Add an activation."""
        return self._add(layers.Function(name), (x,), self.forms[x])

    def scaling(self, x: int) -> int:
        """Add a factor and a bias for each channel."""
        return self._add(layers.Scaling(self.forms[x].channels), (x,), self.forms[x])

    def batch_norm(self, x: int) -> int:
        """Add a standardisation over batches."""
        return self._add(layers.BatchNorm(self.forms[x].channels), (x,), self.forms[x])

    def dropout(self, x: int, part: float) -> int:
        """Add noise for training."""
        return self._add(layers.Dropout(part), (x,), self.forms[x])

    def norm(self, x: int) -> int:
        """Add a standardisation within rows, with factors and biases."""
        return self.scaling(self._add(layers.LayerNorm(), (x,), self.forms[x]))

    def add(self, x: int, y: int) -> int:
        """Add a sum."""
        return self._add(layers.Sum(), (x, y), self.forms[x])

    def join(self, *inputs: int) -> int:
        """Add all channels side by side."""
        channels = sum(self.forms[x].channels for x in inputs)
        return self._add(layers.Join(), inputs, self.forms[inputs[0]].of(channels))

    def attention(self, x: int, heads: int) -> int:
        """Add attention among the objects of an event, with its four matrices."""
        width = self.forms[x].channels
        q, k, v = (self.linear(x, width) for _ in range(3))
        return self.linear(self._add(layers.Attend(heads), (q, k, v), self.forms[x]), width)

    def to_event(self, x: int) -> int:
        """Add the mean over the objects of each event."""
        return self._add(layers.Mean(), (x,), Form(Level.EVENT, self.forms[x].shape))

    def to_objects(self, x: int) -> int:
        """Add what gives each object what belongs to its event."""
        return self._add(layers.ToObjects(), (x,), Form(Level.OBJECT, self.forms[x].shape))

    def nearest(self, x: int, position: int, most: int) -> int:
        """Add what the nearest objects hold; ``position`` are eta, cos phi and sin phi."""
        form = Form(Level.OBJECT, (most, self.forms[x].channels + 3))
        return self._add(layers.Nearest(most), (x, position), form)

    def mean_of_nearest(self, x: int) -> int:
        """Add the mean over neighbours."""
        form = Form(Level.OBJECT, self.forms[x].shape[1:])
        return self._add(layers.MeanOfNearest(), (x,), form)

    def reshape(self, x: int, shape: tuple[int, ...]) -> int:
        """Add another shape of rows."""
        return self._add(layers.Shape(shape), (x,), Form(self.forms[x].level, shape))

    def crop(self, x: int, shape: tuple[int, ...]) -> int:
        """Add the first cells of a block."""
        form = self.forms[x]
        return self._add(layers.Cut(shape), (x,), Form(form.level, (*shape, form.channels)))

    def conv(self, x: int, outputs: int, kernel: int, stride: int = 1, *, up: bool = False) -> int:
        """Add a convolution, or a transposed one."""
        form = self.forms[x]
        cells = form.shape[:-1]
        if not 1 <= len(cells) <= 3:
            raise Corrupt(f"a convolution has 1 to 3 axes, not the {len(cells)} of {cells}")
        layer = layers.Convolution(len(cells), form.channels, outputs, kernel, stride, up=up)
        after = tuple(n * stride if up else -(-n // stride) for n in cells)
        return self._add(layer, (x,), Form(form.level, (*after, outputs)))

    def divide(self, x: int, *, inverse: bool = False) -> int:
        """Add a divisive normalisation."""
        layer = layers.Divide(self.forms[x].channels, inverse=inverse)
        return self._add(layer, (x,), self.forms[x])

    def stack(self, x: int, widths: Sequence[int], function: str = "leaky") -> int:
        """Add matrices, each with an activation behind it."""
        for width in widths:
            x = self.function(self.linear(x, width), function)
        return x
