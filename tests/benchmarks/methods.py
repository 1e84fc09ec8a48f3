"""How the forward pass and DeconvNet compare with torch and captum."""

from typing import Any

import numpy as np
import torch
from captum.attr import NeuronDeconvolution

from tests.benchmarks.comparisons import Comparison, timed
from tests.benchmarks.networks import Networks
from tests.benchmarks.tables import Ways, apart, interleaved, spread
from zfnet.deconvnet import Projection
from zfnet.geometry import CONVOLUTIONS
from zfnet.window import _filter, descend_cells

# DeconvNet, nine units of a layer: how many times faster than captum, for conv2 to conv5, and where a traced picture
# should need less than its forward pass.
_PEERS, _BELOW_FORWARD = {"captum, nine calls": 4.0, "captum, one batch": 2.0}, ("conv1", "conv2", "conv3")
_NINE, _TRACED = "DeconvNet, nine units", "nine units, picture traced"


def method_comparisons(networks: Networks, rounds: int) -> list[Comparison]:
    """Compare on one picture: ours from nothing and on a traced picture, the others always from nothing."""
    subjects = {"forward": _forward(networks), **{layer: _deconvnet(networks, layer) for layer in CONVOLUTIONS}}
    times = interleaved(subjects, rounds, networks.trace)
    ours, torchs = (times["forward"][way] for way in ("ours", "torch"))
    agreement = apart(*(subjects["forward"][way]() for way in ("ours", "torch")))
    comparisons = [
        timed(
            "forward pass", "every switch kept", "torch, none kept", "cold", ours=ours, theirs=torchs, apart=agreement
        )
    ]
    for layer in CONVOLUTIONS:
        comparisons += _layer_comparisons(layer, subjects[layer], times[layer], ours)
    for layer in _BELOW_FORWARD:
        pair = {"ours": times[layer]["warm"], "theirs": ours, "target": 1, "floor": _bare(times[layer])}
        comparisons.append(timed(_TRACED, layer, "our forward pass", "warm", **pair))
    return comparisons


def _forward(networks: Networks) -> Ways:
    session, chain = networks.session, networks.chain
    ours = networks.cold(lambda: session.trace(networks.view).outputs["fc8"].cpu().numpy())
    return {"ours": ours, "torch": lambda: chain(networks.x).cpu().numpy()}


def _deconvnet(networks: Networks, layer: str) -> Ways:
    """Nine units at their strongest cell; captum's results times the activations that it leaves out."""
    session, view, x = networks.session, networks.view, networks.x
    ranked = session.feature_maps(view, layer).ranked()[:9].tolist()
    found = [p for p in session.deconvnet(view, [f"{layer}:{channel}" for channel in ranked]) if p.position]
    cells = [(p.unit.channel, *p.position) for p in found]
    seeds = x.new_tensor([p.activation for p in found])[:, None, None, None]
    row, (channels, rows, columns) = torch.arange(len(cells), device=x.device), torch.tensor(cells, device=x.device).T
    explained = NeuronDeconvolution(networks.chain, networks.chain.get_submodule(layer))

    def ours() -> np.ndarray:
        return np.stack([p.pixels for p in session.deconvnet(view, [p.unit for p in found])])

    def calls() -> np.ndarray:
        return pictures(torch.cat([explained.attribute(x, cell) for cell in cells]))

    def batch() -> np.ndarray:
        repeated = x.repeat(len(cells), 1, 1, 1)
        return pictures(explained.attribute(repeated, lambda values: values[row, channels, rows, columns]))

    def pictures(made: torch.Tensor) -> np.ndarray:
        return (seeds * made.detach()).permute(0, 2, 3, 1).cpu().numpy()

    filters = _filters(networks, layer, found)
    return {"cold": networks.cold(ours), "warm": ours, **dict(zip(_PEERS, (calls, batch), strict=True)), **filters}


def _filters(networks: Networks, layer: str, found: list[Projection]) -> Ways:
    """Return the bare products with filters that nine projections consist of: no way of ours takes less."""
    model, trace = networks.session._model, networks.session.trace(networks.view)
    cells = [(p.unit.channel, *p.position) for p in found]
    seeds = networks.x.new_tensor([p.activation for p in found])
    with torch.no_grad():
        walk = list(descend_cells(model, trace, layer, cells, seeds=seeds, rule="deconvnet"))
    rectified = [(step.layer, [w.values for w in step.windows]) for step in walk if step.operation == "rectify"]

    @torch.no_grad()
    def run() -> None:
        for name, signals in rectified:
            _filter(signals, getattr(model.config, name), model.get_parameter(f"{name}.weight"))

    return {"filters": run}


def _layer_comparisons(layer: str, ways: Ways, times: dict[str, list[float]], forward: list[float]) -> list[Comparison]:
    made: dict[str, Any] = {way: ways[way]() for way in ("warm", *_PEERS)}
    floors = {"warm": _bare(times), "cold": f"{_bare(times)}, a forward pass {spread(forward, 'ms')}"}
    comparisons = []
    for peer, target in _PEERS.items():
        for state in ("warm", "cold"):
            promised = target if state == "cold" and layer != "conv1" else 0
            more = {"target": promised, "floor": floors[state], "apart": apart(made["warm"], made[peer])}
            comparisons.append(timed(_NINE, layer, peer, state, ours=times[state], theirs=times[peer], **more))
    return comparisons


def _bare(times: dict[str, list[float]]) -> str:
    return f"the filters alone take {spread(times['filters'], 'ms')}"
