"""The selection and its form in the address: what is written is read again, what does not exist is
corrected and said."""

import itertools
import random
from dataclasses import fields, replace

import pytest

from pages.shared.selection import (
    COMPARED,
    GOALS,
    ORIENTATIONS,
    SCALES,
    SIZES,
    STARTS,
    STRIDES,
    Correction,
    Limits,
    Selection,
    consistent,
    from_query,
)
from pages.shared.texts import LANGUAGES
from zfnet.cam import METHODS
from zfnet.feature_maps import ORDERS
from zfnet.geometry import LAYERS, SPATIAL, TABLE, shapes
from zfnet.images import CROP_MODES
from zfnet.maximization_settings import PRESETS
from zfnet.maximization_settings import STARTS as STARTING
from zfnet.occlusion import FILLS
from zfnet.render import UNSIGNED

SHAPES = {name: shape for name, shape in shapes(TABLE).items() if name in LAYERS}
LIMITS = Limits(
    shapes=SHAPES,
    classes=1000,
    heads=("fc", "gap"),
    samples=("cat", "dog", "shapes"),
    lessons={"edges": 6, "stride": 1},
)
DEFAULT = Selection(image="cat")
DIGEST = "sha256-" + "0123456789abcdef" * 4


def read(**query: str) -> tuple[Selection, dict[str, tuple[str, str]]]:
    """Return the selection that a link asks for, and what was corrected as {parameter: (given, taken)}."""
    selection, corrections = from_query({k.rstrip("_"): v for k, v in query.items()}, LIMITS, DEFAULT)
    return selection, {c.parameter: (c.given, c.taken) for c in corrections}


def anything(rng: random.Random) -> Selection:
    """Return any selection that exists."""
    layer = rng.choice(list(SHAPES))
    channels, height, width = SHAPES[layer]
    lesson = rng.choice(["none", *LIMITS.lessons])
    return consistent(
        Selection(
            image=rng.choice([*LIMITS.samples, DIGEST]),
            crop=rng.choice(CROP_MODES),
            offset=rng.choice([0.0, 0.05, 0.35, 0.5, 0.123456, 1.0, rng.randrange(21) / 20]),
            layer=layer,
            channel=rng.choice([None, 0, channels - 1, rng.randrange(channels)]),
            position=rng.choice([None, (0, 0), (height - 1, width - 1), (rng.randrange(height), rng.randrange(width))]),
            rectified=rng.choice([True, False]),
            class_index=rng.choice([None, 0, 999, rng.randrange(1000)]),
            rival=rng.choice([None, 0, 999, rng.randrange(1000)]),
            method=rng.choice(list(METHODS)),
            evidence_layer=rng.choice(SPATIAL),
            centred=rng.choice([True, False]),
            head=rng.choice(LIMITS.heads),
            order=rng.choice(list(ORDERS)),
            hide_silent=rng.choice([True, False]),
            scale=rng.choice(SCALES),
            colormap=rng.choice(list(UNSIGNED)),
            start=rng.choice(STARTS),
            fill=rng.choice(list(FILLS)),
            size=rng.choice(SIZES),
            stride=rng.choice(STRIDES),
            period=rng.randrange(30, 321) / 10,
            orientation=rng.choice(ORIENTATIONS),
            goal=rng.choice(GOALS),
            preset=rng.choice(list(PRESETS)),
            beginning=rng.choice(STARTING),
            negative=rng.choice([True, False]),
            four=rng.choice([True, False]),
            tuning=rng.choice([(), (("l2", 0.5),), (("blur", 250.0), ("learning_rate", 0.05), ("steps", 512.0))]),
            pinned=rng.choice([None, ("dog", "move", 0.25), (DIGEST, "centre", 0.5)]),
            compared=rng.choice(COMPARED),
            present=rng.choice([True, False]),
            seed=rng.choice([0, 7, rng.randrange(10**9), rng.randrange(2**31), 2**31 - 1]),
            lesson=lesson,
            step=rng.randrange(LIMITS.lessons.get(lesson, 1)),
            language=rng.choice(list(LANGUAGES)),
        )
    )


def test_every_selection_is_read_as_it_was_written() -> None:
    rng = random.Random(0)
    for selection in (anything(rng) for _ in range(1000)):
        assert from_query(selection.to_query(), LIMITS, DEFAULT) == (selection, ())


