"""Every page, run without a browser: it renders for whatever is selected, and one selection holds for all of them."""

import ast
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Widget

from pages.shared import texts
from pages.shared.glossary import linked
from pages.shared.occlusion_runs import Asked
from pages.shared.occlusions import percent
from pages.shared.pictures import sample_picture, samples
from pages.shared.selection import SCALES, STARTS, Selection
from pages.shared.state import MAX_UPLOADS, provenance
from tests.test_house import ROOT
from tests.test_texts import called
from zfnet import InferenceSession, crop, images
from zfnet.decoding import FORMATS
from zfnet.feature_maps import ORDERS
from zfnet.geometry import LAYERS, SPATIAL
from zfnet.occlusion import OcclusionMaps, Square

DASHBOARD = ROOT / "pages" / "shared" / "dashboard.py"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
UNKNOWN = "sha256-" + "0" * 64

Open = Callable[..., AppTest]


@pytest.fixture
def visit() -> Open:
    """Open the dashboard with a link's parameters, at a page."""

    def opened(page: str = "overview", **query: str) -> AppTest:
        at = AppTest.from_file(DASHBOARD, default_timeout=60)
        at.query_params.update({name.rstrip("_"): value for name, value in query.items()})
        return turn(run(at), page)

    return opened


def run(at: AppTest | Widget) -> AppTest:
    """Run the page, with a widget's new value; nothing may have gone wrong."""
    ran: AppTest = at.run()
    assert [f"{error.message}\n{error.stack_trace}" for error in ran.exception] == []
    return ran


def turn(at: AppTest, page: str) -> AppTest:
    """Go to another page."""
    return run(at.switch_page(f"../{page}.py"))


def chosen(at: AppTest) -> Selection:
    selection: Selection = at.session_state["selection"]
    # The address always says the same.
    assert dict(at.query_params) == selection.to_query() | provenance()
    return selection


