"""A loaded network for everybody: its checkpoint, its traces, its device, and a bound on how much runs at once."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from zfnet import computations, randomisation
from zfnet.checkpoint import EMBEDDED, Checkpoint, read_checkpoint
from zfnet.computations import logged
from zfnet.errors import SelectionError
from zfnet.geometry import LayerRow, ZFNetConfig, layer_table
from zfnet.images import as_view, digest, to_tensor
from zfnet.labels import Labels
from zfnet.model import Trace
from zfnet.sharing import Cancel, Places, Store

_TRACE_MEBIBYTES = 256
# Two seeds of all layers of the embedded checkpoint.
_PERMUTED_MEBIBYTES = 128


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is loaded: the checkpoint's identity, its shape, its names, how well it does, and where it runs.

    With permuted weights ``randomised`` says which, ``checkpoint_id`` is another one and ``evaluation`` is empty.
    """

    checkpoint_id: str
    checkpoint_name: str
    config: ZFNetConfig
    labels: Labels = field(repr=False)
    evaluation: Mapping[str, Mapping[str, float]]
    ranks: Mapping[str, int]
    heads: tuple[str, ...]
    device: str
    randomised: tuple[randomisation.Randomisation, ...] = ()


class Host:
    """One network, shared by everybody: safe to call from many threads.

    At most ``slots`` computations run at once, so that slots × torch threads stay within the cores; the rest wait their
    turn.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self._model = checkpoint.build().to(device)
        self._mean, self._std = checkpoint.mean, checkpoint.std
        self._device = device
        self.info = SessionInfo(
            checkpoint_id=checkpoint.id,
            checkpoint_name=checkpoint.name,
            config=checkpoint.config,
            labels=checkpoint.labels,
            evaluation=checkpoint.evaluation,
            ranks=checkpoint.ranks,
            heads=("fc", "gap") if self._model.gap is not None else ("fc",),
            device=str(device),
        )
        self.slots = max(1, _cores() // torch.get_num_threads())
        self._places = Places(self.slots)
        self._traces: Store[Trace] = Store(_number("ZFNET_TRACE_MB", _TRACE_MEBIBYTES) * 2**20)
        self._permuted: Store[Tensor] = Store(_PERMUTED_MEBIBYTES * 2**20)

    @classmethod
    def load(cls, path: str | Path | None = None, *, device: str | None = None) -> Self:
        """Load a checkpoint.

        Args:
            path: a checkpoint file; by default the one that ``ZFNET_CHECKPOINT`` names, else the embedded one.
            device: "cpu", "cuda" or "cuda:1"; by default ``ZFNET_DEVICE``, else the GPU if there is one.

        Raises:
            InvalidCheckpointError: when the file is not a complete ZFNet checkpoint.
            SelectionError: for a device that does not exist.
        """
        path = Path(path or os.environ.get("ZFNET_CHECKPOINT") or EMBEDDED)
        return cls(read_checkpoint(path), _device(device or os.environ.get("ZFNET_DEVICE")))

    @logged
    def randomised(self, until: str, *, from_layer: str = "fc8", seed: int = 0, cancel: Cancel | None = None) -> Self:
        """Return a session on the same network with its weights permuted from one layer down to another.

        It is light: its weights are this session's where they are not permuted, it takes its turn with this session,
        and it keeps one trace only. Its ``info.checkpoint_id`` is its own. See :mod:`zfnet.randomisation`.

        Args:
            until: the lowest layer that is permuted.
            from_layer: the highest one, or a pooling right above it.
            seed: of the permutations.
            cancel: asked while waiting for a free slot.

        Raises:
            SelectionError: when no layer with weights lies there.
        """
        how = randomisation.Randomisation(randomisation.cascade(from_layer, until), seed)
        twin, info = copy(self), self.info
        with self._compute(cancel):
            twin._model = randomisation.randomised(self._model, how, hold=partial(self._permuted.get, cancel=cancel))
        name, applied = f"{info.checkpoint_id}+{how}", (*info.randomised, how)
        twin.info = replace(info, checkpoint_id=name, evaluation={}, randomised=applied)
        twin._permuted = Store(_PERMUTED_MEBIBYTES * 2**20)
        # Only its newest trace: a cascade of them would push out what others look at.
        twin._traces = Store(0)
        return twin

    def architecture(self) -> tuple[LayerRow, ...]:
        """Return the layers of the loaded network, and the ``gap`` head if it has one."""
        rows = layer_table(self.info.config, self.info.ranks)
        return rows if "gap" in self.info.heads else rows[:-1]

    def prepare(self, picture: Image.Image) -> Tensor:
        """Return what goes into the network: normalised float32 (1, 3, 224, 224) on the CPU."""
        return to_tensor(as_view(picture), self._mean, self._std)

    @logged
    def trace(self, picture: Image.Image, *, cancel: Cancel | None = None) -> Trace:
        """Return every activation and switch of a picture, from one forward pass that is kept by the picture's content.

        Args:
            picture: the 224×224 view; any other picture is centre-cropped.
            cancel: asked while waiting for a free slot, or for another thread that traces the same picture.

        Raises:
            Cancelled: when ``cancel`` says so.
        """
        view, made = as_view(picture), False

        def forward() -> Trace:
            nonlocal made
            made = True
            with self._compute(cancel):
                return self._model.trace(self.prepare(view).to(self._device))

        content = digest(view)
        trace = self._traces.get(f"{self.info.checkpoint_id} {content}", forward, cancel)
        computations.looked_up(content, hit=not made)
        return trace

    def _normalise(self, x: Tensor) -> Tensor:
        mean, std = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (self._mean, self._std))
        return (x - mean) / std

    @contextmanager
    def _compute(self, cancel: Cancel | None = None) -> Iterator[None]:
        """Hold one of the slots; whoever waits can still be cancelled."""
        with computations.waiting():
            self._places.enter(cancel)
        try:
            with torch.no_grad():
                yield
        finally:
            self._places.leave()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal():
        raise SelectionError(f"{variable} must be a whole number, got {text!r}")
    return int(text)


def _device(name: str | None) -> torch.device:
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        if name.partition(":")[0] not in ("cpu", "cuda"):
            raise RuntimeError("other kinds of device are not supported")
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SelectionError(
            f"there is no device {name!r} here; use cpu, or cuda with an NVIDIA card and driver"
        ) from error
    if device.type == "cuda":
        # TF32 keeps 10 bits of mantissa: CPU and GPU would differ by more than 1e-4 of the peak.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return device