def test_what_a_head_does_not_allow_is_corrected_and_said() -> None:
    selection, corrections = read(head="fc", method="cam")
    assert (selection.method, corrections) == ("gradcam", {"method": ("cam", "gradcam")})
    selection, corrections = read(head="gap", evidence="pool5", method="cam")
    assert (selection.evidence_layer, selection.method) == ("conv5", "cam")
    assert corrections == {"evidence": ("pool5", "conv5")}
    for method in ("cam", "ablationcam"):
        selection, corrections = read(head="gap", evidence="conv3", method=method)
        assert (selection.method, corrections) == ("gradcam", {"method": (method, "gradcam")})
    selection, corrections = read(method="scorecam")  # it has a part of the page for itself
    assert (selection.method, corrections) == ("gradcam", {"method": ("scorecam", "gradcam")})


def test_every_value_of_a_choice_is_read_as_it_was_written() -> None:
    for crop, layer, head, scale, colormap, language in itertools.product(
        CROP_MODES, SHAPES, LIMITS.heads, SCALES, UNSIGNED, LANGUAGES
    ):
        selection = replace(
            DEFAULT, crop=crop, layer=layer, head=head, scale=scale, colormap=colormap, language=language
        )
        assert from_query(selection.to_query(), LIMITS, DEFAULT) == (selection, ())


def test_every_field_is_written_even_where_it_is_the_default() -> None:
    assert len(fields(Selection)) == len(DEFAULT.to_query())
    assert DEFAULT.to_query() == {
        "image": "cat",
        "crop": "centre",
        "offset": "0.5",
        "layer": "conv5",
        "channel": "auto",
        "position": "auto",
        "rectified": "1",
        "class": "auto",
        "rival": "none",
        "head": "fc",
        "method": "gradcam",
        "evidence": "conv5",
        "centred": "1",
        "order": "maximum",
        "hide": "0",
        "scale": "map",
        "colours": "viridis",
        "start": "cell",
        "fill": "grey",
        "size": "32",
        "stride": "16",
        "period": "5",
        "orientation": "0",
        "goal": "cell",
        "preset": "normal",
        "beginning": "noise",
        "negative": "0",
        "four": "0",
        "tuning": "none",
        "seed": "0",
        "pinned": "none",
        "compared": "map",
        "present": "0",
        "lesson": "none",
        "step": "0",
        "lang": "en",
    }


def test_a_link_outlives_a_change_of_defaults() -> None:
    rng = random.Random(1)
    for _ in range(100):
        assert from_query(DEFAULT.to_query(), LIMITS, anything(rng)) == (DEFAULT, ())


def test_an_empty_address_means_the_defaults() -> None:
    assert from_query({}, LIMITS, DEFAULT) == (DEFAULT, ())
    assert from_query({"utm_source": "mail", "Layer": "conv1"}, LIMITS, DEFAULT) == (DEFAULT, ())