def words(at: AppTest) -> str:
    """Return everything that is written on the page, the side included."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success")
    written = [element.value for kind in kinds for element in getattr(at, kind)]
    return "\n".join([*written, *(caption for image in at.image for caption in image.captions)])


def seen(at: AppTest) -> tuple[str, str]:
    """Return what the network saw: the address of the picture, which follows from its pixels, and what it is called."""
    said = re.escape(texts.text("frame.saw_alt", chosen(at).language, picture="|")).replace(r"\|", "(.*)")
    ((picture, name),) = (
        (image.value[0], match[1]) for image in at.image if (match := re.fullmatch(said, image.proto.imgs[0].alt))
    )
    return picture, name


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def drawn(number: int = 0) -> Image.Image:
    """Return a picture, another one for every number."""
    picture = Image.new("RGB", (320, 240), (40 * number % 256, 120, 200))
    ImageDraw.Draw(picture).ellipse((60, 30 + number, 220, 200), fill=(250, 200, 30 * number % 256))
    return picture


def send(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files])
    return run(at)


def digest(data: bytes) -> str:
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


@pytest.fixture(scope="module")
def silent(session: InferenceSession) -> dict[str, str]:
    """The address of a unit that does not respond to its sample anywhere."""
    for name in samples():
        view = crop(sample_picture(name))
        for layer in SPATIAL:
            if (quiet := session.feature_maps(view, layer).silent).any():
                return {"image": name, "layer": layer, "channel": str(int(quiet.argmax()))}
    raise AssertionError("every unit responds to every sample")


def navigation() -> Iterator[tuple[str, str]]:
    """Return file and title of the pages in the navigation, read from the code."""
    for node in ast.walk(ast.parse(DASHBOARD.read_text("utf-8"))):
        if isinstance(node, ast.Call) and called(node) == "Page":
            (title,) = (ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "title")
            yield ast.literal_eval(node.args[0]), title


def test_every_page_is_in_the_navigation_once_under_its_own_title() -> None:
    assert sorted(navigation()) == [(f"../{page}.py", f"t('{page}.title')") for page in PAGES]


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_renders_in_every_language(visit: Open, page: str, language: str) -> None:
    at = visit(page, lang=language, **({"lesson": "edges-to-parts", "step": "1"} if page == "lesson" else {}))
    assert [title.value for title in at.title] == [texts.text(f"{page}.title", language)]
    # What the network saw, and something of the page's own; the glossary has only words.
    assert len(at.main.image) + len(at.main.dataframe) >= 2 - (page == "glossary")
    assert bool(re.search("[가-힣]", words(at))) == (language == "ko")


def test_a_korean_browser_is_greeted_in_korean_and_any_other_in_english() -> None:
    for locale, language in (("ko-KR", "ko"), ("ko", "ko"), ("en-GB", "en"), ("fr-FR", "en")):
        at = AppTest.from_file(DASHBOARD, default_timeout=60)
        at.context["locale"] = locale
        assert chosen(run(at)).language == language


def test_a_link_selects_what_it_names_on_every_page(visit: Open) -> None:
    image = list(samples())[1]
    query = {"image": image, "crop": "move", "offset": "0.25", "layer": "conv3", "channel": "5", "position": "6,9"}
    query |= {"rectified": "0", "class": "281", "head": "fc", "order": "mean", "hide": "1", "scale": "layer"}
    query |= {"colours": "inferno", "start": "cell", "seed": "9", "lang": "en"}
    at = visit(**query)
    wanted = Selection(
        image=image,
        crop="move",
        offset=0.25,
        layer="conv3",
        channel=5,
        position=(6, 9),
        rectified=False,
        class_index=281,
        order="mean",
        hide_silent=True,
        scale="layer",
        colormap="inferno",
        seed=9,
    )
    for page in PAGES:
        turn(at, page)
        assert chosen(at) == wanted
        assert seen(at)[1] == samples()[image].english
        assert not at.session_state["corrections"]
    assert "conv3:5" in words(turn(at, "overview"))
    assert "conv3:5" in words(turn(at, "deconvnet"))
    assert "row 6, column 9" in words(at)


def test_a_link_that_asks_for_too_much_says_what_is_shown_instead(visit: Open) -> None:
    at = visit(image="unicorn", channel="256", seed="7")
    assert (chosen(at).image, chosen(at).channel, chosen(at).seed) == (next(iter(samples())), 255, 7)
    said = [warning.value for warning in at.warning]
    for given, taken in (("unicorn", chosen(at).image), ("256", "255")):
        assert any(given in text and taken in text for text in said)
    assert not any("seed" in text for text in said)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_link_cannot_bring_pictures_or_links_onto_the_page(visit: Open, language: str) -> None:
    evil = "a`\n\n![x](https://example.org/x.png) [y](https://example.org) <img src=x> :material/undo: $x$"
    at = visit(layer=evil, image=evil, lang=language)
    assert "example.org" in words(at)
    shown = re.sub(r"`[^`\n]*`", "", words(at))  # what stands in code marks is shown as it is
    assert not re.search(r"example\.org|img src|\$x\$", shown)


def test_a_link_to_an_upload_unlocks_nothing_until_the_file_is_sent(visit: Open) -> None:
    data = encoded(drawn(), "JPEG")
    first = seen(visit())
    at = visit(image=digest(data))
    for page in PAGES:
        turn(at, page)
        assert texts.text("frame.missing_upload", "en") in words(at)
        assert seen(at) == first
    assert chosen(at).image == digest(data)
    send(at, ("again.jpg", data))
    assert texts.text("frame.missing_upload", "en") not in words(at)
    assert seen(at)[1] == "again.jpg"


def test_an_upload_of_one_visitor_is_no_other_visitors(visit: Open) -> None:
    data = encoded(drawn())
    mine, theirs = send(visit(), ("mine.png", data)), visit(image=digest(data))
    assert seen(mine)[0] != seen(theirs)[0]
    assert theirs.session_state["uploads"] == {}


def test_an_upload_is_selected_and_goes_through_every_page(visit: Open) -> None:
    data = encoded(drawn(), "JPEG")
    at = visit()
    before = seen(at)
    send(at, ("my picture.jpg", data))
    uploaded = seen(at)
    assert chosen(at).image == digest(data)
    assert uploaded[1] == "my picture.jpg"
    assert uploaded[0] != before[0]
    for page in PAGES:
        assert seen(turn(at, page)) == uploaded
    assert not at.error


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_file_that_is_no_picture_is_explained_and_changes_nothing(visit: Open, language: str) -> None:
    at = visit(lang=language, layer="conv4", channel="3")
    before, selection = seen(at), chosen(at)
    send(at, ("letter.jpg", b"Dear Sir or Madam"))
    assert (seen(at), chosen(at)) == (before, selection)
    (error,) = at.error
    assert "letter.jpg" in error.value
    assert texts.text("image_errors.not_a_picture", language, formats=", ".join(FORMATS)) in error.value
    assert texts.text("frame.kept", language) in error.value
    # The next good file is taken, and the complaint is gone.
    send(at, ("good.png", encoded(drawn())))
    assert not at.error
    assert seen(at)[1] == "good.png"


def test_several_files_are_taken_at_once_and_the_last_good_one_is_selected(visit: Open) -> None:
    good = [encoded(drawn(i)) for i in range(3)]
    small = encoded(Image.new("RGB", (8, 8)))
    at = visit()
    send(at, ("0.png", good[0]), ("small.png", small), ("1.png", good[1]), ("2.png", good[2]), ("empty.png", b""))
    assert list(at.session_state["uploads"]) == [digest(data) for data in good]
    assert chosen(at).image == digest(good[2])
    assert [name for name in ("small.png", "empty.png") for error in at.error if name in error.value] == [
        "small.png",
        "empty.png",
    ]
    assert len(at.error) == 2
    # The picture did change.
    assert texts.text("frame.kept", "en") not in words(at)


def test_one_upload_too_many_drops_the_oldest(visit: Open) -> None:
    files = [(f"{i}.png", encoded(drawn(i))) for i in range(MAX_UPLOADS + 1)]
    at = send(visit(), *files[:MAX_UPLOADS])
    assert [upload.name for upload in at.session_state["uploads"].values()] == [name for name, _ in files[:MAX_UPLOADS]]
    send(at, files[0])  # sent again: now the newest
    send(at, files[-1])
    kept = [upload.name for upload in at.session_state["uploads"].values()]
    assert kept == [*(f"{i}.png" for i in range(2, MAX_UPLOADS)), "0.png", f"{MAX_UPLOADS}.png"]
    assert chosen(at).image == digest(files[-1][1])


def test_a_silent_unit_is_named_as_such(visit: Open, silent: dict[str, str]) -> None:
    at = visit(**silent)
    sentence = texts.text("frame.silent", "en", unit=f"{silent['layer']}:{silent['channel']}", strongest="|")
    for page in PAGES:
        turn(at, page)
        if page in ("architecture", "feature_maps", "deconvnet"):
            assert any(info.value.startswith(sentence.split("|")[0]) for info in at.info)


@pytest.mark.parametrize(
    ("colour", "looks"),
    [("black", {}), ("white", {"layer": "pool1", "scale": "layer", "rectified": False, "class_index": 7})],
)
def test_a_picture_of_one_colour_is_shown_by_every_page(visit: Open, colour: str, looks: dict[str, Any]) -> None:
    at = send(visit(), ("flat.png", encoded(Image.new("RGB", (64, 40), colour))))
    at.session_state["selection"] = replace(chosen(at), **looks)
    for page in PAGES:
        turn(at, page)


@pytest.mark.parametrize("page", PAGES)
def test_every_layer_can_be_looked_at_on_every_page(visit: Open, page: str) -> None:
    at = visit(page, rectified="0", scale="layer", colours="grey")
    for layer in LAYERS:
        run(at.selectbox(key="choose_layer").set_value(layer))
        assert chosen(at).layer == layer
        if page in ("overview", "feature_maps"):
            assert f"{layer}:" in words(at)
    if page == "deconvnet":
        assert texts.text("deconvnet.no_map", "en", layer="fc8") in words(at)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("order", ORDERS)
def test_maps_are_shown_in_every_order_and_scale(visit: Open, order: str, scale: str) -> None:
    at = visit("feature_maps", layer="conv2", order=order, scale=scale, hide="1")
    run(at.toggle(key="all_channels").set_value(True))
    run(at.toggle(key="choose_rectified").set_value(False))
    assert (chosen(at).order, chosen(at).scale, chosen(at).hide_silent) == (order, scale, True)
    assert "conv2:" in words(at)


def test_the_parts_of_a_value_are_printed_so_that_they_add_up(visit: Open, session: InferenceSession) -> None:
    for unit in ("conv1:3", "conv4:17@0,0", "conv5:9", "fc6:40", "fc7:7", "fc8:281"):
        layer, _, rest = unit.partition(":")
        channel, _, position = rest.partition("@")
        at = visit("feature_maps", layer=layer, channel=channel, position=position or "auto")
        (table,) = (html.proto.body for html in at.get("html") if "class='arithmetic'" in html.proto.body)
        lines = re.findall(r"<td>(−?[\d.]+)</td></tr>", table)
        *parts, total = (Decimal(line.replace("−", "-")) for line in lines[: 6 if layer != "conv1" else 5])
        view = crop(sample_picture(chosen(at).image))
        assert sum(parts) == total
        assert abs(float(total) - session.contributions(view, unit).before) < 1e-4


def test_what_is_projected_can_be_chosen(visit: Open) -> None:
    at = visit("deconvnet", layer="conv3", channel="5")
    control = at.segmented_control(key="choose_start")
    assert control.value == "strongest"
    run(control.set_value("position"))
    strongest = chosen(at).position
    assert strongest is not None
    for start in ("nine", "map"):
        run(at.segmented_control(key="choose_start").set_value(start))
        assert (chosen(at).start, chosen(at).position) == (start, strongest)
        assert (texts.text("deconvnet.whole_map", "en") in words(at)) == (start == "map")
    assert at.segmented_control(key="choose_start").value == "map"
    run(at.segmented_control(key="choose_start").set_value("strongest"))
    assert (chosen(at).start, chosen(at).position) == ("cell", None)


def test_what_a_projection_cannot_show_is_always_said(visit: Open) -> None:
    for start in STARTS:
        for layer in ("conv1", "pool5", "fc7"):
            at = visit("deconvnet", start=start, layer=layer)
            limits = texts.text("deconvnet.limits", "en")
            assert linked(texts.text("frame.limits", "en", text=limits), "en") in words(at)


def test_another_layer_begins_at_its_strongest_channel_and_a_cleared_channel_too(visit: Open) -> None:
    at = visit("feature_maps", channel="17", position="3,4")
    run(at.selectbox(key="choose_layer").set_value("conv3"))
    assert (chosen(at).layer, chosen(at).channel, chosen(at).position) == ("conv3", None, None)
    run(at.selectbox(key="choose_channel").set_value(8))
    assert (chosen(at).layer, chosen(at).channel) == ("conv3", 8)
    run(at.selectbox(key="choose_channel").set_value(None))
    assert chosen(at).channel is None
    run(at.segmented_control(key="choose_layerpage").set_value("conv2"))
    assert chosen(at).layer == at.selectbox(key="choose_layer").value == "conv2"


def test_the_language_can_be_changed_on_every_page(visit: Open) -> None:
    at = visit()
    for page in PAGES:
        for language in texts.LANGUAGES:
            run(turn(at, page).segmented_control(key="choose_language").set_value(language))
            assert at.title[0].value == texts.text(f"{page}.title", language)
            assert chosen(at).language == language


def test_a_class_chosen_by_its_button_is_chosen_everywhere(visit: Open, session: InferenceSession) -> None:
    at = visit("gradcam")
    third = session.classify(crop(sample_picture(chosen(at).image))).classes[2]
    run(at.button(key=f"class_{third.index}").click())
    assert chosen(at).class_index == third.index
    assert third.name in words(turn(at, "overview"))


def covering(visit: Open, *, fill: str = "grey", size: int = 96, stride: int = 32, **query: str) -> AppTest:
    """Open the page of occlusion with coarse squares."""
    at = visit("occlusion", **query)
    at.slider(key="choose_size").set_value(size)
    at.segmented_control(key="choose_stride").set_value(stride)
    return run(at.segmented_control(key="choose_fill").set_value(fill))


def costs(at: AppTest, session: InferenceSession, square: Square, **options: Any) -> tuple[str, str]:
    """Return what the page should say about the place that costs most, and about the answers."""
    name, language = partial(session.info.labels.name, language=chosen(at).language), chosen(at).language
    found = session.occlusion(crop(sample_picture(chosen(at).image)), square=square, **options)
    (top, bottom), (left, right) = (found.span(cell) for cell in found.lowest)
    sides = {"top": top, "bottom": bottom, "left": left, "right": right, "name": name(found.class_index)}
    values = {"whole": f"{found.whole[0]:.1%}", "low": f"{found.probability.min():.1%}"}
    count = int((found.label != found.whole[2]).sum())
    said = {"answer": name(found.whole[2]), "places": found.label.size}
    answers = texts.text("occlusion.changes", language, count=count, **said) if count else None
    return (
        texts.text("occlusion.falls", language, **sides, **values),
        answers or texts.text("occlusion.stays", language, **said),
    )


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_covering_says_where_it_costs_most_for_any_class(visit: Open, session: InferenceSession, language: str) -> None:
    at = covering(visit, lang=language)
    first, second = session.classify(crop(sample_picture(chosen(at).image))).classes[:2]
    for sentence in costs(at, session, Square(96, 32), class_index=first.index):
        assert sentence in words(at)
    run(at.button(key=f"class_{second.index}").click())
    for sentence in costs(at, session, Square(96, 32), class_index=second.index):
        assert sentence in words(at)


def test_covering_follows_the_head_and_the_fill(visit: Open, session: InferenceSession) -> None:
    at = covering(visit, class_="288")
    run(at.segmented_control(key="choose_head").set_value("gap"))
    for sentence in costs(at, session, Square(96, 32), class_index=288, head="gap"):
        assert sentence in words(at)
    run(at.segmented_control(key="choose_fill").set_value("noise"))
    run(at.number_input(key="choose_seed").set_value(5))
    for sentence in costs(at, session, Square(96, 32, "noise", 5), class_index=288, head="gap"):
        assert sentence in words(at)


def test_maps_are_computed_once_for_everybody(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Square] = []
    compute = InferenceSession.occlusion

    def counted(self: InferenceSession, *arguments: Any, square: Square, **options: Any) -> OcclusionMaps:
        asked.append(square)
        return compute(self, *arguments, square=square, **options)

    monkeypatch.setattr(InferenceSession, "occlusion", counted)
    at = covering(visit, size=80)
    first = len(asked)
    assert asked[-1] == Square(80, 32)
    turn(turn(at, "overview"), "occlusion")
    run(at.segmented_control(key="choose_language").set_value("ko"))
    covering(visit, size=80)
    assert len(asked) == first
    # Noise depends on the seed, nothing else does.
    run(covering(visit, size=80, fill="blur", seed="3").segmented_control(key="choose_fill").set_value("grey"))
    assert asked[first:] == [Square(80, 32, "blur")]


def test_many_places_are_visited_only_when_asked_for(visit: Open) -> None:
    at = covering(visit, stride=8)
    label = texts.text("occlusion.run", "en", places=289)
    (button,) = (button for button in at.button if button.label == label)
    assert texts.text("occlusion.many", "en", places=289, times=289 / 169) in words(at)
    assert "places the answer" not in words(at)
    run(button.click())
    assert "289" in words(at)
    assert label not in [button.label for button in at.button]
    assert "places the answer" in words(at)


@pytest.fixture
def clicks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Stop runs of the occlusion as a click does: each after so many places as are put in this list."""
    due: list[int] = []
    compute = InferenceSession.occlusion

    def interrupted(self: InferenceSession, *arguments: Any, progress: Any = None, **options: Any) -> OcclusionMaps:
        def watched(done: int, places: int, maps: Any) -> None:
            if progress:
                progress(done, places, maps)
            if due and done >= due[0]:
                del due[0]
                st.stop()

        return compute(self, *arguments, progress=watched, **options)

    monkeypatch.setattr(InferenceSession, "occlusion", interrupted)
    yield due
    assert not due


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_stopped_run_is_shown_as_far_as_it_came_and_goes_on(
    visit: Open, session: InferenceSession, clicks: list[int], language: str
) -> None:
    # Another picture for each language: what one visitor has had computed is there for all.
    image = list(samples())[list(texts.LANGUAGES).index(language)]
    at = covering(visit, stride=8, size=92, lang=language, image=image)
    clicks += [60, 100]
    run(at.button(key="visit").click())
    for done in (64, 112):
        run(at)
        said = texts.text("occlusion.stopped", language, done=done, places=324)
        assert said in words(at)
        assert at.button(key="visit").label == texts.text("occlusion.go_on", language, done=done, places=324)
        part = at.session_state["stopped_occlusion"].maps
        name = session.info.labels.name(part.class_index, language)
        drawn = texts.text("occlusion.preview_alt", language, name=name)
        assert drawn in [image.proto.imgs[0].alt for image in at.main.image]
        run(at.button(key="visit").click())
    assert "stopped_occlusion" not in at.session_state
    for sentence in costs(at, session, Square(92, 8), class_index=part.class_index):
        assert sentence in words(at)


