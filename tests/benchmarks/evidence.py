"""How the evidence for a class compares with captum, torchcam and grad-cam."""

import contextlib
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam, Occlusion
from pytorch_grad_cam import AblationCAM as PyTorchAblationCam
from pytorch_grad_cam import GradCAM as PyTorchGradCam
from pytorch_grad_cam import ScoreCAM as PyTorchScoreCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import GradCAM, ScoreCAM

from tests.benchmarks.comparisons import Comparison, timed
from tests.benchmarks.networks import Networks
from tests.benchmarks.tables import Ways, apart, interleaved, spread
from zfnet.cam import WEIGHTINGS, ClassMap
from zfnet.occlusion import Square

_SQUARE = Square(size=32, stride=16, fill="mean")
_OCCLUSION = "occlusion"
# How many times faster we should be: with the picture traced, and from nothing.
_GRADCAM = {"captum": (3.0, 1 / 1.1), "torchcam": (3.0, 1 / 1.1), "grad-cam": (8.0, 0.0)}
_TARGETS = {"Ablation-CAM": (10.0, 0.0), "Score-CAM": (0.0, 0.0), _OCCLUSION: (2.0, 0.0)}
_OF_ONE = 1 / 1.3
_CAM, _SQUARES = "class map", f"{_SQUARE.size}-pixel square, stride {_SQUARE.stride}"
# Of what takes a peer five seconds and more.
_SLOW_ROUNDS = 3


