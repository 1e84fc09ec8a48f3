"""The dashboard as a visitor meets it: the real server, a real browser, clicks and keys."""

import hashlib
import io
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from pages.shared import texts
from pages.shared.pictures import sample_picture, samples
from pages.shared.results import number
from pages.shared.texts import LANGUAGES
from tests.browser.conftest import PAGES, Dashboard, Visit
from tests.browser.server import Server
from zfnet import InferenceSession, InvalidImageError, crop, decode_image
from zfnet.geometry import TABLE, receptive_field, shapes

pytestmark = pytest.mark.browser

TOO_LARGE = bytes(20 * 2**20 + 1)


@pytest.fixture(scope="module")
def first_sample() -> str:
    return next(iter(samples()))


@pytest.fixture(scope="module")
def first_view(first_sample: str) -> Image.Image:
    return crop(sample_picture(first_sample))


@pytest.fixture(scope="module")
def strongest(session: InferenceSession, first_view: Image.Image) -> list[int]:
    """The channels of conv5 by their response to the first sample."""
    return [int(channel) for channel in session.feature_maps(first_view, "conv5").ranked()]


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    """A wide photograph of nothing: a sunset gradient with a dark disc."""
    y, x = np.mgrid[:300, :420]
    pixels = np.stack([255 - y / 2, 160 - y / 3 + x / 8, x / 2], -1)
    pixels[np.hypot(x - 180, y - 140) < 70] = (20, 30, 60)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def digest(data: bytes) -> str:
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


def saw(visitor: Dashboard, picture: str) -> str:
    """Return the alternative text of what went into the network."""
    return visitor.t("frame.saw_alt", picture=picture)


def fragments(language: str) -> set[str]:
    """Return what stands between the placeholders of all texts of a language; no shreds."""
    found = (part for text in texts.catalogue(language).values() for part in re.split(r"{[^}]*}|\*\*|`", text))
    return {part for part in found if len(part.strip()) > 3 and re.search(r"[^\W\d]", part)}


def cell(visitor: Dashboard, unit: str) -> Locator:
    """Return a unit's cell in the mosaic of feature maps."""
    return visitor.main.get_by_role("button", name=re.compile(rf"^{unit}, "))


def test_the_first_view_shows_a_sample_five_classes_and_a_picture_of_each_method(
    visit: Visit, session: InferenceSession, first_sample: str, first_view: Image.Image, strongest: list[int]
) -> None:
    visitor = visit()
    saw_alt = saw(visitor, samples()[first_sample].english)
    unit, classes = f"conv5:{strongest[0]}", session.classify(first_view).classes
    assert len(classes) == 5
    for score in classes:
        expect(visitor.main).to_contain_text(score.name)
        expect(visitor.main).to_contain_text(f"{score.probability:.1%}")
    visitor.shows(
        saw_alt,
        visitor.t("overview.architecture_alt"),
        visitor.t("overview.maps_alt", unit=unit),
        visitor.t("deconvnet.patch_alt", unit=unit),
        visitor.t("overview.gradcam_alt", name=classes[0].name),
        visitor.t("overview.maximization_alt", unit=unit),
    )
    # To the pixel: a picture that is looked into must not come through a lossy format.
    np.testing.assert_array_equal(visitor.pixels(saw_alt), np.asarray(first_view))
    assert visitor.query["image"] == first_sample


def test_an_upload_is_seen_on_every_page_in_the_chosen_language(visit: Visit, jpeg: bytes) -> None:
    visitor = visit()
    visitor.page.get_by_role("radio", name=LANGUAGES["ko"]).click()
    visitor.asks_for(lang="ko")
    visitor.language = "ko"
    visitor.send("노을.jpg", jpeg)
    visitor.asks_for(image=digest(jpeg))
    saw_alt = saw(visitor, "노을.jpg")
    visitor.shows(saw_alt)
    np.testing.assert_array_equal(visitor.pixels(saw_alt), np.asarray(crop(decode_image(jpeg))))

    links = visitor.page.get_by_role("navigation").first.get_by_role("link").all_inner_texts()
    assert sorted(links) == sorted(visitor.t(f"{name}.title") for name in PAGES)
    for name in [*PAGES, "overview"]:
        visitor.go(name)
        expect(visitor.page).to_have_title(re.compile(f"^{re.escape(visitor.t(f'{name}.title'))} "))
        visitor.asks_for(image=digest(jpeg), lang="ko")
        visitor.shows(saw_alt)
        others = [picture for picture in visitor.pictures() if picture[0] != saw_alt]
        # The glossary has words only, and no lesson is being taken yet.
        assert others or name in ("glossary", "lesson"), name
        for alt, width, deviation in others:
            assert alt, f"{name}: a picture without words"
            assert width > 0, alt
            assert deviation > 1, f"blank: {alt}"