def test_a_stopped_run_outlives_other_questions_but_not_a_longer_one(visit: Open, clicks: list[int]) -> None:
    at = covering(visit, stride=8, size=88)
    first = at.button(key="visit").label
    clicks.append(60)
    run(at.button(key="visit").click())
    # A short run, which begins by itself, goes on by itself, and leaves the longer one alone.
    run(at.segmented_control(key="choose_stride").set_value(32))
    assert "visit" not in [button.key for button in at.button]
    turn(turn(at, "overview"), "occlusion")
    run(at.segmented_control(key="choose_stride").set_value(8))
    assert "64" in at.button(key="visit").label
    # Another fill is another question.
    run(at.segmented_control(key="choose_fill").set_value("mean"))
    assert at.button(key="visit").label == first
    clicks.append(16)
    run(at.button(key="visit").click())
    run(at.segmented_control(key="choose_fill").set_value("grey"))
    assert at.button(key="visit").label == first


def test_a_stopped_run_is_of_one_picture(visit: Open, clicks: list[int]) -> None:
    at = covering(visit, stride=8, size=84)
    clicks.append(16)
    run(at.button(key="visit").click())
    run(at)
    part = at.session_state["stopped_occlusion"].maps
    assert np.isfinite(part.probability).sum() == part.visited == 16
    at.session_state["selection"] = replace(chosen(at), image=list(samples())[3])
    assert texts.text("occlusion.run", "en", places=part.label.size) == run(at).button(key="visit").label


