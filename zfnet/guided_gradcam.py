"""Guided Grad-CAM: the fine lines of guided backpropagation, kept where Grad-CAM sees evidence for the class.

    pixels = guided backpropagation of the class · Grad-CAM at conv5, laid on the picture and divided by its maximum

Reference: Selvaraju et al. 2017, "Grad-CAM", section 3.2.

Differences from the paper: the map is laid on the picture by the centres of its cells' receptive fields, bilinear
between, where the paper resizes it.
"""

from zfnet.cam import class_activation
from zfnet.classification import head_layer
from zfnet.geometry import receptive_field
from zfnet.model import Trace, ZFNet
from zfnet.render import normalise, place
from zfnet.saliency import Saliency, saliency
from zfnet.unit import Unit


def guided_gradcam(
    model: ZFNet, trace: Trace, class_index: int, *, head: str = "fc", centred: bool = False
) -> Saliency:
    """Return the Guided Grad-CAM of one class; zero everywhere where its Grad-CAM is.

    Args:
        model: the network of the trace.
        trace: of one picture.
        class_index: the class.
        head: whose logit counts, "fc" or "gap".
        centred: take the logit less the mean of all logits; see ``zfnet.cam``.

    Raises:
        SelectionError: for a class or a head that does not exist.
    """
    (evidence,) = class_activation(model, trace, [class_index], head=head, centred=centred)
    unit = Unit(head_layer(trace, head), class_index)
    lines = saliency(model, trace, unit, method="guided", centred=centred)
    placed = place(evidence.values, receptive_field(model.config, "conv5"), model.config.input_size)
    return Saliency(unit, "guided gradcam", lines.pixels * normalise(placed, 0, float(placed.max()))[..., None])