def test_a_file_that_is_no_picture_is_explained_and_changes_nothing(visit: Visit, first_sample: str) -> None:
    visitor = visit()
    garbage = np.random.default_rng(0).bytes(5000)
    with pytest.raises(InvalidImageError) as refusal:
        decode_image(garbage)
    visitor.send("noise.jpg", garbage)
    told = visitor.page.get_by_role("alert").filter(has_text="noise.jpg")
    expect(told).to_contain_text(visitor.t(f"image_errors.{refusal.value.reason}", **refusal.value.values))
    expect(told).to_contain_text(visitor.t("frame.kept"))
    assert visitor.query["image"] == first_sample
    expect(visitor.image(saw(visitor, samples()[first_sample].english))).to_be_visible()
    # What was wrong is forgotten as soon as something else is chosen.
    visitor.page.get_by_role("radio", name=visitor.t("frame.crop_fit"), exact=True).click()
    visitor.asks_for(crop="fit")
    expect(told).to_have_count(0)


def test_a_choice_right_after_an_upload_is_not_undone(visit: Visit, jpeg: bytes) -> None:
    """A run that is cut short leaves the old uploader in the browser, which then sends the same file again."""
    visitor = visit()
    visitor.send("sunset.jpg", jpeg)
    visitor.asks_for(image=digest(jpeg))
    visitor.page.get_by_role("radio", name=visitor.t("frame.crop_fit"), exact=True).click()
    visitor.asks_for(crop="fit")
    visitor.shows(saw(visitor, "sunset.jpg"))
    visitor.asks_for(crop="fit", image=digest(jpeg))


def test_a_file_of_more_than_20_mib_is_refused_by_the_page_and_by_the_server(
    visit: Visit, first_sample: str, jpeg: bytes, tmp_path: Path
) -> None:
    visitor = visit()
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.method))
    (tmp_path / "large.jpg").write_bytes(TOO_LARGE)
    visitor.page.locator("input[type=file]").set_input_files(tmp_path / "large.jpg")
    expect(visitor.page.get_by_test_id("stFileUploader")).to_contain_text(re.compile("20.*MB or smaller"))
    assert "PUT" not in sent
    assert visitor.query["image"] == first_sample

    with visitor.page.expect_request(lambda request: request.method == "PUT") as upload:
        visitor.send("sunset.jpg", jpeg)
    visitor.asks_for(image=digest(jpeg))
    visitor.settle()
    token = {"X-Xsrftoken": upload.value.headers["x-xsrftoken"]}

    def put(data: bytes, headers: dict[str, str]) -> int:
        """Send a file as the page would, past its own checks; return the status."""
        file = {"name": "sunset.jpg", "mimeType": "image/jpeg", "buffer": data}
        return visitor.page.context.request.put(upload.value.url, multipart={"file": file}, headers=headers).status

    assert [put(jpeg, token), put(TOO_LARGE, token), put(jpeg, {})] == [204, 413, 403]


def test_a_link_is_opened_by_a_server_that_nobody_has_visited_yet(
    cold_server: Server, visit: Visit, first_sample: str
) -> None:
    # In this order, so that the browser is closed before its server.
    link = {"image": first_sample, "layer": "conv3", "channel": "5", "colours": "inferno", "lang": "ko"}
    visitor = visit("/feature-maps", at=cold_server, **link)
    visitor.arrived("feature_maps")
    visitor.shows(visitor.t("feature_maps.map_alt", unit="conv3:5"))
    assert link.items() <= visitor.query.items()
    assert urlsplit(visitor.page.url).path == "/feature-maps"
    visitor.page.reload()
    visitor.arrived("feature_maps")
    visitor.shows(visitor.t("feature_maps.map_alt", unit="conv3:5"))
    assert link.items() <= visitor.query.items()


