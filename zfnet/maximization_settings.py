"""How to climb in activation maximization: the settings with their ranges, and named sets of them."""

from dataclasses import dataclass, replace

from zfnet.errors import SelectionError
from zfnet.parametrisation import PARAMETRISATIONS
from zfnet.regularisers import REGULARISERS

STARTS = ("noise", "grey", "picture")
PRECISIONS = ("auto", "float32", "bfloat16")
# Below, the paper's last pooling has nothing to read.
SMALLEST = 48
_RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, 4096),
    "size": (SMALLEST, 512),
    "learning_rate": (1e-4, 1.0),
    "seed": (0, 2**63 - 1),
    "jitter": (0, 32),
    "scale": (0, 0.5),
    "rotation": (0, 180),
    "padding": (0, 32),
    **dict.fromkeys(("diversity", *REGULARISERS), (0, 1e6)),
}


@dataclass(frozen=True, slots=True)
class MaximizationSettings:
    """How to climb; the defaults are the preset "normal".

    Attributes:
        steps: of the optimiser.
        size: the side of the picture in pixels, for a whole map; other units have a size of their own, see
            :func:`zfnet.objective.canvas`.
        learning_rate: of Adam, in units of the numbers that the picture is written in.
        seed: of the noise to start from and of the movements.
        parametrisation: what the picture is written in, of ``zfnet.parametrisation.PARAMETRISATIONS``.
        start: "noise", "grey" or "picture".
        coarse_to_fine: whether half of the steps are taken on smaller canvases. A cell and small maps have but one.
        centred: of a class, climb the logit less the mean of all logits.
        negative: climb towards what silences the unit, by its value before ReLU.
        diversity: how strongly pictures of one unit, where it is named several times, are held from being alike.
        jitter: by how many pixels the picture is shifted at most, on a canvas of 128 or more; on a smaller one by less.
        scale: by which share it is scaled at most.
        rotation: by how many degrees it is turned at most.
        padding: how many pixels of picture lie around what the network sees, shrinking with the canvas like ``jitter``.
        l2: how strongly contrast is held back; see ``zfnet.regularisers`` for this and the next two.
        total_variation: how strongly edges are.
        blur: how strongly fine detail is.
        precision: of the network, "float32", "bfloat16", or "auto": bfloat16 where the processor has units for it.
    """

    steps: int = 256
    size: int = 128
    learning_rate: float = 0.3
    seed: int = 0
    parametrisation: str = "fourier"
    start: str = "noise"
    coarse_to_fine: bool = True
    centred: bool = True
    negative: bool = False
    diversity: float = 0.0
    jitter: float = 8.0
    scale: float = 0.1
    rotation: float = 10.0
    padding: int = 8
    l2: float = 1.0
    total_variation: float = 0.0
    blur: float = 0.0
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SelectionError(f"{name} goes from {low} to {high}, got {value}")
        for name, allowed in (
            ("parametrisation", tuple(PARAMETRISATIONS)),
            ("start", STARTS),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in allowed:
                raise SelectionError(f"{name} is one of {', '.join(allowed)}, got {getattr(self, name)!r}")


_PLAIN = MaximizationSettings(
    parametrisation="pixels",
    learning_rate=0.05,
    coarse_to_fine=False,
    jitter=0,
    scale=0,
    rotation=0,
    padding=0,
    l2=0,
)
# By what pictures are held back, from nothing at all to everything that helps.
PRESETS: dict[str, MaximizationSettings] = {
    "none": _PLAIN,
    "decay": replace(_PLAIN, l2=10),
    "smooth": replace(_PLAIN, jitter=4, padding=4, l2=2, total_variation=1, blur=100),
    "normal": MaximizationSettings(),
    "best": MaximizationSettings(steps=512, size=224),
}
