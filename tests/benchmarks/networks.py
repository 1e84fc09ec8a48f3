"""One picture before our session, and before the same network as a chain of torch's modules, which peers can read."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pages.shared.pictures import sample_picture, samples
from tests.oracle import sequential
from zfnet import InferenceSession, crop


class Networks:
    """Both on the session's device (``ZFNET_DEVICE``), with the same weights."""

    def __init__(self) -> None:
        self.session = InferenceSession.load()
        self.device = torch.device(self.session.info.device)
        self.view = crop(sample_picture(next(iter(samples()))))
        self.x = self.session.prepare(self.view).to(self.device)
        self.chain = _factored(sequential(self.session._model), self.session)

    def trace(self) -> None:
        self.session.trace(self.view)

    def cold(self, method: Callable[[], Any]) -> Callable[[], Any]:
        """Return the method on a picture that was not traced before: its forward pass counts."""

        def run() -> Any:
            self.session._traces._held.clear()
            return method()

        return run


def _factored(chain: nn.Sequential, session: InferenceSession) -> nn.Sequential:
    """Return the oracle network with the same factored layers as ours, so that neither has less to compute."""
    state = session._model.state_dict()
    for name in session.info.ranks:
        left, right = state[f"{name}.left"], state[f"{name}.right"]
        with torch.device("meta"):
            pair = nn.Sequential(nn.Linear(*right.shape[::-1], bias=False), nn.Linear(*left.shape[::-1]))
        pair.load_state_dict({"0.weight": right, "1.weight": left, "1.bias": state[f"{name}.bias"]}, assign=True)
        setattr(chain, f"{name}_before", pair.requires_grad_(False))
    return chain