def test_what_the_network_sees_is_shown_at_the_place_that_was_clicked(visit: Open, session: InferenceSession) -> None:
    def shown() -> list[str]:
        return [image.proto.imgs[0].alt for image in at.main.image]

    at = covering(visit)
    view = crop(sample_picture(chosen(at).image))
    best = session.classify(view).classes[0].index
    about = (images.digest(view), Asked(best, Square(96, 32), "fc"))
    at.session_state["covered"] = (about, (4, 1))
    run(at)
    clicked = texts.text("occlusion.covered_alt", "en", top=128, bottom=223, left=32, right=127)
    assert clicked in shown()
    run(at.slider(key="choose_size").set_value(92))
    assert clicked not in shown()


def test_where_covering_changes_nothing_the_page_says_so(visit: Open) -> None:
    at = turn(send(visit(), ("grey.png", encoded(Image.new("RGB", (64, 64), (128, 128, 128))))), "occlusion")
    assert any(re.fullmatch(r"Wherever the square is, .* stays the same: .*", said) for said in words(at).splitlines())
    assert "costs most:" not in words(at)


def test_the_unit_beside_the_maps_is_selected_everywhere(visit: Open, session: InferenceSession) -> None:
    at = covering(visit, layer="conv2")
    found = session.occlusion(crop(sample_picture(chosen(at).image)), 0, square=Square(96, 128))
    label = texts.text("occlusion.to_unit", "en", unit=found.unit)
    (button,) = (button for button in at.button if button.label == label)
    run(button.click())
    assert (chosen(at).layer, chosen(at).channel) == ("conv5", found.unit.channel)