@pytest.mark.parametrize(
    ("parameter", "given", "taken"),
    [
        ("image", "unicorn", "cat"),
        ("image", DIGEST[:-1], "cat"),
        ("image", DIGEST.upper(), "cat"),
        ("crop", "left", "centre"),
        ("offset", "1.5", "1"),
        ("offset", "-0.5", "0"),
        ("offset", "nan", "0.5"),
        ("offset", "inf", "0.5"),
        ("offset", "half", "0.5"),
        ("layer", "conv6", "conv5"),
        ("layer", "fc9", "conv5"),
        ("size", "5", "16"),
        ("size", "33", "32"),
        ("size", "large", "32"),
        ("stride", "12", "8"),
        ("period", "99", "32"),
        ("period", "4.44", "4.4"),
        ("period", "nan", "5"),
        ("orientation", "44", "45"),
        ("fill", "black", "grey"),
        ("goal", "world", "cell"),
        ("preset", "worst", "normal"),
        ("beginning", "end", "noise"),
        ("tuning", "l2:99", "l2:20"),
        ("tuning", "steps:100", "steps:96"),
        ("tuning", "steps:1.5,size:9", "steps:32"),
        ("tuning", "l2:nan", "none"),
        ("tuning", "steps:.,l2:1.2.3", "none"),
        ("channel", "256", "255"),
        ("channel", "-1", "0"),
        ("channel", "99999999999999999999", "255"),
        ("channel", "first", "auto"),
        ("channel", "1.5", "auto"),
        ("position", "14,3", "13,3"),
        ("position", "3,999999", "3,13"),
        ("position", "-1,0", "auto"),
        ("position", "3", "auto"),
        ("rectified", "yes", "1"),
        ("class", "1000", "999"),
        ("class", "-7", "0"),
        ("class", "cat", "auto"),
        ("head", "svm", "fc"),
        ("scale", "log", "map"),
        ("colours", "jet", "viridis"),
        ("pinned", "unicorn", "none"),
        ("pinned", "dog,left,9", "dog,centre,1"),
        ("compared", "size", "map"),
        ("present", "maybe", "0"),
        ("seed", "-1", "0"),
        ("seed", "2147483648", "2147483647"),
        ("seed", "dice", "0"),
        ("lesson", "chemistry", "none"),
        ("step", "3", "0"),  # of no lesson
        ("lang", "fr", "en"),
    ],
)
def test_what_does_not_exist_is_corrected_and_reported(parameter: str, given: str, taken: str) -> None:
    selection, corrections = from_query({parameter: given}, LIMITS, DEFAULT)
    assert selection.to_query() == DEFAULT.to_query() | {parameter: taken}
    assert corrections == (Correction(parameter, given, taken),)


def test_a_channel_and_a_position_are_limited_by_the_layer_of_the_same_link() -> None:
    selection, corrections = read(layer="conv1", channel="200", position="111,112")
    assert (selection.layer, selection.channel, selection.position) == ("conv1", 95, (111, 111))
    assert corrections == {"channel": ("200", "95"), "position": ("111,112", "111,111")}


def test_a_step_is_limited_by_the_lesson_of_the_same_link() -> None:
    selection, corrections = read(step="9", lesson="edges")
    assert (selection.lesson, selection.step, corrections) == ("edges", 5, {"step": ("9", "5")})


def test_one_wrong_parameter_leaves_the_others_alone() -> None:
    selection, corrections = read(image="dog", layer="conv9", class_="281", seed="4", lang="ko")
    assert selection == replace(DEFAULT, image="dog", class_index=281, seed=4, language="ko")
    assert corrections.keys() == {"layer"}


@pytest.mark.parametrize(
    ("parameter", "given"),
    [
        ("offset", "0.50"),
        ("offset", ".5"),
        ("offset", "5e-1"),
        ("offset", "1.0"),
        ("offset", "0.3333333333"),
        ("channel", "007"),
        ("class", "0281"),
        ("seed", "00"),
        ("position", "6, 9"),
        ("position", "06,09"),
        ("channel", "auto"),
        ("class", "auto"),
        ("position", "auto"),
    ],
)
def test_the_same_number_in_another_form_is_no_correction(parameter: str, given: str) -> None:
    assert from_query({parameter: given}, LIMITS, DEFAULT)[1] == ()


@pytest.mark.parametrize("digest", [DIGEST, "sha256-" + "f" * 64])
def test_the_digest_of_an_upload_is_taken_without_knowing_it(digest: str) -> None:
    assert read(image=digest) == (replace(DEFAULT, image=digest), {})


def test_garbage_gives_a_selection_that_exists() -> None:
    rng = random.Random(2)
    letters = "0123456789-+.,:;e@_ \0\n\t%&=/\\'\"<>{}[]()*`$abcxyzAUTO가힣٣²½😀\ud800"
    words = ["auto", "nan", "-inf", "1e999", "9" * 400, "None", "True", "../../etc/passwd", "<script>", "{0}", "", "-0"]
    for _ in range(500):
        garbage = {
            parameter: rng.choice([*words, "".join(rng.choices(letters, k=rng.randrange(1, 30)))])
            for parameter in DEFAULT.to_query()
        }
        selection, corrections = from_query(garbage, LIMITS, DEFAULT)
        # What came out exists: it is read again without corrections.
        assert from_query(selection.to_query(), LIMITS, DEFAULT) == (selection, ())
        assert all(garbage[c.parameter] == c.given and c.given != c.taken for c in corrections)
