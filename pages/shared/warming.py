"""What a class asks for first, computed after the start and kept, while nobody waits for it."""

from contextlib import suppress

from pages.shared.occlusion_runs import warm as warm_occlusion
from pages.shared.pictures import embedded, sample_picture
from pages.shared.results import session
from pages.shared.unit_parts import peaks
from zfnet import Cancelled, crop
from zfnet.computations import unasked
from zfnet.geometry import LAYERS
from zfnet.sharing import Cancel


def warm(stopping: Cancel) -> None:
    """Compute which samples excite each layer most, and every sample's occlusion, some 20 seconds of processor time."""
    backend = session()
    with unasked(), suppress(Cancelled):
        for layer in LAYERS:
            if stopping():
                return
            peaks(backend, layer)
        for name in embedded():
            warm_occlusion(backend, crop(sample_picture(name)), stopping)