def tiles(visitor: Dashboard) -> tuple[int, float, float]:
    """Return how many tiles of the feature maps stand in a row, and how wide and high each is."""
    found = cell(visitor, r"\w+:\d+")
    expect(found.first).to_be_visible()
    boxes = [found.nth(i).bounding_box() for i in range(found.count())]
    tops = {box["y"] for box in boxes if box}
    return sum(box["y"] == min(tops) for box in boxes), min(box["width"] for box in boxes), boxes[0]["height"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3", "pool5"])
def test_tiles_are_large_enough_to_be_seen_and_touched(visit: Visit, layer: str, width: int) -> None:
    visitor = visit("/feature-maps", layer=layer)
    visitor.page.set_viewport_size({"width": width, "height": 900})
    columns, wide, high = tiles(visitor)
    assert min(wide, high) >= 48
    assert columns * wide <= width
    assert cell(visitor, r"\w+:\d+").count() == 96
    visitor.main.get_by_text(visitor.t("feature_maps.all")).click()
    expect(cell(visitor, r"\w+:\d+")).to_have_count(shapes(TABLE)[layer][0])


@pytest.mark.parametrize("layer", ["conv1", "pool2", "conv5"])
def test_pointing_at_a_cell_tells_its_value_and_frames_what_it_sees(
    visit: Visit, session: InferenceSession, first_view: Image.Image, layer: str
) -> None:
    visitor = visit("/feature-maps", layer=layer, channel="7")
    values, seen = session.feature_maps(first_view, layer).values[7], receptive_field(TABLE, layer)
    here = visitor.image(visitor.t("feature_maps.map_alt", unit=f"{layer}:7"))
    there = visitor.image(visitor.t("feature_maps.overlay_alt", unit=f"{layer}:7"))
    told, side = visitor.main.locator("output:has(+ .panes)"), len(values)
    for row, column in ((0, 0), (side - 1, 0), (side // 2, side // 3), (side - 1, side - 1)):
        point(here, (column + 0.5) / side, (row + 0.5) / side)
        top, left, bottom, right = seen.box(row, column)
        said = {"row": row, "column": column, "value": number(values[row, column])}
        said |= {"top": top, "bottom": bottom - 1, "left": left, "right": right - 1}
        expect(told).to_have_text(visitor.t("feature_maps.told", **said))
        frame, picture = (one.bounding_box() for one in (marked(there), there))
        for edge, length, start, end in (("y", "height", top, bottom), ("x", "width", left, right)):
            scale = picture[length] / 224
            assert frame[edge] == pytest.approx(picture[edge] + start * scale, abs=1)
            assert frame[length] == pytest.approx((end - start) * scale, abs=1)
    # On the picture, the cell is the one whose field is centred nearest.
    row, column = side // 3, side // 2
    point(there, (seen.centre(column) + 0.5) / 224, (seen.centre(row) + 0.5) / 224)
    expect(told).to_contain_text(number(values[row, column]))


def point(image: Locator, right: float, down: float) -> None:
    """Move the pointer to a place in a picture, in shares of its width and height."""
    box = image.bounding_box()
    image.hover(position={"x": right * box["width"], "y": down * box["height"]}, force=True)


def marked(image: Locator) -> Locator:
    """Return the frame around what the cell under the pointer sees."""
    return image.locator("..").locator(".pointed")


def test_a_cell_is_chosen_by_a_click_or_by_the_keyboard_and_projected(visit: Visit) -> None:
    visitor = visit("/feature-maps", layer="conv4", channel="9")
    here = visitor.image(visitor.t("feature_maps.map_alt", unit="conv4:9"))
    box = here.bounding_box()
    here.click(position={"x": 5.5 / 14 * box["width"], "y": 3.5 / 14 * box["height"]}, force=True)
    visitor.asks_for(position="3,5")
    expect(visitor.main.get_by_text(visitor.t("feature_maps.arithmetic", unit="conv4:9@3,5"))).to_be_visible()
    visitor.settle()
    pane = here.locator("..")
    pane.focus()
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Enter")
    visitor.asks_for(position="4,6")
    visitor.go("deconvnet")
    expect(visitor.main.get_by_role("radio", name=visitor.t("deconvnet.start_position"))).to_be_checked()
    visitor.asks_for(position="4,6")


def test_a_bar_of_a_fully_connected_layer_can_be_chosen(visit: Visit) -> None:
    visitor = visit("/feature-maps", layer="fc6")
    visitor.main.locator(".plotly .bars .point").nth(5).click(force=True)
    visitor.page.wait_for_url(re.compile(r"[?&]channel=\d+"))
    visitor.settle()
    channel = visitor.query["channel"]
    expect(visitor.main.get_by_text(visitor.t("feature_maps.arithmetic", unit=f"fc6:{channel}"))).to_be_visible()


def test_one_of_the_nine_strongest_units_can_be_taken_apart(visit: Visit, strongest: list[int]) -> None:
    visitor = visit("/deconvnet", start="nine")
    visitor.main.get_by_role("button", name=re.compile(rf"^conv5:{strongest[3]}@")).click()
    visitor.asks_for(channel=str(strongest[3]), start="cell")
    visitor.shows(visitor.t("deconvnet.patch_alt", unit=f"conv5:{strongest[3]}"))


def test_a_bar_of_grad_cam_leads_to_its_channel(
    visit: Visit, session: InferenceSession, first_view: Image.Image
) -> None:
    visitor = visit("/gradcam")
    index = session.classify(first_view).classes[0].index
    ranked = session.channel_evidence(first_view, index, centred=True).ranked()
    visitor.main.locator(".plotly .bars .point").nth(3).click(force=True)
    visitor.asks_for(layer="conv5", channel=str(ranked[3]))
    visitor.settle()
    visitor.main.get_by_role("link", name=visitor.t("gradcam.to_map", unit=f"conv5:{ranked[3]}")).click()
    visitor.arrived("feature_maps")
    visitor.shows(visitor.t("feature_maps.map_alt", unit=f"conv5:{ranked[3]}"))


def test_the_evidence_tells_its_numbers(visit: Visit, session: InferenceSession, first_view: Image.Image) -> None:
    visitor = visit("/gradcam", method="layercam", **{"class": "281"})
    name = session.info.labels.name(281)
    (found,) = session.class_activation(first_view, [281], methods=["layercam"], rectified=False, centred=True)
    here = visitor.image(visitor.t("gradcam.map_alt", name=name))
    for row, column in ((0, 0), (6, 9), (13, 13)):
        point(here, (column + 0.5) / 14, (row + 0.5) / 14)
        expect(visitor.main.locator("output:has(+ .panes)").first).to_contain_text(number(found.values[row, column]))


def test_occlusion_runs_by_itself_and_tells_what_every_square_costs(
    visit: Visit, session: InferenceSession, first_view: Image.Image
) -> None:
    visitor = visit("/occlusion")
    index = session.classify(first_view).classes[0].index
    found = session.occlusion(first_view, index)
    lowest = float(found.probability.min())
    expect(visitor.main).to_contain_text(re.compile(rf"{lowest:.1%}"))
    visitor.settle()
    assert len(visitor.pictures()) >= 4


def test_a_filter_is_chosen_on_the_architecture_page(visit: Visit) -> None:
    visitor = visit("/architecture")
    visitor.main.get_by_role("button", name="conv1:40", exact=True).click()
    visitor.asks_for(layer="conv1", channel="40")
    visitor.settle()
    expect(visitor.main.get_by_role("button", name="conv1:40", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(visitor.image(visitor.t("architecture.field_alt", unit="conv1:40"))).to_be_visible()


def test_a_click_on_a_feature_map_selects_its_channel_on_every_page(visit: Visit, strongest: list[int]) -> None:
    visitor, unit = visit("/feature-maps"), f"conv5:{strongest[14]}"
    cell(visitor, unit).click()
    visitor.asks_for(channel=str(strongest[14]))
    expect(cell(visitor, unit)).to_have_attribute("aria-pressed", "true")
    expect(visitor.main.get_by_role("button", pressed=True)).to_have_count(1)
    visitor.shows(visitor.t("feature_maps.map_alt", unit=unit), visitor.t("feature_maps.overlay_alt", unit=unit))
    visitor.go("deconvnet")
    visitor.shows(*(visitor.t(f"deconvnet.{name}_alt", unit=unit) for name in ("input", "patch")))
    visitor.go("overview")
    visitor.shows(visitor.t("overview.maps_alt", unit=unit))
    visitor.asks_for(channel=str(strongest[14]))


@pytest.mark.parametrize("seed", range(3))
def test_a_visitor_in_a_hurry_keeps_what_was_chosen(visit: Visit, seed: int) -> None:
    """Every click cuts short the run of the one before, the first one that of a page that has only begun to load."""
    chosen = {"layer": "conv3", "channel": "5", "class": "7", "crop": "fit", "colours": "grey", "lang": "ko"}
    visitor, haste = visit(settled=False, **chosen), np.random.default_rng(seed)
    for name in haste.choice(PAGES, 6):
        visitor.page.get_by_role("link", name=visitor.t(f"{name}.title"), exact=True).first.click()
        visitor.page.wait_for_timeout(int(haste.choice([0, 50, 150, 300, 700])))
    visitor.go("feature_maps")
    visitor.shows(visitor.t("feature_maps.map_alt", unit="conv3:5"))
    assert chosen.items() <= visitor.query.items()


def test_an_arrow_key_and_enter_select_the_neighbouring_feature_map(visit: Visit, strongest: list[int]) -> None:
    visitor = visit("/feature-maps")
    columns = tiles(visitor)[0]
    here, neighbour, below = (f"conv5:{strongest[place]}" for place in (0, 1, 1 + columns))
    cell(visitor, here).focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(cell(visitor, neighbour)).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.asks_for(channel=str(strongest[1]))
    visitor.shows(visitor.t("feature_maps.map_alt", unit=neighbour))
    # The walk goes on from where it was.
    expect(cell(visitor, neighbour)).to_be_focused()
    visitor.page.keyboard.press("ArrowDown")
    expect(cell(visitor, below)).to_be_focused()
    visitor.page.keyboard.press("Space")
    visitor.asks_for(channel=str(strongest[1 + columns]))


@pytest.mark.parametrize("name", ["overview", "gradcam"])
def test_the_language_switch_turns_every_text_and_the_class_names(
    visit: Visit, session: InferenceSession, first_view: Image.Image, name: str
) -> None:
    visitor = visit()
    visitor.go(name)
    labels, classes = session.info.labels, session.classify(first_view).classes
    for language in ("ko", "en"):
        visitor.page.get_by_role("radio", name=LANGUAGES[language]).click()
        visitor.asks_for(lang=language)
        visitor.language = language
        for score in classes:
            expect(visitor.main).to_contain_text(labels.name(score.index, language))
        visitor.settle()
        words = visitor.page.locator("body").inner_text()
        other = "en" if language == "ko" else "ko"
        known = "\n".join(texts.catalogue(language).values())  # some words of the one are explained by the other
        assert not {fragment for fragment in fragments(other) if fragment in words and fragment not in known}
        names = {labels.name(score.index, other) for score in classes}
        assert not {name for name in names if name in words}


def test_a_korean_browser_is_greeted_in_korean(visit: Visit, first_sample: str) -> None:
    visitor = visit(locale="ko-KR")
    visitor.arrived("overview")
    assert visitor.query["lang"] == "ko"
    visitor.shows(saw(visitor, samples()[first_sample].korean))


def test_a_link_to_an_upload_shows_it_to_nobody_who_has_not_sent_it(
    visit: Visit, first_sample: str, first_view: Image.Image, jpeg: bytes
) -> None:
    owner = visit()
    owner.send("sunset.jpg", jpeg)
    owner.asks_for(image=digest(jpeg))
    owner.shows(saw(owner, "sunset.jpg"))

    link = {name: values[-1] for name, values in parse_qs(urlsplit(owner.page.url).query).items()}
    guest = visit("/", **link)
    told = guest.main.get_by_text(guest.t("frame.missing_upload"))
    expect(told).to_be_visible()
    shown = saw(guest, samples()[first_sample].english)
    guest.shows(shown)
    np.testing.assert_array_equal(guest.pixels(shown), np.asarray(first_view))
    expect(guest.page.get_by_text("sunset.jpg")).to_have_count(0)
    guest.asks_for(image=digest(jpeg))

    guest.send("the same.jpg", jpeg)
    guest.shows(saw(guest, "the same.jpg"))
    expect(told).to_have_count(0)


def test_a_live_maximization_grows_a_picture_and_leaves_a_film(visit: Visit, strongest: list[int]) -> None:
    visitor, unit = visit(tuning="steps:96"), f"conv5:{strongest[0]}@7,7"
    visitor.go("maximization")
    growing = visitor.main.get_by_role("img", name=visitor.t("maximization.alt", name=unit), exact=True)
    film = visitor.main.get_by_role("slider", name=visitor.t("maximization.slider"), exact=True)
    before = growing.count()
    visitor.main.get_by_role("button", name=visitor.t("maximization.run", name=unit)).click()
    expect(growing).to_have_count(before + 1)
    early = growing.last.get_attribute("src")
    expect(growing.last).not_to_have_attribute("src", early)
    expect(film).to_be_visible(timeout=60_000)
    visitor.settle()
    values = {"measure": visitor.t("maximization.measure_cell"), "steps": 96, "start": "0.50", "end": "0.50"}
    caption = visitor.t("maximization.live_caption", name=unit, height=139, width=139, **values)
    start, end = numbers_like(caption, visitor.main.inner_text())
    assert float(end) > float(start.replace("−", "-")) + 1
    expect(visitor.main.get_by_role("progressbar")).to_have_count(0)
    # It is scrubbed through by hand, from its end to its beginning, without the server.
    expect(film).to_have_attribute("aria-valuetext", visitor.t("maximization.frame", step=96, steps=96, value=end))
    film.press("Home")
    first = visitor.t("maximization.frame", step=0, steps=96, value=start)
    expect(film).to_have_attribute("aria-valuetext", first)
    expect(visitor.main.get_by_text(first)).to_be_visible()
    visitor.main.get_by_role("button", name=visitor.t("maximization.play"), exact=True).click()
    expect(film).to_have_attribute(
        "aria-valuetext", visitor.t("maximization.frame", step=96, steps=96, value=end), timeout=10_000
    )


def test_a_maximization_can_be_stopped_and_does_not_stop_others(visit: Visit, strongest: list[int]) -> None:
    visitor, unit = visit(preset="best"), f"conv5:{strongest[0]}@7,7"
    visitor.go("maximization")
    run = visitor.main.get_by_role("button", name=visitor.t("maximization.run", name=unit))
    run.click()
    bar = visitor.main.get_by_role("progressbar")
    expect(bar).to_be_visible()
    # Somebody else's page is served between its steps, and somebody else's picture waits in the queue.
    other = visit(preset="best", seed="1")
    other.go("deconvnet")
    other.shows(other.t("deconvnet.patch_alt", unit=f"conv5:{strongest[0]}"))
    other.go("maximization")
    other.main.get_by_role("button", name=other.t("maximization.run", name=unit)).click()
    expect(other.main.get_by_text(other.t("maximization.waiting", place=1))).to_be_visible()
    visitor.main.get_by_role("button", name=visitor.t("maximization.stop"), exact=True).click()
    expect(bar).to_have_count(0)
    visitor.settle()
    expect(run).to_be_enabled()
    expect(other.main.get_by_text(re.compile(r"^step \d+ of 512"))).to_be_visible()
    other.main.get_by_role("button", name=other.t("maximization.stop"), exact=True).click()


def numbers_like(template: str, words: str) -> list[str]:
    """Return the numbers that stand in a text where they stand in a template."""
    pattern = re.sub(r"0\\\.50", r"([−0-9.]+)", re.escape(template))
    match = re.search(pattern, words)
    assert match, f"{template!r} is not in {words!r}"
    return list(match.groups())
