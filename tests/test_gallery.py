"""Maximizations made beforehand: made once and the same each time, and complete for the embedded checkpoint."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages.shared import results
from pages.shared.pictures import sample_picture, samples
from zfnet import InferenceSession, MaximizationSettings, SelectionError, Unit, crop
from zfnet.filters import filters
from zfnet.gallery import EMBEDDED_GALLERY, Premade, galleries, make_gallery, read_galleries, read_gallery
from zfnet.gallery_units import (
    GALLERY_LAYERS,
    STRONGEST,
    SampleView,
    gallery_settings,
    gallery_units,
    middle,
    sample_classes,
    sample_views,
    strongest_units,
)
from zfnet.geometry import CONVOLUTIONS, LAYERS, SPATIAL, shapes
from zfnet.model import ZFNet
from zfnet.objective import canvas

SETTINGS = MaximizationSettings(steps=2, precision="float32")
UNITS = [Unit("conv1", channel, (56, 56)) for channel in reversed(range(19))]
NAMES = [f"conv1:{unit.channel}" for unit in UNITS]


class Interrupted(Exception):
    """Somebody has had enough."""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZFNET_GALLERY", raising=False)


@pytest.fixture
def made(session: InferenceSession, monkeypatch: pytest.MonkeyPatch) -> list[Unit]:
    """The units that the session is asked to make, in order."""
    asked: list[Unit] = []
    maximize = session.maximize

    def counted(units: Sequence[Unit], settings: MaximizationSettings, *, progress: Callable[..., None]) -> object:
        asked.extend(units)
        return maximize(units, settings, progress=progress)

    monkeypatch.setattr(session, "maximize", counted)
    return asked


@pytest.fixture(scope="module")
def views() -> list[SampleView]:
    return sample_views()


@pytest.fixture(scope="module")
def held(session: InferenceSession) -> dict[str, Premade]:
    """The embedded gallery."""
    return read_gallery(session.info.checkpoint_id)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pixels(premade: Premade) -> np.ndarray:
    with Image.open(premade.file) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture.convert("RGB"))


def test_a_gallery_holds_what_the_session_makes(session: InferenceSession, tmp_path: Path) -> None:
    units = [*UNITS[:3], Unit("conv3", 5, (7, 7)), Unit("conv1", 30)]
    for group in (units[:3], units[3:4], units[4:]):
        make_gallery(session, group, replace(SETTINGS, size=48), tmp_path)
        found = read_gallery(session.info.checkpoint_id, tmp_path)
        for unit, made in zip(group, session.maximize(group, replace(SETTINGS, size=48)), strict=True):
            premade = found[f"{unit.layer}:{unit.channel}"]
            assert (premade.unit, premade.settings, premade.silent) == (unit, made.settings, made.silent)
            assert (premade.start, premade.end) == pytest.approx((made.curve[0], made.curve[-1]), abs=1e-4)
            # Small pictures are kept exactly, larger ones compressed, but the same.
            error = np.abs(pixels(premade).astype(float) - made.image)
            assert (error.max() == 0) if made.image.shape[0] <= 32 else (error.mean() < 5)
    assert list(found) == [f"{unit.layer}:{unit.channel}" for unit in units]
    assert {premade.silent for premade in found.values()} == {True, False}


def test_the_same_gallery_comes_out_byte_for_byte(session: InferenceSession, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        make_gallery(session, UNITS, SETTINGS, tmp_path / folder)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_what_is_there_is_not_made_again(session: InferenceSession, tmp_path: Path, made: list[Unit]) -> None:
    told: list[tuple[float, int]] = []
    make_gallery(session, UNITS, SETTINGS, tmp_path, progress=lambda *done: told.append(done))
    before = files(tmp_path)
    assert made == UNITS
    assert told == [(8, 19), (16, 19), (17.5, 19), (19, 19)]
    make_gallery(session, UNITS, SETTINGS, tmp_path, progress=lambda *done: told.append(done))
    assert made == UNITS
    assert len(told) == 4
    assert files(tmp_path) == before


@pytest.mark.parametrize("at", [8, 16, 17.5])
def test_an_interrupted_gallery_is_readable_and_goes_on(
    session: InferenceSession, tmp_path: Path, made: list[Unit], at: float
) -> None:
    def interrupt(done: float, of: int) -> None:
        if done == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        make_gallery(session, UNITS, SETTINGS, tmp_path / "cut", progress=interrupt)
    whole_batches = 16 * int(at // 16)
    assert list(read_gallery(session.info.checkpoint_id, tmp_path / "cut")) == NAMES[:whole_batches]
    made.clear()
    make_gallery(session, UNITS, SETTINGS, tmp_path / "cut")
    assert made == UNITS[whole_batches:]
    make_gallery(session, UNITS, SETTINGS, tmp_path / "whole")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_lost_picture_is_made_again_in_its_place(session: InferenceSession, tmp_path: Path, made: list[Unit]) -> None:
    make_gallery(session, UNITS[:3], SETTINGS, tmp_path)
    (tmp_path / f"conv1-{UNITS[1].channel}.webp").unlink()
    made.clear()
    make_gallery(session, UNITS[:3], SETTINGS, tmp_path)
    assert made == [UNITS[1]]
    assert list(read_gallery(session.info.checkpoint_id, tmp_path)) == NAMES[:3]


def test_a_gallery_grows_by_units_and_by_layers_of_other_settings(
    session: InferenceSession, tmp_path: Path, made: list[Unit]
) -> None:
    make_gallery(session, UNITS[:2], SETTINGS, tmp_path)
    make_gallery(session, UNITS[1:4], SETTINGS, tmp_path)
    assert made == UNITS[:4]
    make_gallery(session, [Unit("conv2", 9, (14, 14))], replace(SETTINGS, steps=1), tmp_path)
    found = read_gallery(session.info.checkpoint_id, tmp_path)
    assert list(found) == [*NAMES[:4], "conv2:9"]
    assert [premade.settings.steps for premade in found.values()] == [2, 2, 2, 2, 1]


def test_a_gallery_of_other_settings_or_another_checkpoint_is_left_alone(
    session: InferenceSession, tmp_path: Path, made: list[Unit]
) -> None:
    make_gallery(session, UNITS[:1], SETTINGS, tmp_path)
    index, own = tmp_path / "gallery.json", session.info.checkpoint_id
    before = index.read_text()
    said = f"{tmp_path} holds conv1 made with seed=0, l2=1.0, asked for seed=1, l2=2.0; name another folder"
    with pytest.raises(SelectionError) as other_settings:
        make_gallery(session, UNITS[:2], replace(SETTINGS, seed=1, l2=2.0), tmp_path)
    assert str(other_settings.value) == said
    assert index.read_text() == before
    index.write_text(before.replace(own, "0123456789ab"))
    said = f"{tmp_path} holds a gallery of checkpoint 0123456789ab, this is {own}; name another folder"
    with pytest.raises(SelectionError) as other_checkpoint:
        make_gallery(session, UNITS[:2], SETTINGS, tmp_path)
    assert str(other_checkpoint.value) == said
    assert index.read_text() == before.replace(own, "0123456789ab")
    assert made == UNITS[:1]


def test_a_unit_that_is_not_there_leaves_no_folder(session: InferenceSession, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"conv5 has 256 channels \(0-255\), got 300"):
        make_gallery(session, [Unit("conv5", 300, (7, 7))], SETTINGS, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_gallery_of_another_checkpoint_is_empty(session: InferenceSession, tmp_path: Path) -> None:
    make_gallery(session, UNITS[:1], SETTINGS, tmp_path)
    assert read_gallery("0123456789ab", tmp_path) == {}
    assert read_gallery(session.info.checkpoint_id, tmp_path)


def test_no_gallery_is_an_empty_one(tmp_path: Path) -> None:
    assert read_gallery("0123456789ab", tmp_path) == {}
    assert read_gallery("0123456789ab", tmp_path / "nowhere") == {}


def test_a_gallery_of_ones_own_goes_before_the_embedded_one(
    session: InferenceSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: dict[str, Premade]
) -> None:
    assert galleries() == (EMBEDDED_GALLERY,)
    assert read_galleries(session.info.checkpoint_id) == held
    monkeypatch.setenv("ZFNET_GALLERY", str(tmp_path / "own"))
    assert galleries() == (tmp_path / "own", EMBEDDED_GALLERY)
    assert read_galleries(session.info.checkpoint_id) == held
    make_gallery(session, UNITS[:1], SETTINGS, tmp_path / "own")
    own = read_gallery(session.info.checkpoint_id, tmp_path / "own")
    assert read_galleries(session.info.checkpoint_id) == held | own
    assert read_galleries("0123456789ab") == {}


def test_the_pages_find_a_unit_at_any_position_and_a_class(
    session: InferenceSession, held: dict[str, Premade], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_gallery", read_galleries)
    for name in ("conv1:3", "conv1:3@0,0", "fc8:207"):
        found = results.premade(session, Unit.parse(name))
        assert found == held[name.split("@")[0]]
    assert results.premade(session, Unit("pool1", 3)) is None


def test_the_strongest_units_are_those_with_the_highest_value_anywhere(
    session: InferenceSession, embedded: ZFNet, views: list[SampleView]
) -> None:
    pictures = [view.picture for view in views[:3]]
    for layer in ("conv1", "conv4", "fc6"):
        stacked = np.stack([embedded.trace(session.prepare(p)).activation(layer)[0].numpy() for p in pictures])
        peaks = stacked.max((0, *range(2, stacked.ndim)))
        units = strongest_units(session, pictures, layer)
        assert sorted(unit.channel for unit in units) == list(range(len(peaks)))
        assert (np.diff(peaks[[unit.channel for unit in units]]) <= 1e-5).all()
        assert strongest_units(session, pictures, layer, 7) == units[:7]
        assert {unit.position for unit in units} == {middle(session.info.config, layer)}


def test_the_middle_of_a_map_is_a_cell_and_of_no_map_nothing(session: InferenceSession) -> None:
    found = {layer: middle(session.info.config, layer) for layer in LAYERS}
    assert found["conv1"] == (56, 56)
    assert found["conv5"] == (7, 7)
    assert {layer for layer, cell in found.items() if cell} == set(SPATIAL)
    for layer in CONVOLUTIONS:  # far enough from every edge
        height, width = canvas(session.info.config, Unit(layer, 0, found[layer]), 128)
        assert height == width == {"conv1": 7, "conv2": 27, "conv3": 75, "conv4": 107, "conv5": 139}[layer]


def test_the_classes_are_the_answers_for_the_photographs_and_the_right_ones(
    session: InferenceSession, views: list[SampleView]
) -> None:
    found = sample_classes(session, views)
    assert len(set(found)) == len(found)
    wanted: set[int] = set()
    for sample in samples().values():
        if sample.kind != "pattern":
            answer = session.classify(crop(sample_picture(sample.name)), top=1).classes[0].index
            wanted |= {answer, *sample.classes}
    assert set(found) == {Unit("fc8", index) for index in wanted}


def test_samples_are_seen_as_the_pages_see_them(views: list[SampleView]) -> None:
    shown = list(samples().values())
    assert [view.classes for view in views] == [sample.classes for sample in shown]
    assert [view.photograph for view in views] == [sample.kind != "pattern" for sample in shown]
    assert [view.picture for view in views] == [crop(sample_picture(sample.name)) for sample in shown]


def test_every_unit_of_a_layer_can_be_asked_for(session: InferenceSession, views: list[SampleView]) -> None:
    every = gallery_units(session, views[:2], "conv3", every=True)
    assert {unit.channel for unit in every} == set(range(384))
    assert gallery_units(session, views[:2], "conv3") == every[:STRONGEST]
    assert len(gallery_units(session, views[:2], "fc8", every=True)) == 1000


def test_the_number_of_steps_is_the_presets_unless_it_is_given() -> None:
    assert {gallery_settings(layer).precision for layer in GALLERY_LAYERS} == {"float32"}
    assert gallery_settings("conv5") == MaximizationSettings(precision="float32")
    assert gallery_settings("conv5", 3) == MaximizationSettings(precision="float32", steps=3)
    with pytest.raises(SelectionError, match="steps goes from 1 to 4096, got 0"):
        gallery_settings("conv1", 0)


@pytest.mark.parametrize("layer", GALLERY_LAYERS)
def test_the_embedded_gallery_is_complete_and_in_order(
    session: InferenceSession, views: list[SampleView], held: dict[str, Premade], layer: str
) -> None:
    wanted = gallery_units(session, views, layer)
    there = [premade for name, premade in held.items() if name.startswith(f"{layer}:")]
    assert {premade.unit for premade in there} == set(wanted)
    assert {premade.settings for premade in there} == {gallery_settings(layer)}
    if layer in CONVOLUTIONS:
        # Neighbours may change places by rounding on another processor.
        peaks = np.max([session.feature_maps(view.picture, layer).maximum for view in views], axis=0)
        assert np.diff(peaks[[premade.unit.channel for premade in there]]).max() <= 1e-4 * peaks.max()


def test_the_embedded_gallery_has_all_of_conv1_64_of_the_others_and_no_more_layers(
    session: InferenceSession, held: dict[str, Premade]
) -> None:
    counts = {layer: sum(premade.unit.layer == layer for premade in held.values()) for layer in LAYERS}
    channels = shapes(session.info.config)["conv1"][0]
    assert counts.pop("fc8") >= 15
    assert {layer: count for layer, count in counts.items() if count} == {
        "conv1": channels,
        **dict.fromkeys(CONVOLUTIONS[1:], STRONGEST),
    }


def test_the_embedded_gallery_drove_every_unit_up(held: dict[str, Premade]) -> None:
    assert held
    assert [name for name, premade in held.items() if premade.end <= max(premade.start, 0)] == []


def test_the_embedded_gallery_has_every_picture_and_no_other_file(
    session: InferenceSession, held: dict[str, Premade]
) -> None:
    assert {premade.file.name for premade in held.values()} | {"gallery.json"} == files(EMBEDDED_GALLERY).keys()
    for name, premade in held.items():
        assert premade.file.stem == name.replace(":", "-")
        assert pixels(premade).shape[:2] == canvas(session.info.config, premade.unit, premade.settings.size)


def test_no_picture_of_the_embedded_gallery_is_nearly_one_colour(held: dict[str, Premade]) -> None:
    assert [name for name, premade in held.items() if pixels(premade).std((0, 1)).max() < 12] == []


def test_the_embedded_pictures_of_conv1_are_its_filters(embedded: ZFNet, held: dict[str, Premade]) -> None:
    weights = filters(embedded, "conv1").transpose(0, 2, 3, 1)
    alike = [
        np.corrcoef(pixels(held[f"conv1:{channel}"]).ravel(), weights[channel].ravel())[0, 1] for channel in range(96)
    ]
    assert np.median(alike) > 0.9


def test_the_embedded_gallery_is_small() -> None:
    assert sum(map(len, files(EMBEDDED_GALLERY).values())) < 10 * 2**20


def test_the_index_of_the_embedded_gallery_names_the_checkpoint_and_how_each_layer_was_made(
    session: InferenceSession,
) -> None:
    index = json.loads((EMBEDDED_GALLERY / "gallery.json").read_text("utf-8"))
    assert list(index) == ["checkpoint", "settings", "units"]
    assert index["checkpoint"] == session.info.checkpoint_id
    assert list(index["settings"]) == list(GALLERY_LAYERS)
    assert set(index["units"]["conv1:3"]) == {"file", "unit", "start", "end", "silent"}