def evidence_comparisons(networks: Networks, rounds: int) -> list[Comparison]:
    """Compare class maps, those that ask the network again, and occlusion."""
    subjects = {"Grad-CAM": _gradcam(networks)}
    times = interleaved({**subjects, "several": _several(networks)}, rounds, networks.trace)
    asking = {"Ablation-CAM": _ablationcam(networks), "Score-CAM": _scorecam(networks)}
    times |= interleaved(asking, min(rounds, _SLOW_ROUNDS), networks.trace)
    occlusion = {_OCCLUSION: _occlusion(networks)}
    times |= interleaved(occlusion, min(rounds, max(3, rounds // 4)), networks.trace)
    downs, forwards = (spread(times["Grad-CAM"][way], "ms") for way in ("down", "forward"))
    floors = f"the way down from the logits takes {downs}", f"a forward pass takes {forwards}"
    comparisons = _against("Grad-CAM", subjects["Grad-CAM"], times["Grad-CAM"], floors)
    comparisons += _several_comparisons(times["several"])
    for name, ways in asking.items():
        comparisons += _against(name, ways, times[name])
    return comparisons + _against(_OCCLUSION, occlusion[_OCCLUSION], times[_OCCLUSION])


def _against(
    name: str, ways: Ways, times: dict[str, list[float]], floors: tuple[str, str] = ("not measured", "not measured")
) -> list[Comparison]:
    """Compare with each peer, warm and cold; a way ``"as" + peer`` is ours in the peer's form."""
    group, title = (name, _SQUARES) if name == _OCCLUSION else (_CAM, name)
    comparisons = []
    for peer in (way for way in ways if way not in ("warm", "cold", "down", "forward") and not way.startswith("as ")):
        alike = ways.get(f"as {peer}")
        agreement = apart(alike(), ways[peer]()) if alike else None
        targets = _GRADCAM[peer] if name == "Grad-CAM" else _TARGETS[name]
        for state, target, floor in zip(("warm", "cold"), targets, floors, strict=True):
            more = {"target": target, "floor": floor, "apart": agreement}
            comparisons.append(timed(group, title, peer, state, ours=times[state], theirs=times[peer], **more))
    return comparisons


def _gradcam(networks: Networks) -> Ways:
    session, view, x, chain = networks.session, networks.view, networks.x, networks.chain
    index = session.classify(view, top=2).classes[1].index
    explained = LayerGradCam(chain, chain.get_submodule("conv5"))
    seed = F.one_hot(torch.tensor([index], device=x.device), 1000).to(x.dtype)

    def ours() -> np.ndarray:
        return session.class_activation(view, [index])[0].values

    def torchcam() -> np.ndarray:
        with GradCAM(chain, "conv5") as extractor:
            scores = chain(x.clone().requires_grad_())
            return extractor(index, scores, normalized=False)[0][0].detach().cpu().numpy()

    @torch.no_grad()
    def down() -> torch.Tensor:
        return session._model.pullback(session.trace(view), "fc8", seed, until="conv5")

    return {
        "warm": ours,
        "cold": networks.cold(ours),
        "captum": lambda: explained.attribute(x, target=index, relu_attributions=True)[0, 0].detach().cpu().numpy(),
        "torchcam": torchcam,
        "grad-cam": _by_gradcam(PyTorchGradCam, networks, index),
        "as captum": ours,
        "as torchcam": ours,
        "as grad-cam": lambda: _scaled(ours(), view.width),
        "down": down,
        "forward": networks.cold(networks.trace),
    }


def _several(networks: Networks) -> Ways:
    index = networks.session.classify(networks.view, top=2).classes[1].index
    every = [*WEIGHTINGS][:5]  # CAM first, which is for the averaging head alone
    ours = partial(networks.session.class_activation, networks.view, [index])
    ways = {
        "five": partial(ours, methods=every, head="gap"),
        "one of five": partial(ours, head="gap"),
        "four": partial(ours, methods=every[1:]),
        "one of four": ours,
    }
    return {**ways, **{f"{name}, cold": networks.cold(way) for name, way in ways.items()}}


def _several_comparisons(times: dict[str, list[float]]) -> list[Comparison]:
    """Compare several methods in one call with one of them alone."""
    comparisons = []
    floors = {
        "gap": "with this head the way down is one product, and the sums are all there is",
        "fc": "1×, one of them",
    }
    for many, head in (("five", "gap"), ("four", "fc")):
        for state, ending in (("warm", ""), ("cold", ", cold")):
            ours, one = times[f"{many}{ending}"], times[f"one of {many}{ending}"]
            name, more = f"{many} methods in one call, head {head}", {"target": _OF_ONE, "floor": floors[head]}
            comparisons.append(timed(_CAM, name, "ours, Grad-CAM alone", state, ours=ours, theirs=one, **more))
    return comparisons


def _ablationcam(networks: Networks) -> Ways:
    ours, index = _asking(networks, "ablationcam")
    peer = _by_gradcam(PyTorchAblationCam, networks, index)
    sign = np.sign(networks.session.classify(networks.view, top=1).classes[0].logit)

    def alike() -> np.ndarray:
        # grad-cam divides by the score, which turns all signs around where that is below zero; ours by its magnitude.
        return _scaled((sign * ours(rectified=False)[0].values).clip(min=0), networks.view.width)

    return {"warm": ours, "cold": networks.cold(ours), "grad-cam": peer, "as grad-cam": alike}


def _scorecam(networks: Networks) -> Ways:
    """No two libraries define it alike: nothing is equal."""
    ours, index = _asking(networks, "scorecam")

    def torchcam() -> Any:
        with ScoreCAM(networks.chain, "conv5") as extractor, torch.no_grad():
            networks.chain(networks.x)
            return extractor(index, normalized=False)

    peer = _by_gradcam(PyTorchScoreCam, networks, index)
    return {"warm": ours, "cold": networks.cold(ours), "torchcam": torchcam, "grad-cam": peer}


def _asking(networks: Networks, method: str) -> tuple[Callable[..., tuple[ClassMap, ...]], int]:
    """Return one of our methods that ask the network again, and the class that it is asked about."""
    index = networks.session.classify(networks.view, top=1).classes[0].index
    return partial(networks.session.class_activation, networks.view, [index], methods=[method]), index


def _by_gradcam(method: Any, networks: Networks, index: int) -> Callable[[], np.ndarray]:
    """Return the call of a class of grad-cam's, without its progress bars."""
    peer = method(networks.chain, [networks.chain.get_submodule("conv5")])

    def run() -> np.ndarray:
        with contextlib.redirect_stderr(io.StringIO()):
            return peer(networks.x.clone().requires_grad_(), [ClassifierOutputTarget(index)])[0]

    return run


def _scaled(values: np.ndarray, side: int) -> np.ndarray:
    """Return a map in grad-cam's form: enlarged, from 0 to 1."""
    large = F.interpolate(torch.from_numpy(values)[None, None], (side, side), mode="bilinear")[0, 0].numpy()
    return (large - large.min()) / (large.max() - large.min())


def _occlusion(networks: Networks) -> Ways:
    session, view, x, chain = networks.session, networks.view, networks.x, networks.chain
    index = session.classify(view, top=1).classes[0].index
    explained = Occlusion(lambda pictures: chain(pictures).softmax(1))
    size, stride = ((3, side, side) for side in (_SQUARE.size, _SQUARE.stride))

    def captum(batch: int) -> Callable[[], np.ndarray]:
        options = {"strides": stride, "target": index, "baselines": 0, "perturbations_per_eval": batch}
        return torch.no_grad()(lambda: explained.attribute(x, size, **options)[0, 0].cpu().numpy())

    def ours() -> Any:
        return session.occlusion(view, index, square=_SQUARE)

    def averaged() -> np.ndarray:
        """Return what captum does: the mean fall of the probability over all squares that cover a pixel."""
        maps, falls, counts = ours(), np.zeros((view.height, view.width)), np.zeros((view.height, view.width))
        for row, column in np.ndindex(maps.probability.shape):
            top, left, bottom, right = maps.box(row, column)
            falls[top:bottom, left:right] += maps.whole[0] - maps.probability[row, column]
            counts[top:bottom, left:right] += 1
        return falls / counts

    ways: Ways = {"warm": ours, "cold": networks.cold(ours)}
    for batch in (16, 64):
        ways |= {f"captum, {batch} at once": captum(batch), f"as captum, {batch} at once": averaged}
    return ways
