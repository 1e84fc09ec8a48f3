"""The shared inference backend: every method, on the network that a :class:`zfnet.host.Host` has loaded.

The session holds no mathematics. Each method traces the picture (at most once: traces are kept by content) and hands
over to the module of the same name.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PIL import Image

from zfnet import audit as audit_
from zfnet import cam, classification, faithfulness, maximization
from zfnet import contributions as contributions_
from zfnet import deconvnet as deconvnet_
from zfnet import descent as descent_
from zfnet import feature_maps as feature_maps_
from zfnet import filters as filters_
from zfnet import guided_gradcam as guided_gradcam_
from zfnet import integrated_gradients as integrated_gradients_
from zfnet import knockout as knockout_
from zfnet import occlusion as occlusion_
from zfnet import overwriting as overwriting_
from zfnet import pointing as pointing_
from zfnet import saliency as saliency_
from zfnet import stride as stride_
from zfnet.climb import Maximization, Progress
from zfnet.computations import logged
from zfnet.host import Host
from zfnet.images import as_view, to_pixels
from zfnet.maximization_settings import MaximizationSettings
from zfnet.model import Trace
from zfnet.sharing import Cancel
from zfnet.unit import Unit


class InferenceSession(Host):
    """One network and every method that looks into it; see :class:`zfnet.host.Host` for what they share."""

    @logged
    def filters(self, layer: str) -> np.ndarray:
        """Return the weights of a convolution, float32 (N, C, k, k); see :func:`zfnet.filters.filters`."""
        return filters_.filters(self._model, layer)

    @logged
    def classify(
        self, picture: Image.Image, *, top: int = 5, head: str = "fc", cancel: Cancel | None = None
    ) -> classification.Classification:
        """Return the most probable classes; see :func:`zfnet.classification.classify`."""
        return classification.classify(self.trace(picture, cancel=cancel), self.info.labels, top=top, head=head)

    @logged
    def feature_maps(
        self, picture: Image.Image, layer: str, *, rectified: bool = True, cancel: Cancel | None = None
    ) -> feature_maps_.FeatureMaps:
        """Return all channels of a layer; see :func:`zfnet.feature_maps.feature_maps`."""
        return feature_maps_.feature_maps(self.trace(picture, cancel=cancel), layer, rectified=rectified)

    @logged
    def layer_statistics(
        self, picture: Image.Image, *, cancel: Cancel | None = None
    ) -> tuple[feature_maps_.LayerStatistics, ...]:
        """Return how each layer answers as a whole; see :func:`zfnet.feature_maps.layer_statistics`."""
        return feature_maps_.layer_statistics(self.trace(picture, cancel=cancel))

    @logged
    def fixed_limit(self, pictures: Sequence[Image.Image], layer: str, *, cancel: Cancel | None = None) -> float:
        """Return the end of a scale that holds for all pictures: the 99.9th percentile of a layer over ``pictures``.

        Their traces are not kept.
        """

        def values(picture: Image.Image) -> np.ndarray:
            with self._compute(cancel):
                trace = self._model.trace(self.prepare(picture).to(self._device), layer)
            return feature_maps_.feature_maps(trace, layer).values

        return feature_maps_.fixed_limit(map(values, pictures), len(pictures))

    @logged
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

    @logged
    def contributions(
        self, picture: Image.Image, unit: str | Unit, *, top: int = 3, cancel: Cancel | None = None
    ) -> contributions_.Contributions:
        """Return the parts of one value; see :func:`zfnet.contributions.contributions`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return contributions_.contributions(self._model, trace, Unit.parse(unit), top=top)

    @logged
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

    @logged
    def overwriting(
        self, picture: Image.Image, units: Sequence[str | Unit], *, cancel: Cancel | None = None
    ) -> tuple[deconvnet_.Projection, ...]:
        """Return projections that unpool as common code does; see :func:`zfnet.overwriting.overwriting`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return overwriting_.overwriting(self._model, trace, [Unit.parse(unit) for unit in units])

    @logged
    def lost(self, picture: Image.Image, layer: str, *, cancel: Cancel | None = None) -> overwriting_.Lost:
        """Return how many of a layer's projections overwriting leaves blank; see :func:`zfnet.overwriting.lost`."""
        trace = self.trace(picture, cancel=cancel)
        return overwriting_.lost(self._model, trace, layer, slot=lambda: self._compute(cancel), cancel=cancel)

    @logged
    def descent(self, picture: Image.Image, unit: str | Unit, *, cancel: Cancel | None = None) -> descent_.Descent:
        """Return every operation from a unit to the pixels; see :func:`zfnet.descent.descent`."""
        trace = self.trace(picture, cancel=cancel)
        with self._compute(cancel):
            return descent_.descent(self._model, trace, Unit.parse(unit))

    @logged
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

    @logged
    def integrated_gradients(
        self,
        picture: Image.Image,
        unit: str | Unit,
        *,
        steps: int = 32,
        centred: bool = False,
        progress: Callable[[int, int], None] | None = None,
        cancel: Cancel | None = None,
    ) -> integrated_gradients_.IntegratedGradients:
        """Return what a unit's value is made of; see :func:`zfnet.integrated_gradients.integrated_gradients`.

        The slot is held for one batch of steps at a time, so that other calls go in between.
        """
        return integrated_gradients_.integrated_gradients(
            self._model,
            self.trace(picture, cancel=cancel),
            Unit.parse(unit),
            steps=steps,
            centred=centred,
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    @logged
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

    @logged
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

    @logged
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
        progress: Callable[[int, int], None] | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[cam.ClassMap, ...]:
        """Return a map for each class and method; see :func:`zfnet.cam.class_activation`.

        The slot is held for one step at a time, so that other calls go in between.
        """
        return cam.class_activation(
            self._model,
            self.trace(picture, cancel=cancel),
            classes,
            methods=methods,
            layer=layer,
            head=head,
            rectified=rectified,
            centred=centred,
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    @logged
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

    @logged
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

    @logged
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

    @logged
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

    @logged
    def occlusion(
        self,
        picture: Image.Image,
        class_index: int,
        *,
        square: occlusion_.Square | None = None,
        head: str = "fc",
        resume: occlusion_.OcclusionMaps | None = None,
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
            resume=resume,
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )

    @logged
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

    @logged
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

    @logged
    def pointing(
        self,
        picture: Image.Image,
        second: Image.Image,
        class_index: int | None = None,
        *,
        methods: Sequence[str] = ("gradcam",),
        layer: str = "conv5",
        head: str = "fc",
        centred: bool = False,
        cancel: Cancel | None = None,
    ) -> pointing_.Pointing:
        """Paste a second picture into each quadrant and ask where its class is; see :func:`zfnet.pointing.pointing`.

        The class is by default the most probable one of the second picture. The traces of the composed pictures are
        not kept.
        """
        if class_index is None:
            class_index = self.classify(second, top=1, head=head, cancel=cancel).classes[0].index

        def trace(quadrant: str) -> Trace:
            with self._compute(cancel):
                composed = pointing_.compose(picture, second, quadrant)
                return self._model.trace(self.prepare(composed).to(self._device))

        return pointing_.pointing(
            self._model,
            self.trace(picture, cancel=cancel),
            map(trace, pointing_.QUADRANTS),
            class_index,
            methods=methods,
            layer=layer,
            head=head,
            centred=centred,
            slot=lambda: self._compute(cancel),
            cancel=cancel,
        )

    @logged
    def edge_map(self, picture: Image.Image, *, cancel: Cancel | None = None) -> np.ndarray:
        """Return how much neighbouring pixels differ, float32 (224, 224); see :func:`zfnet.faithfulness.edge_map`."""
        return faithfulness.edge_map(self.trace(picture, cancel=cancel))

    @logged
    def maximize(
        self,
        units: Sequence[str | Unit],
        settings: MaximizationSettings | None = None,
        *,
        picture: Image.Image | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Maximization, ...]:
        """Return a synthesised picture for each unit; see :func:`zfnet.maximization.maximize`.

        The slot is held for one step at a time, so that other calls go in between.
        """
        return maximization.maximize(
            self._model,
            [Unit.parse(unit) for unit in units],
            settings or MaximizationSettings(),
            self._normalise,
            picture=None if picture is None else np.asarray(as_view(picture)),
            slot=lambda: self._compute(cancel),
            progress=progress,
            cancel=cancel,
        )
