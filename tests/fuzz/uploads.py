"""Uploads: damaged pictures go through everything that an upload passes, down to the network's input."""

from random import Random

from pages.shared.export import restore
from pages.shared.pictures import read_upload
from pages.shared.selection import Limits, Selection, from_query
from tests.fuzz.mutation import mutate
from tests.fuzz.seeds import seeds
from tests.fuzz.worker import Trial
from zfnet import InferenceSession, InvalidImageError, crop
from zfnet.decoding import KEPT_SIDE, MAX_RATIO, MIN_SIDE
from zfnet.geometry import shapes
from zfnet.images import CROP_MODES, VIEW_SIDE


class Uploads:
    """The cases, by seed and number."""

    def __init__(self) -> None:
        self._seeds = seeds()
        self._files = tuple(self._seeds.values())

    def case(self, seed: int, number: int) -> tuple[str, bytes]:
        """Return what kind of file it was, and its damaged bytes."""
        random = Random(f"{seed}:{number}")
        name = random.choice(list(self._seeds))
        return name.split()[0], mutate(self._seeds[name], random, self._files)


def make_trial() -> Trial:
    """Return what is done with an upload: "picture", or the reason of its refusal."""
    session = InferenceSession.load(device="cpu")
    config, default = session.info.config, Selection(image="none")
    limits = Limits(shapes(config), config.num_classes, session.info.heads, samples=("none",))

    def trial(data: bytes) -> str:
        from_query(restore(data) or {}, limits, default)
        try:
            picture = read_upload("a picture", data).picture
        except InvalidImageError as error:
            return error.reason
        assert picture.mode == "RGB"
        assert not picture.info
        shorter, longer = sorted(picture.size)
        assert MIN_SIDE <= shorter <= 2 * KEPT_SIDE
        assert longer <= MAX_RATIO * (shorter + 1)  # reducing rounds up
        for mode in CROP_MODES:
            view = crop(picture, mode, offset=0.25)
            assert (view.mode, view.size) == ("RGB", (VIEW_SIDE, VIEW_SIDE))
        assert session.prepare(picture).isfinite().all()
        return "picture"

    return trial
