"""The shape of a ZFNet in plain integers: output sizes, receptive fields, parameters, multiply-accumulates.

Going up one layer with kernel k, stride s and padding p changes the size n, the receptive field r, its jump j (distance
in input pixels between neighbouring cells) and its start (left edge of cell 0, which may lie outside of the picture) by

    n <- floor((n + 2p - k) / s) + 1        (ceil where the layer rounds up)
    r <- r + (k - 1) j,   start <- start - p j,   j <- j s

Reference: Zeiler & Fergus 2013, "Visualizing and Understanding Convolutional Networks", figure 3.

Differences from the paper: it states neither padding nor rounding. ``PAPER`` is the reading that gives the sizes of its
figure (110, 55, 26, 13, 13, 13, 13, 6); ``TABLE`` gives the sizes found in most lecture notes (112, 56, 28, 14, 14, 14,
14, 7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zfnet.errors import SelectionError

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
POOLINGS = ("pool1", "pool2", "pool5")
FULLY_CONNECTED = ("fc6", "fc7", "fc8")
LAYERS = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8")
SPATIAL = LAYERS[: LAYERS.index("fc6")]
RECTIFIED = (*CONVOLUTIONS, "fc6", "fc7")
BELOW = {**dict(zip(LAYERS, ("input", *LAYERS[:-1]), strict=True)), "gap": "conv5"}


@dataclass(frozen=True, slots=True)
class Convolution:
    """A square convolution; ``groups`` splits the channels, as AlexNet did over two GPUs."""

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Pooling:
    """A square max-pooling; ``ceil`` keeps a last window that reaches over the edge."""

    kernel: int = 3
    stride: int = 2
    padding: int = 0
    ceil: bool = False


@dataclass(frozen=True, slots=True)
class ZFNetConfig:
    """Everything that fixes the shape of a network; ``TABLE``, ``PAPER``, ``WIDE`` and ``ALEXNET`` are such."""

    geometry: str
    conv1: Convolution
    pool1: Pooling
    conv2: Convolution
    pool2: Pooling
    conv3: Convolution
    conv4: Convolution
    conv5: Convolution
    pool5: Pooling
    fc6: int = 4096
    fc7: int = 4096
    num_classes: int = 1000
    input_size: int = 224


TABLE = ZFNetConfig(
    geometry="table",
    conv1=Convolution(96, kernel=7, stride=2, padding=3),
    pool1=Pooling(padding=1),
    conv2=Convolution(256, kernel=5, stride=2, padding=2),
    pool2=Pooling(padding=1),
    conv3=Convolution(384, kernel=3, padding=1),
    conv4=Convolution(384, kernel=3, padding=1),
    conv5=Convolution(256, kernel=3, padding=1),
    pool5=Pooling(padding=1),
)
PAPER = replace(
    TABLE,
    geometry="paper",
    conv1=Convolution(96, kernel=7, stride=2, padding=1),
    pool1=Pooling(ceil=True),
    conv2=Convolution(256, kernel=5, stride=2),
    pool2=Pooling(ceil=True),
    pool5=Pooling(ceil=True),
)
# The paper's larger variant, table 2 (b): layers 3, 4 and 5 with 512, 1024 and 512 maps.
WIDE = replace(
    PAPER,
    geometry="wide",
    conv3=Convolution(512, kernel=3, padding=1),
    conv4=Convolution(1024, kernel=3, padding=1),
    conv5=Convolution(512, kernel=3, padding=1),
)
# Krizhevsky et al. 2012, what ZFNet set out from; two groups because it was trained on two GPUs. That paper states no
# padding either, and pictures of 224 pixels: padding 2 is the reading that makes 55 cells of them when rounding down.
# (The AlexNet of torchvision is another network, of 2014: 64/192/384/256/256 maps, no groups, 61,100,840 parameters.)
ALEXNET = ZFNetConfig(
    geometry="alexnet",
    conv1=Convolution(96, kernel=11, stride=4, padding=2),
    pool1=Pooling(),
    conv2=Convolution(256, kernel=5, padding=2, groups=2),
    pool2=Pooling(),
    conv3=Convolution(384, kernel=3, padding=1),
    conv4=Convolution(384, kernel=3, padding=1, groups=2),
    conv5=Convolution(256, kernel=3, padding=1, groups=2),
    pool5=Pooling(),
)
# Code that is often copied, up to the line where it stops, and the sizes that are written beside it.
LISTING = replace(
    TABLE,
    geometry="listing",
    conv1=Convolution(96, kernel=7, stride=2, padding=1),
    pool1=Pooling(),
    pool2=Pooling(),
    pool5=Pooling(),
)
LISTING_CLAIMS = dict(zip(SPATIAL, (112, 56, 28, 14, 14, 14, 14, 7), strict=True))
# What a checkpoint may hold, and what can be tabled.
GEOMETRIES = {config.geometry: config for config in (TABLE, PAPER, WIDE)}
NETWORKS = {**GEOMETRIES, ALEXNET.geometry: ALEXNET}


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Which input pixels the cells of a layer see, along one axis: all numbers in input pixels."""

    size: int
    jump: int
    start: int

    def box(self, row: int, column: int, input_size: int = 224) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right), half-open and clipped to the picture."""
        top, left = self.start + row * self.jump, self.start + column * self.jump
        return (max(top, 0), max(left, 0), min(top + self.size, input_size), min(left + self.size, input_size))

    def span(self, cell: int) -> tuple[int, int]:
        """Return the first and the last pixel of a cell's field, which may lie outside of the picture."""
        first = self.start + cell * self.jump
        return first, first + self.size - 1

    def centre(self, cell: int) -> float:
        """Return the pixel index at the middle of a cell's field, e.g. 16 u for conv5 in ``table``."""
        return self.start + cell * self.jump + (self.size - 1) / 2


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One line of the architecture table.

    ``parameters`` and ``macs`` (without bias additions) count the full architecture for one picture. A layer that is
    stored as two factors of ``rank`` has fewer ``stored_parameters`` and ``executed_macs``. ``kernel``, ``stride``,
    ``padding`` and ``groups`` are None where they mean nothing. ``receptive_field`` is None above the last pooling:
    those units see the whole picture.
    """

    name: str
    kind: str
    kernel: int | None
    stride: int | None
    padding: int | None
    groups: int | None
    output: tuple[int, int, int]
    parameters: int
    macs: int
    receptive_field: ReceptiveField | None
    rank: int | None
    stored_parameters: int
    executed_macs: int


def output_size(layer: Convolution | Pooling, size: int) -> int:
    """Return the number of cells along one axis that ``layer`` makes from ``size`` cells."""
    span = size + 2 * layer.padding - layer.kernel
    if isinstance(layer, Pooling) and layer.ceil:
        cells = -(-span // layer.stride) + 1
        # As in PyTorch and Caffe, a last window that would start in the right padding is left out.
        return cells - 1 if (cells - 1) * layer.stride >= size + layer.padding else cells
    return span // layer.stride + 1


def shapes(config: ZFNetConfig) -> dict[str, tuple[int, int, int]]:
    """Return the (channels, height, width) of the input, of every layer and of the ``gap`` head."""
    channels, size = 3, config.input_size
    result = {"input": (channels, size, size)}
    for name in SPATIAL:
        layer = getattr(config, name)
        size = output_size(layer, size)
        channels = layer.filters if isinstance(layer, Convolution) else channels
        result[name] = (channels, size, size)
    for name, units in (
        ("fc6", config.fc6),
        ("fc7", config.fc7),
        ("fc8", config.num_classes),
        ("gap", config.num_classes),
    ):
        result[name] = (units, 1, 1)
    return result


def receptive_field(config: ZFNetConfig, layer: str) -> ReceptiveField:
    """Return the receptive field of a layer up to ``pool5``.

    Raises:
        SelectionError: for a layer that has none, because each of its units sees the whole picture.
    """
    if layer not in SPATIAL:
        raise SelectionError(f"only {SPATIAL[0]} to {SPATIAL[-1]} have a receptive field, got {layer!r}")
    size, jump, start = 1, 1, 0
    for name in SPATIAL[: SPATIAL.index(layer) + 1]:
        step = getattr(config, name)
        size, start, jump = size + (step.kernel - 1) * jump, start - step.padding * jump, jump * step.stride
    return ReceptiveField(size, jump, start)


def layer_table(config: ZFNetConfig, ranks: Mapping[str, int] | None = None) -> tuple[LayerRow, ...]:
    """Return the rows of the architecture table, ``conv1`` to ``fc8`` and then the averaging head ``gap``.

    Args:
        config: the network's shape.
        ranks: for each fully connected layer that is stored as two factors, their rank.
    """
    sizes, ranks = shapes(config), ranks or {}
    return tuple(_row(config, name, sizes, ranks.get(name)) for name in (*LAYERS, "gap"))


def total(rows: tuple[LayerRow, ...], column: str) -> int:
    """Return the sum of a column over the network itself: the ``gap`` head is another classifier, not a layer."""
    return sum(getattr(row, column) for row in rows if row.name != "gap")


def _row(config: ZFNetConfig, name: str, sizes: dict[str, tuple[int, int, int]], rank: int | None) -> LayerRow:
    below, output = sizes[BELOW[name]], sizes[name]
    layer = getattr(config, name, None)
    if isinstance(layer, Pooling):
        kind, parameters, macs = "pooling", 0, 0
    elif isinstance(layer, Convolution):
        weights = layer.kernel**2 * (below[0] // layer.groups) * layer.filters
        kind, parameters, macs = "convolution", weights + layer.filters, weights * output[1] * output[2]
    else:
        # The averaging head reads one mean for each map, the others every cell.
        inputs = below[0] if name == "gap" else below[0] * below[1] * below[2]
        kind, parameters, macs = "fully connected", (inputs + 1) * output[0], inputs * output[0]
    factors = (macs // output[0] + output[0]) * rank if rank else None
    return LayerRow(
        name=name,
        kind=kind,
        kernel=getattr(layer, "kernel", None),
        stride=getattr(layer, "stride", None),
        padding=getattr(layer, "padding", None),
        groups=getattr(layer, "groups", None),
        output=output,
        parameters=parameters,
        macs=macs,
        receptive_field=None if kind == "fully connected" else receptive_field(config, name),
        rank=rank,
        stored_parameters=factors + output[0] if factors else parameters,
        executed_macs=factors or macs,
    )
