"""How the evidence for a class compares with captum, torchcam and, where it is installed, grad-cam."""

import contextlib
import io
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradCam, Occlusion
from torchcam.methods import GradCAM, ScoreCAM

from tests.benchmarks.methods import Comparison
from tests.benchmarks.tables import apart, faster, interleaved, spread, table
from zfnet.cam import WEIGHTINGS
from zfnet.occlusion import Square

try:
    from pytorch_grad_cam import AblationCAM as PyTorchAblationCam
    from pytorch_grad_cam import GradCAM as PyTorchGradCam
    from pytorch_grad_cam import ScoreCAM as PyTorchScoreCam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
except ImportError:  # not among the requirements: it brings OpenCV and scikit-learn
    PyTorchGradCam = None

_SIZE, _STRIDE = 32, 16
_BATCHES = (16, 64)
# A new class on a traced picture: as a share of the fastest peer, and of grad-cam; from nothing; five methods as a
# multiple of one; occlusion as a share of captum's.
_TRACED, _TRACED_GRADCAM, _COLD, _FIVE, _OCCLUSION = 3.0, 8.0, 0.91, 1.3, 2.0
# Ablation-CAM as a share of grad-cam's, and the rounds of what takes a peer ten seconds and more.
_ABLATION, _SLOW_ROUNDS = 10.0, 3

Ways = dict[str, Callable[[], Any]]


