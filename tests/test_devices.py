"""CPU and GPU agree to 1e-4 of the peak for every method, on the same trace.

The trace is made on the CPU and moved: a pass of its own could choose another of two nearly equal switches. Without a
GPU only the list of methods is tested.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zfnet import InferenceSession
from zfnet.cam import METHODS
from zfnet.images import digest
from zfnet.model import Trace

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA card here")

_AGREE = 1e-4
_UNITS = ("conv1:3", "conv2:3", "conv3:17", "conv4:8", "conv5:17", "pool5:5")
_CLASS = 281
_INDEX = re.compile(r"\[\d+\]")

Call = Callable[[InferenceSession, Image.Image], Any]
CALLS: dict[str, Call] = {
    "classify": lambda s, v: [s.classify(v, head=head) for head in s.info.heads],
    "feature_maps": lambda s, v: [s.feature_maps(v, layer) for layer in ("conv1", "conv3", "fc7")],
    "layer_statistics": lambda s, v: s.layer_statistics(v),
    "contributions": lambda s, v: s.contributions(v, "conv4:8"),
    "deconvnet": lambda s, v: [s.deconvnet(v, _UNITS, whole_map=whole) for whole in (False, True)],
    "overwriting": lambda s, v: s.overwriting(v, _UNITS),
    "lost": lambda s, v: s.lost(v, "conv2"),
    "descent": lambda s, v: s.descent(v, "conv5:17"),
    "saliency": lambda s, v: [s.saliency(v, f"fc8:{_CLASS}", method=method) for method in ("gradient", "guided")],
    "class_activation": lambda s, v: [
        *s.class_activation(v, [_CLASS], methods=METHODS, head="gap"),
        *s.class_activation(v, [_CLASS], methods=[method for method in METHODS if method != "cam"]),
    ],
    "channel_evidence": lambda s, v: s.channel_evidence(v, _CLASS),
    "guided_gradcam": lambda s, v: s.guided_gradcam(v, _CLASS),
    "knockout": lambda s, v: s.knockout(v, ["conv5:17"]),
    "needed": lambda s, v: s.needed(v, _CLASS),
    "occlusion": lambda s, v: s.occlusion(v, _CLASS),
    "covered": lambda s, v: s.covered(v, (3, 4)),
    "insertion_deletion": lambda s, v: s.insertion_deletion(v, s.edge_map(v), _CLASS),
    "edge_map": lambda s, v: s.edge_map(v),
}
# These go down traces of other pictures, whose switches may differ, or have no trace: their parts are asked above.
ELSEWHERE = {
    "prepare",
    "trace",
    "fixed_limit",
    "audit",
    "stride_lab",
    "integrated_gradients",
    "pointing",
    "maximize",
}


def move(trace: Trace, device: str) -> Trace:
    """Return the same trace on another device."""
    tensors = {name: {k: t.to(device) for k, t in getattr(trace, name).items()} for name in ("outputs", "switches")}
    return replace(trace, input=trace.input.to(device), **tensors)


def on(device: str, session: InferenceSession, view: Image.Image) -> InferenceSession:
    """Return a session on a device that holds another session's trace of the view."""
    twin, trace = InferenceSession.load(device=device), session.trace(view)
    twin._traces.get(f"{twin.info.checkpoint_id} {digest(view)}", lambda: move(trace, device))
    return twin


@pytest.fixture(scope="module")
def cuda(session: InferenceSession, sample: Image.Image) -> InferenceSession:
    twin = on("cuda", session, sample)
    assert torch.equal(twin.trace(sample).outputs["fc8"].cpu(), session.trace(sample).outputs["fc8"])
    return twin


def arrays(result: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Return every number in a result, with where it stands."""
    if is_dataclass(result):
        result = {field.name: getattr(result, field.name) for field in fields(result)}
    if isinstance(result, Mapping):
        for key, value in result.items():
            yield from arrays(value, f"{name}.{key}")
    elif isinstance(result, Sequence) and not isinstance(result, str):
        for index, value in enumerate(result):
            yield from arrays(value, f"{name}[{index}]")
    elif isinstance(result, int | float | np.ndarray):
        yield name, np.asarray(result)


def agree(ours: Any, theirs: Any) -> None:
    """Fail unless all numbers agree: those of one name, as of all items of a list, against the peak of them all."""
    peaks: dict[str, float] = defaultdict(float)
    for name, a in arrays(ours):
        peaks[_INDEX.sub("", name)] = max(peaks[_INDEX.sub("", name)], np.nanmax(np.abs(a), initial=0))
    for (name, a), (other, b) in zip(arrays(ours), arrays(theirs), strict=True):
        assert name == other
        assert a.shape == b.shape
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=0, atol=_AGREE * peaks[_INDEX.sub("", name)], err_msg=name)
        else:
            assert np.mean(a == b) > 0.99, name


@needs_gpu
@pytest.mark.parametrize("name", CALLS)
def test_both_devices_agree_on_the_same_trace(
    session: InferenceSession, cuda: InferenceSession, sample: Image.Image, name: str
) -> None:
    assert cuda.info.device == "cuda"
    agree(CALLS[name](session, sample), CALLS[name](cuda, sample))


def test_every_method_on_a_picture_is_asked() -> None:
    methods = inspect.getmembers(InferenceSession, inspect.isfunction)
    asked = {name for name, method in methods if not name.startswith("_") and takes_a_picture(method)}
    assert asked == CALLS.keys() | ELSEWHERE


def takes_a_picture(method: Callable[..., Any]) -> bool:
    return bool(inspect.signature(method).parameters.keys() & {"picture", "pictures"})


@needs_gpu
def test_logits_of_a_trace_of_its_own_agree_too(session: InferenceSession, sample: Image.Image) -> None:
    fresh = InferenceSession.load(device="cuda")
    ours, theirs = (s.trace(sample).outputs["fc8"].cpu() for s in (session, fresh))
    assert (ours - theirs).abs().max() <= _AGREE * ours.abs().max()
