"""The shared inference backend: one loaded network, its traces, and a bound on how much runs at once.

The session holds no mathematics. Each method traces the picture (at most once: traces are kept by content) and hands
over to the module of the same name.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zfnet import audit as audit_
from zfnet import cam, classification, faithfulness, maximization, randomisation
from zfnet import contributions as contributions_
from zfnet import deconvnet as deconvnet_
from zfnet import descent as descent_
from zfnet import feature_maps as feature_maps_
from zfnet import filters as filters_
from zfnet import guided_gradcam as guided_gradcam_
from zfnet import knockout as knockout_
from zfnet import occlusion as occlusion_
from zfnet import overwriting as overwriting_
from zfnet import saliency as saliency_
from zfnet import stride as stride_
from zfnet.checkpoint import EMBEDDED, Checkpoint, read_checkpoint
from zfnet.errors import SelectionError
from zfnet.geometry import LayerRow, ZFNetConfig, layer_table
from zfnet.images import as_view, digest, to_pixels, to_tensor
from zfnet.labels import Labels
from zfnet.model import Trace
from zfnet.sharing import Cancel, Places, Store
from zfnet.unit import Unit

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


class InferenceSession:
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
    def load(cls, path: str | Path | None = None, *, device: str | None = None) -> "InferenceSession":
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

    def randomised(
        self, until: str, *, from_layer: str = "fc8", seed: int = 0, cancel: Cancel | None = None
    ) -> "InferenceSession":
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

    def filters(self, layer: str) -> np.ndarray:
        """Return the weights of a convolution, float32 (N, C, k, k); see :func:`zfnet.filters.filters`."""
        return filters_.filters(self._model, layer)

    def prepare(self, picture: Image.Image) -> Tensor:
        """Return what goes into the network: normalised float32 (1, 3, 224, 224) on the CPU."""
        return to_tensor(as_view(picture), self._mean, self._std)

    def trace(self, picture: Image.Image, *, cancel: Cancel | None = None) -> Trace:
        """Return every activation and switch of a picture, from one forward pass that is kept by the picture's content.

        Args:
            picture: the 224×224 view; any other picture is centre-cropped.
            cancel: asked while waiting for a free slot, or for another thread that traces the same picture.

        Raises:
            Cancelled: when ``cancel`` says so.
        """
        view = as_view(picture)

        def forward() -> Trace:
            with self._compute(cancel):
                return self._model.trace(self.prepare(view).to(self._device))

        return self._traces.get(f"{self.info.checkpoint_id} {digest(view)}", forward, cancel)

    def classify(
        self, picture: Image.Image, *, top: int = 5, head: str = "fc", cancel: Cancel | None = None
    ) -> classification.Classification:
        """Return the most probable classes; see :func:`zfnet.classification.classify`."""
        return classification.classify(self.trace(picture, cancel=cancel), self.info.labels, top=top, head=head)

    def feature_maps(
        self, picture: Image.Image, layer: str, *, rectified: bool = True, cancel: Cancel | None = None
    ) -> feature_maps_.FeatureMaps:
        """Return all channels of a layer; see :func:`zfnet.feature_maps.feature_maps`."""
        return feature_maps_.feature_maps(self.trace(picture, cancel=cancel), layer, rectified=rectified)

    def layer_statistics(
        self, picture: Image.Image, *, cancel: Cancel | None = None
    ) -> tuple[feature_maps_.LayerStatistics, ...]:
        """Return how each layer answers as a whole; see :func:`zfnet.feature_maps.layer_statistics`."""
        return feature_maps_.layer_statistics(self.trace(picture, cancel=cancel))

    def fixed_limit(self, pictures: Sequence[Image.Image], layer: str, *, cancel: Cancel | None = None) -> float:
        """Return the end of a scale that holds for all pictures: the 99.9th percentile of a layer over ``pictures``.

        Their traces are not kept.
        """

        def values(picture: Image.Image) -> np.ndarray:
            with self._compute(cancel):
                trace = self._model.trace(self.prepare(picture).to(self._device), layer)
            return feature_maps_.feature_maps(trace, layer).values

        return feature_maps_.fixed_limit(map(values, pictures), len(pictures))

    def audit(
        self,
        pictures: Iterable[Image.Image],
        *,
        progress: audit_.Progress | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[audit_.LayerAudit, ...]:
        """Return which filters are bad, over many pictures; see :func:`zfnet.audit.audit`.

        The pictures are taken one at a time and their traces are not kept; the slot is held for one of them, so that
        other calls go in between.
        """
        return audit_.audit(
            self._model,
            (self.prepare(picture).to(self._device) for picture in pictures),
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    def contributions(
        self, picture: Image.Image, unit: str | Unit, *, top: int = 3, cancel: Cancel | None = None
    ) -> contributions_.Contributions:
        """Return the parts of one value; see :func:`zfnet.contributions.contributions`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return contributions_.contributions(self._model, trace, Unit.parse(unit), top=top)

    def deconvnet(
        self,
        picture: Image.Image,
        units: Sequence[str | Unit],
        *,
        whole_map: bool = False,
        activation: float | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[deconvnet_.Projection, ...]:
        """Return the projection of each unit, such as ``conv5:17``; see :func:`zfnet.deconvnet.deconvnet`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            parsed = [Unit.parse(unit) for unit in units]
            return deconvnet_.deconvnet(self._model, trace, parsed, whole_map=whole_map, activation=activation)

    def overwriting(
        self, picture: Image.Image, units: Sequence[str | Unit], *, cancel: Cancel | None = None
    ) -> tuple[deconvnet_.Projection, ...]:
        """Return projections that unpool as common code does; see :func:`zfnet.overwriting.overwriting`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return overwriting_.overwriting(self._model, trace, [Unit.parse(unit) for unit in units])

    def lost(self, picture: Image.Image, layer: str, *, cancel: Cancel | None = None) -> overwriting_.Lost:
        """Return how many of a layer's projections overwriting leaves blank; see :func:`zfnet.overwriting.lost`."""
        trace = self.trace(picture, cancel=cancel)
        return overwriting_.lost(self._model, trace, layer, slot=lambda: self._compute(cancel), cancel=cancel)

    def descent(self, picture: Image.Image, unit: str | Unit, *, cancel: Cancel | None = None) -> descent_.Descent:
        """Return every operation from a unit to the pixels; see :func:`zfnet.descent.descent`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return descent_.descent(self._model, trace, Unit.parse(unit))

    def saliency(
        self,
        picture: Image.Image,
        unit: str | Unit,
        *,
        method: str = "gradient",
        centred: bool = False,
        cancel: Cancel | None = None,
    ) -> saliency_.Saliency:
        """Return how each pixel moves a unit, such as ``fc8:207``; see :func:`zfnet.saliency.saliency`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return saliency_.saliency(self._model, trace, Unit.parse(unit), method=method, centred=centred)

    def stride_lab(
        self,
        picture: Image.Image,
        channel: int | None = None,
        strides: Sequence[int] = stride_.STRIDES,
        *,
        cancel: Cancel | None = None,
    ) -> stride_.StrideLab:
        """Return one filter's answers at several strides; see :func:`zfnet.stride.stride_lab`."""
        with self._compute(cancel):
            return stride_.stride_lab(self._model, self.prepare(picture).to(self._device), channel, strides)

    def fold_back(
        self,
        periods: Sequence[float],
        orientation: float,
        strides: Sequence[int] = stride_.STRIDES,
        *,
        cancel: Cancel | None = None,
    ) -> tuple[stride_.FoldBack, ...]:
        """Return which frequencies the maps of gratings show; see :func:`zfnet.stride.fold_back`."""
        with self._compute(cancel):
            return stride_.fold_back(self._model, periods, orientation, self._normalise, strides=strides)

    def class_activation(
        self,
        picture: Image.Image,
        classes: Sequence[int],
        *,
        methods: Sequence[str] = ("gradcam",),
        layer: str = "conv5",
        head: str = "fc",
        rectified: bool = True,
        centred: bool = False,
        cancel: Cancel | None = None,
    ) -> tuple[cam.ClassMap, ...]:
        """Return a map for each class and method; see :func:`zfnet.cam.class_activation`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return cam.class_activation(
                self._model,
                trace,
                classes,
                methods=methods,
                layer=layer,
                head=head,
                rectified=rectified,
                centred=centred,
            )

    def channel_evidence(
        self,
        picture: Image.Image,
        class_index: int,
        *,
        layer: str = "conv5",
        head: str = "fc",
        centred: bool = False,
        cancel: Cancel | None = None,
    ) -> cam.ChannelEvidence:
        """Return the parts of one class's Grad-CAM; see :func:`zfnet.cam.channel_evidence`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return cam.channel_evidence(self._model, trace, class_index, layer=layer, head=head, centred=centred)

    def guided_gradcam(
        self,
        picture: Image.Image,
        class_index: int,
        *,
        head: str = "fc",
        centred: bool = False,
        cancel: Cancel | None = None,
    ) -> saliency_.Saliency:
        """Return guided backpropagation weighted by Grad-CAM; see :mod:`zfnet.guided_gradcam`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return guided_gradcam_.guided_gradcam(self._model, trace, class_index, head=head, centred=centred)

    def knockout(
        self,
        picture: Image.Image,
        units: Sequence[str | Unit],
        *,
        scale: float = 0.0,
        head: str = "fc",
        cancel: Cancel | None = None,
    ) -> knockout_.Knockout:
        """Return the answer with units switched off; see :func:`zfnet.knockout.knockout`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            parsed = [Unit.parse(unit) for unit in units]
            return knockout_.knockout(self._model, trace, parsed, scale=scale, head=head)

    def needed(
        self,
        picture: Image.Image,
        class_index: int,
        *,
        count: int = 5,
        layer: str = "conv5",
        head: str = "fc",
        cancel: Cancel | None = None,
    ) -> tuple[knockout_.Step, ...]:
        """Return the channels that a class needs; see :func:`zfnet.knockout.needed`.

        The slot is held for one batch of channels at a time, so that other calls go in between.
        """
        return knockout_.needed(
            self._model,
            self.trace(picture, cancel=cancel),
            class_index,
            count=count,
            layer=layer,
            head=head,
            slot=lambda: self._compute(cancel),
            cancel=cancel,
        )

    def occlusion(
        self,
        picture: Image.Image,
        class_index: int,
        *,
        square: occlusion_.Square | None = None,
        head: str = "fc",
        progress: occlusion_.Progress | None = None,
        cancel: Cancel | None = None,
    ) -> occlusion_.OcclusionMaps:
        """Return what covering the picture does to a class; see :func:`zfnet.occlusion.occlusion`.

        The slot is held for one step at a time, so that other calls go in between.
        """
        return occlusion_.occlusion(
            self._model,
            self.trace(picture, cancel=cancel),
            class_index,
            self._normalise,
            square=square or occlusion_.Square(),
            head=head,
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    def covered(
        self,
        picture: Image.Image,
        place: tuple[int, int],
        *,
        square: occlusion_.Square | None = None,
        cancel: Cancel | None = None,
    ) -> np.ndarray:
        """Return what the network sees with the square at a place, uint8 (224, 224, 3).

        See :func:`zfnet.occlusion.covered`.
        """
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            tensor = occlusion_.covered(trace, square or occlusion_.Square(), place, self._normalise)
        return to_pixels(tensor, self._mean, self._std)

    def insertion_deletion(
        self,
        picture: Image.Image,
        importance: np.ndarray,
        class_index: int,
        *,
        steps: int = 28,
        fill: str = "blur",
        head: str = "fc",
        cancel: Cancel | None = None,
    ) -> faithfulness.Curves:
        """Return what a map's order of pixels does to a class; see :func:`zfnet.faithfulness.insertion_deletion`."""
        return faithfulness.insertion_deletion(
            self._model,
            self.trace(picture, cancel=cancel),
            importance,
            class_index,
            normalise=self._normalise,
            steps=steps,
            fill=fill,
            head=head,
            slot=lambda: self._compute(cancel),
            cancel=cancel,
        )

    def edge_map(self, picture: Image.Image, *, cancel: Cancel | None = None) -> np.ndarray:
        """Return how much neighbouring pixels differ, float32 (224, 224); see :func:`zfnet.faithfulness.edge_map`."""
        return faithfulness.edge_map(self.trace(picture, cancel=cancel))

    def maximize(
        self,
        units: Sequence[str | Unit],
        settings: maximization.MaximizationSettings | None = None,
        *,
        progress: maximization.Progress | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[maximization.Maximization, ...]:
        """Return a synthesised picture for each unit; see :func:`zfnet.maximization.maximize`.

        The slot is held for one step at a time, so that other calls go in between.
        """
        return maximization.maximize(
            self._model,
            [Unit.parse(unit) for unit in units],
            settings or maximization.MaximizationSettings(),
            self._normalise,
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    def _normalise(self, x: Tensor) -> Tensor:
        mean, std = (torch.tensor(v, device=x.device).view(3, 1, 1) for v in (self._mean, self._std))
        return (x - mean) / std

    @contextmanager
    def _compute(self, cancel: Cancel | None = None) -> Iterator[None]:
        """Hold one of the slots; whoever waits can still be cancelled."""
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