def evidence_tables(comparison: Comparison, rounds: int) -> list[str]:
    """Return the tables of class maps, of those that ask the network again, and of occlusion."""
    maps, asking, occlusions = _maps(comparison), _asking(comparison), _occlusions(comparison)
    prepare = lambda: comparison.session.trace(comparison.view)  # noqa: E731
    times = interleaved({"maps": maps}, rounds, prepare)["maps"]
    slow = interleaved({"occlusion": occlusions}, max(3, rounds // 4), prepare)["occlusion"]
    asked = interleaved(asking, min(rounds, _SLOW_ROUNDS), prepare)
    return [_map_table(maps, times), _asking_table(asked), _occlusion_table(occlusions, slow)]


def _maps(comparison: Comparison) -> Ways:
    session, view, x, chain = comparison.session, comparison.view, comparison.x, comparison.chain
    index = session.classify(view, top=2).classes[1].index
    explained = LayerGradCam(chain, chain.get_submodule("conv5"))

    def ours() -> np.ndarray:
        return session.class_activation(view, [index])[0].values

    def torchcam() -> np.ndarray:
        with GradCAM(chain, "conv5") as extractor:
            scores = chain(x.clone().requires_grad_())
            return extractor(index, scores, normalized=False)[0][0].detach().numpy()

    every = [*WEIGHTINGS][:5]  # CAM first, which is for the averaging head alone
    ways: Ways = {
        "traced": ours,
        "cold": comparison.cold(ours),
        "five": comparison.cold(lambda: session.class_activation(view, [index], methods=every, head="gap")),
        "one of five": comparison.cold(lambda: session.class_activation(view, [index], head="gap")),
        "four": lambda: session.class_activation(view, [index], methods=every[1:]),
        "captum": lambda: explained.attribute(x, target=index, relu_attributions=True)[0, 0].detach().numpy(),
        "torchcam": torchcam,
    }
    if PyTorchGradCam:
        peer = PyTorchGradCam(chain, [chain.get_submodule("conv5")])
        ways["grad-cam"] = lambda: peer(x.clone().requires_grad_(), [ClassifierOutputTarget(index)])
    return ways


def _map_table(ways: Ways, times: Mapping[str, list[float]]) -> str:
    peers = [peer for peer in ("captum", "torchcam") if peer in times]
    fastest = min(peers, key=lambda peer: statistics.median(times[peer]))
    rows = []
    for name, way, target, hard in (
        ("Grad-CAM of a new class, picture traced", "traced", _TRACED, _TRACED_GRADCAM),
        ("Grad-CAM from nothing", "cold", _COLD, 0.0),
    ):
        gradcam = faster(times[way], times["grad-cam"], hard) if "grad-cam" in times else "not installed"
        against = f"{faster(times[way], times[fastest], target)} ({fastest})"
        rows.append((name, spread(times[way], "ms"), against, gradcam, apart(ways[way](), ways["captum"]())))
    for name, many, one in (
        ("five methods in one call, from nothing (gap)", "five", "one of five"),
        ("four methods in one call, picture traced (fc)", "four", "traced"),
    ):
        ratio = statistics.median(times[many]) / statistics.median(times[one])
        missed = f" (missed: {_FIVE}×)" if ratio > _FIVE else ""
        rows.append((name, spread(times[many], "ms"), f"{ratio:.2f}× one of them{missed}", "", ""))
    peer_times = ", ".join(f"{peer} {spread(times[peer], 'ms')}" for peer in (*peers, "grad-cam") if peer in times)
    heading = ("Class maps", "ZFNet Explorer", "faster than the fastest peer", "than grad-cam", "apart, of the peak")
    return f"{table(heading, rows)}\n\nPeers: {peer_times}."


def _asking(comparison: Comparison) -> dict[str, Ways]:
    session, view, x, chain = comparison.session, comparison.view, comparison.x, comparison.chain
    index = session.classify(view, top=1).classes[0].index

    def ours(method: str) -> Callable[[], Any]:
        return lambda: session.class_activation(view, [index], methods=[method])

    def torchcam() -> Any:
        with ScoreCAM(chain, "conv5") as extractor, torch.no_grad():
            chain(x)
            return extractor(index, normalized=False)

    subjects: dict[str, Ways] = {
        "Ablation-CAM": {"ours": ours("ablationcam")},
        "Score-CAM": {"ours": ours("scorecam"), "torchcam": torchcam},
    }
    if PyTorchGradCam:
        for name, made in (("Ablation-CAM", PyTorchAblationCam), ("Score-CAM", PyTorchScoreCam)):
            subjects[name]["grad-cam"] = _quiet(made(chain, [chain.get_submodule("conv5")]), x, index)
    return subjects


def _quiet(peer: Any, x: torch.Tensor, index: int) -> Callable[[], Any]:
    """Return a peer's call without its progress bars."""

    def run() -> Any:
        with contextlib.redirect_stderr(io.StringIO()):
            return peer(x.clone().requires_grad_(), [ClassifierOutputTarget(index)])

    return run


def _asking_table(times: Mapping[str, Mapping[str, list[float]]]) -> str:
    rows = []
    for name, ways in times.items():
        target = _ABLATION if name == "Ablation-CAM" else 0.0
        cells = [name, spread(ways["ours"], "ms")]
        for peer in ("torchcam", "grad-cam"):
            # torchcam has no Ablation-CAM.
            missing = "–" if peer == "torchcam" else "not installed"
            own = (
                f"{faster(ways['ours'], ways[peer], target)} ({spread(ways[peer], 'ms')})" if peer in ways else missing
            )
            cells.append(own)
        rows.append(tuple(cells))
    return table(("Picture traced, all maps of conv5", "ZFNet Explorer", "than torchcam", "than grad-cam"), rows)


def _occlusions(comparison: Comparison) -> Ways:
    session, view, x, chain = comparison.session, comparison.view, comparison.x, comparison.chain
    index = session.classify(view, top=1).classes[0].index
    explained = Occlusion(lambda pictures: chain(pictures).softmax(1))
    square = Square(size=_SIZE, stride=_STRIDE, fill="mean")
    size, stride = (3, _SIZE, _SIZE), (3, _STRIDE, _STRIDE)

    def captum(batch: int) -> Callable[[], Any]:
        options = {"strides": stride, "target": index, "baselines": 0, "perturbations_per_eval": batch}
        return torch.no_grad()(lambda: explained.attribute(x, size, **options))

    ours: Ways = {"ours": lambda: session.occlusion(view, index, square=square)}
    return ours | {f"captum, {batch} at once": captum(batch) for batch in _BATCHES}


def _occlusion_table(ways: Ways, times: Mapping[str, list[float]]) -> str:
    best = min((way for way in ways if way != "ours"), key=lambda way: statistics.median(times[way]))
    row = (
        f"{_SIZE}-pixel square, stride {_STRIDE}",
        spread(times["ours"], "ms"),
        f"{spread(times[best], 'ms')} ({best})",
        faster(times["ours"], times[best], _OCCLUSION),
    )
    return table(("Occlusion", "ZFNet Explorer", "captum at its best", "faster by"), [row])
