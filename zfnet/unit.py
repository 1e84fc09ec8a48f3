"""A unit's name, ``conv5:17`` or ``conv5:17@6,9``, and the cell that stands for it on a picture."""

import re
from dataclasses import dataclass, replace

import numpy as np

from zfnet.errors import SelectionError
from zfnet.geometry import LAYERS, ZFNetConfig, shapes

_NAME = re.compile(r"(?P<layer>\w+):(?P<channel>\d{1,6})(?:@(?P<row>\d{1,6}),(?P<column>\d{1,6}))?")
# Cells that differ from the peak by less than float32 noise count as tied, so that CPU and GPU choose the same one.
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer, a channel and, optionally, a position (row, column) in the channel's map."""

    layer: str
    channel: int
    position: tuple[int, int] | None = None

    def __str__(self) -> str:
        at = "" if self.position is None else f"@{self.position[0]},{self.position[1]}"
        return f"{self.layer}:{self.channel}{at}"

    @classmethod
    def parse(cls, text: "str | Unit") -> "Unit":
        """Read ``conv5:17`` or ``conv5:17@6,9``; a ``Unit`` comes back as it is.

        Raises:
            SelectionError: for any other text.
        """
        if isinstance(text, cls):
            return text
        match = _NAME.fullmatch(str(text).strip())
        if match is None:
            raise SelectionError(f"a unit is written conv5:17 or conv5:17@6,9 (row, column), got {text!r}")
        position = None if match["row"] is None else (int(match["row"]), int(match["column"]))
        return cls(match["layer"], int(match["channel"]), position)

    def check(self, config: ZFNetConfig, layers: tuple[str, ...] = LAYERS) -> "Unit":
        """Return the unit itself if the network has it.

        Args:
            config: the network's shape.
            layers: the layers that the caller's method works on.

        Raises:
            SelectionError: for a layer, channel or position outside.
        """
        if self.layer not in layers:
            raise SelectionError(f"this works on the layers {', '.join(layers)}, got {self.layer!r}")
        channels, height, width = shapes(config)[self.layer]
        if not 0 <= self.channel < channels:
            raise SelectionError(f"{self.layer} has {channels} channels (0-{channels - 1}), got {self.channel}")
        if self.position and not (0 <= self.position[0] < height and 0 <= self.position[1] < width):
            raise SelectionError(
                f"the maps of {self.layer} have {height} rows and {width} columns (counted from 0), "
                f"got row {self.position[0]}, column {self.position[1]}"
            )
        return self

    def at_strongest(self, values: np.ndarray) -> "Unit":
        """Return the unit with a position: its own, else the strongest cell of its map, else None.

        Args:
            values: the map after ReLU, (H, W). Ties go to the first cell in row order; an all-zero map has no position.
        """
        if self.position is not None:
            return self
        peak = float(values.max())
        if peak <= 0:
            return self
        row, column = divmod(int(np.argmax(values >= peak * (1 - _TIE))), values.shape[1])
        return replace(self, position=(row, column))
