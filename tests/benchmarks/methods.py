"""How our methods compare with captum's: the same weights, threads and picture, in turn, in one process."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradCam, NeuronDeconvolution
from torch import nn

from pages.shared.pictures import sample_picture, samples
from tests.benchmarks.tables import apart, faster, interleaved, spread, table
from tests.oracle import sequential
from zfnet import InferenceSession, crop
from zfnet.geometry import CONVOLUTIONS

# DeconvNet, nine units of a layer: how many times faster than captum, for conv2 to conv5, and where a traced picture
# should need less than its forward pass.
_FASTER_THAN_CALLS, _FASTER_THAN_BATCH, _BELOW_FORWARD = 4.0, 2.0, ("conv1", "conv2", "conv3")


class Comparison:
    """One picture before our session and before the same network as a chain of torch's modules, for captum."""

    def __init__(self) -> None:
        self.session = InferenceSession.load(device="cpu")
        self.view = crop(sample_picture(next(iter(samples()))))
        self.x = self.session.prepare(self.view)
        self.chain = _factored(sequential(self.session._model), self.session)

    def cold(self, method: Callable[[], Any]) -> Callable[[], Any]:
        """Return the method on a picture that was not traced before: its forward pass counts."""

        def run() -> Any:
            self.session._traces._held.clear()
            return method()

        return run

    def forward(self) -> dict[str, Callable[[], Any]]:
        return {"ours": self.cold(lambda: self.session.trace(self.view)), "torch": lambda: self.chain(self.x)}

    def gradcam(self) -> dict[str, Callable[[], np.ndarray]]:
        index = self.session.classify(self.view, top=1).classes[0].index
        explained = LayerGradCam(self.chain, self.chain.get_submodule("conv5"))

        def ours() -> np.ndarray:
            return self.session.class_activation(self.view, [index])[0].values

        def captum() -> np.ndarray:
            return explained.attribute(self.x, target=index, relu_attributions=True)[0, 0].detach().numpy()

        return {"ours": self.cold(ours), "traced": ours, "captum": captum}

    def deconvnet(self, layer: str) -> dict[str, Callable[[], np.ndarray]]:
        """Nine units at their strongest cell; captum's results times the activations that it leaves out."""
        ranked = self.session.feature_maps(self.view, layer).ranked()[:9].tolist()
        projections = self.session.deconvnet(self.view, [f"{layer}:{channel}" for channel in ranked])
        found = [p for p in projections if p.position]
        cells = [(p.unit.channel, *p.position) for p in found]
        seeds = torch.tensor([p.activation for p in found])[:, None, None, None]
        row, (channels, rows, columns) = torch.arange(len(cells)), torch.tensor(cells).T
        explained = NeuronDeconvolution(self.chain, self.chain.get_submodule(layer))

        def ours() -> np.ndarray:
            return np.stack([p.pixels for p in self.session.deconvnet(self.view, [p.unit for p in found])])

        def calls() -> np.ndarray:
            return pictures(torch.cat([explained.attribute(self.x, cell) for cell in cells]))

        def batch() -> np.ndarray:
            repeated = self.x.repeat(len(cells), 1, 1, 1)
            return pictures(explained.attribute(repeated, lambda values: values[row, channels, rows, columns]))

        def pictures(x: torch.Tensor) -> np.ndarray:
            return (seeds * x.detach()).permute(0, 2, 3, 1).numpy()

        return {"ours": self.cold(ours), "traced": ours, "calls": calls, "batch": batch}


def method_tables(comparison: Comparison, rounds: int) -> list[str]:
    """Compare on one picture: ours from nothing and on a traced picture, the others always from nothing."""
    gradcam = comparison.gradcam()
    deconvnet = {layer: comparison.deconvnet(layer) for layer in CONVOLUTIONS}
    subjects = {"forward": comparison.forward(), "gradcam": gradcam, **deconvnet}
    times = interleaved(subjects, rounds, lambda: comparison.session.trace(comparison.view))
    forward, cam = times["forward"], times["gradcam"]
    agreement = apart(gradcam["ours"](), gradcam["captum"]())
    rows = [
        (
            "forward pass with every switch kept (peer: plain torch)",
            *(spread(forward[way], "ms") for way in ("ours", "torch")),
            faster(forward["ours"], forward["torch"]),
            "",
        ),
        *(
            (name, spread(cam[way], "ms"), spread(cam["captum"], "ms"), faster(cam[way], cam["captum"]), agreement)
            for name, way in (
                ("Grad-CAM, one class", "ours"),
                ("Grad-CAM, one class, picture already traced", "traced"),
            )
        ),
    ]
    projections = [_deconvnet_row(layer, deconvnet[layer], times[layer], forward["ours"]) for layer in CONVOLUTIONS]
    return [
        table(("Method", "ZFNet Explorer", "captum", "faster by", "apart, of the peak"), rows),
        table(
            (
                "DeconvNet, nine units",
                "ZFNet Explorer",
                "picture already traced",
                "captum, nine calls",
                "faster by",
                "captum, one batch",
                "faster by",
                "apart, of the peak",
            ),
            projections,
        ),
    ]


def _deconvnet_row(
    layer: str, methods: Mapping[str, Callable[[], np.ndarray]], times: Mapping[str, list[float]], forward: list[float]
) -> tuple[str, ...]:
    slow = layer in _BELOW_FORWARD and statistics.median(times["traced"]) >= statistics.median(forward)
    promised = layer != "conv1"
    ours, calls, batch = (methods[way]() for way in ("traced", "calls", "batch"))
    return (
        layer,
        spread(times["ours"], "ms"),
        spread(times["traced"], "ms") + (" (missed: a forward pass)" if slow else ""),
        spread(times["calls"], "ms"),
        faster(times["ours"], times["calls"], _FASTER_THAN_CALLS if promised else 0),
        spread(times["batch"], "ms"),
        faster(times["ours"], times["batch"], _FASTER_THAN_BATCH if promised else 0),
        apart(np.stack([ours, ours]), np.stack([calls, batch])),
    )


def _factored(chain: nn.Sequential, session: InferenceSession) -> nn.Sequential:
    """Return the oracle network with the same factored layers as ours, so that neither has less to compute."""
    state = session._model.state_dict()
    for name in session.info.ranks:
        left, right = state[f"{name}.left"], state[f"{name}.right"]
        pair = nn.Sequential(nn.Linear(*right.shape[::-1], bias=False), nn.Linear(*left.shape[::-1]))
        pair.load_state_dict({"0.weight": right, "1.weight": left, "1.bias": state[f"{name}.bias"]})
        setattr(chain, f"{name}_before", pair.requires_grad_(False))
    return chain