def test_rare_classes_are_told_with_more_digits() -> None:
    assert [percent(p) for p in (1, 0.3737, 0.001, 0.00037, 0)] == ["100.0%", "37.4%", "0.1%", "0.037%", "0.000%"]


def row_of(at: AppTest) -> tuple[list[str], list[str]]:
    """Return the pictures of the cascade, and what stands below them."""
    (row,) = (
        html.proto.body
        for html in at.get("html")
        if texts.text("sanity.original", chosen(at).language) in html.proto.body
    )
    return re.findall(r"src='([^']*)'", row), re.findall(r"<figcaption>([^<]*)<small>([^<]*)", row)


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize(
    ("page", "query", "steps"),
    [
        ("deconvnet", {"layer": "pool5"}, 6),
        ("deconvnet", {"layer": "conv1"}, 2),
        ("gradcam", {}, 9),
        ("gradcam", {"head": "gap"}, 7),
    ],
)
def test_the_weights_are_permuted_when_asked_for_and_by_the_seed(
    visit: Open, language: str, page: str, *, query: dict[str, str], steps: int
) -> None:
    at = visit(page, lang=language, **query)
    another = texts.text("sanity.another", language, seed=0)
    assert another not in [button.label for button in at.button]
    run(at.toggle(key="randomise").set_value(True))
    pictures, said = row_of(at)
    assert len(set(pictures)) == len(said) == steps
    assert "1.00" in said[0][1]
    (button,) = (button for button in at.button if button.label == another)
    run(button.click())
    assert chosen(at).seed == 1
    assert row_of(at)[0][0] == pictures[0]
    assert not set(row_of(at)[0][1:]) & set(pictures)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_overwriting_is_compared_and_its_losses_are_counted(
    visit: Open, session: InferenceSession, language: str
) -> None:
    at = visit("deconvnet", lang=language, layer="pool2")
    counted = session.lost(crop(sample_picture(chosen(at).image)), "pool2")
    values = {"layer": "pool2", "live": counted.live, "blank": counted.blank, "share": counted.share}
    assert texts.text("sanity.lost", language, **values) in words(at)
    at = visit("deconvnet", lang=language, layer="conv4")
    said = texts.text("sanity.none_lost", language, layer="conv4", live="|", blank=0, share=0).split("|")[1]
    assert said not in words(at)
    run(at.toggle(key="count_lost").set_value(True))
    assert said in words(at)
    assert texts.text("sanity.nothing_unpooled", language) in words(visit("deconvnet", lang=language, layer="conv1"))
