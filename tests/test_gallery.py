"""Maximizations made beforehand: made once and the same each time, and complete for the embedded checkpoint."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zfnet import InferenceSession, MaximizationSettings, SelectionError, Unit
from zfnet.gallery import EMBEDDED_GALLERY, make_gallery, read_gallery
from zfnet.geometry import shapes

SETTINGS = MaximizationSettings(steps=2, size=48)
UNITS = [Unit("conv1", channel) for channel in range(11)]


class Interrupted(Exception):
    """Somebody has had enough."""


@pytest.fixture
def made(session: InferenceSession, monkeypatch: pytest.MonkeyPatch) -> list[Unit]:
    """The units that the session is asked to make, in order."""
    asked: list[Unit] = []
    maximize = session.maximize

    def counted(units: Sequence[Unit], settings: MaximizationSettings) -> object:
        asked.extend(units)
        return maximize(units, settings)

    monkeypatch.setattr(session, "maximize", counted)
    return asked


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_gallery_holds_what_the_session_makes(session: InferenceSession, tmp_path: Path) -> None:
    make_gallery(session, UNITS, SETTINGS, tmp_path)
    held = read_gallery(session.info.checkpoint_id, tmp_path)
    assert list(held) == [str(unit) for unit in UNITS]
    for unit, made in zip(UNITS[:8], session.maximize(UNITS[:8], SETTINGS), strict=True):
        premade = held[str(unit)]
        assert premade.settings == SETTINGS
        assert (premade.start, premade.end) == pytest.approx((made.curve[0], made.curve[-1]), abs=1e-3)
        with Image.open(premade.file) as picture:
            assert picture.size == (48, 48)
            # Compressed, but the same picture.
            assert np.abs(np.asarray(picture.convert("RGB"), float) - made.image).mean() < 1.5


def test_the_same_gallery_comes_out_byte_for_byte(session: InferenceSession, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        make_gallery(session, UNITS, SETTINGS, tmp_path / folder)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_what_is_there_is_not_made_again(session: InferenceSession, tmp_path: Path, made: list[Unit]) -> None:
    told: list[tuple[int, int]] = []
    make_gallery(session, UNITS, SETTINGS, tmp_path, progress=lambda *done: told.append(done))
    before = files(tmp_path)
    assert made == UNITS
    assert told == [(8, 11), (11, 11)]
    make_gallery(session, UNITS, SETTINGS, tmp_path)
    assert made == UNITS
    assert files(tmp_path) == before


def test_an_interrupted_gallery_is_readable_and_goes_on(
    session: InferenceSession, tmp_path: Path, made: list[Unit]
) -> None:
    def interrupt(done: int, of: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        make_gallery(session, UNITS, SETTINGS, tmp_path / "cut", progress=interrupt)
    assert list(read_gallery(session.info.checkpoint_id, tmp_path / "cut")) == [str(unit) for unit in UNITS[:8]]
    make_gallery(session, UNITS, SETTINGS, tmp_path / "cut")
    assert made == UNITS
    make_gallery(session, UNITS, SETTINGS, tmp_path / "whole")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_gallery_grows_by_units(session: InferenceSession, tmp_path: Path, made: list[Unit]) -> None:
    make_gallery(session, UNITS[:2], SETTINGS, tmp_path)
    make_gallery(session, UNITS[1:4], SETTINGS, tmp_path)
    assert made == UNITS[:4]
    assert list(read_gallery(session.info.checkpoint_id, tmp_path)) == [str(unit) for unit in UNITS[:4]]


def test_a_gallery_of_other_settings_or_another_checkpoint_is_left_alone(
    session: InferenceSession, tmp_path: Path, made: list[Unit]
) -> None:
    make_gallery(session, UNITS[:1], SETTINGS, tmp_path)
    index = tmp_path / "gallery.json"
    for before in (index.read_text(), index.read_text().replace(session.info.checkpoint_id, "0123456789ab")):
        index.write_text(before)
        with pytest.raises(SelectionError, match="holds a gallery of another checkpoint or other settings"):
            make_gallery(session, UNITS[:2], replace(SETTINGS, seed=1), tmp_path)
        assert index.read_text() == before
    assert made == UNITS[:1]


def test_a_gallery_of_another_checkpoint_is_empty(session: InferenceSession, tmp_path: Path) -> None:
    make_gallery(session, UNITS[:1], SETTINGS, tmp_path)
    assert read_gallery("0123456789ab", tmp_path) == {}
    assert read_gallery(session.info.checkpoint_id, tmp_path)


def test_no_gallery_is_an_empty_one(tmp_path: Path) -> None:
    assert read_gallery("0123456789ab", tmp_path) == {}
    assert read_gallery("0123456789ab", tmp_path / "nowhere") == {}


def test_the_embedded_gallery_belongs_to_the_embedded_checkpoint_and_has_every_unit_of_conv5(
    session: InferenceSession,
) -> None:
    channels = shapes(session.info.config)["conv5"][0]
    assert {f"conv5:{channel}" for channel in range(channels)} <= read_gallery(session.info.checkpoint_id).keys()


def test_the_embedded_gallery_drove_every_unit_up(session: InferenceSession) -> None:
    held = read_gallery(session.info.checkpoint_id)
    assert held
    assert [unit for unit, premade in held.items() if premade.end <= premade.start] == []


def test_the_embedded_gallery_has_every_picture_and_no_other_file(session: InferenceSession) -> None:
    held = read_gallery(session.info.checkpoint_id)
    assert {premade.file.name for premade in held.values()} | {"gallery.json"} == files(EMBEDDED_GALLERY).keys()
    for unit, premade in held.items():
        assert premade.file.stem == unit.replace(":", "-")
        with Image.open(premade.file) as picture:
            picture.load()
            assert picture.size == (premade.settings.size,) * 2


def test_the_embedded_gallery_is_small() -> None:
    assert sum(map(len, files(EMBEDDED_GALLERY).values())) < 10 * 2**20
