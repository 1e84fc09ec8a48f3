"""A teacher's own pictures: those of the folder that ZFNET_SAMPLES names work by name, and change no number."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from pages.shared import pictures
from pages.shared.pictures import MAX_OWN, Sample, embedded, sample_picture, samples
from tests.test_pages import Open, chosen, seen, visit, words

__all__ = ["visit"]  # a fixture

Mount = Callable[[], dict[str, Sample]]


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    """Mount the folder of the test and return what is there besides the project's samples."""

    def mounted() -> dict[str, Sample]:
        monkeypatch.setenv("ZFNET_SAMPLES", str(tmp_path))
        samples.cache_clear()
        assert list(samples())[: len(embedded())] == list(embedded())
        return {name: sample for name, sample in samples().items() if name not in embedded()}

    yield mounted
    samples.cache_clear()
    sample_picture.cache_clear()


def put(path: Path, colour: tuple[int, int, int] = (200, 30, 30)) -> None:
    Image.new("RGB", (300, 240), colour).save(path)


def test_pictures_are_sorted_by_file_and_named_after_it(tmp_path: Path, mount: Mount) -> None:
    for name in ("b.png", "My cat (1).JPG", "고양이.png", "cheetah.png", "Cheetah.webp", "none.png"):
        put(tmp_path / name)
    (tmp_path / "notes.md").write_text("not a picture", "utf-8")
    found = mount()
    assert list(found) == ["cheetah-2", "my-cat-1", "b", "cheetah-3", "none-2", "고양이"]
    assert found["my-cat-1"].title("ko") == found["my-cat-1"].title("en") == "My cat (1)"
    assert sample_picture("my-cat-1").size == (300, 240)


def test_titles_and_right_answers_come_from_a_file_beside_them(tmp_path: Path, mount: Mount) -> None:
    put(tmp_path / "a.png")
    (tmp_path / "samples.toml").write_text(
        '[[sample]]\nfile = "a.png"\nname = "our cat"\nenglish = "Our cat"\n'
        'korean = "우리 고양이"\nclasses = [281, 5000]\n',
        "utf-8",
    )
    (own,) = mount().values()
    assert (own.name, own.english, own.korean, own.classes) == ("our-cat", "Our cat", "우리 고양이", (281,))


def test_what_cannot_be_used_is_named_in_the_log(
    tmp_path: Path, mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"text")
    (tmp_path / "samples.toml").write_text("[[sample", "utf-8")
    with caplog.at_level(logging.WARNING):
        assert list(mount()) == ["good"]
    assert "bad.png is left out" in caplog.text
    assert "samples.toml is left out" in caplog.text


def test_a_folder_that_is_not_there_is_named_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.rmdir()
    assert mount() == {}
    assert "cannot be listed" in caplog.text


def test_no_more_than_so_many_are_shown(
    tmp_path: Path, mount: Mount, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_OWN", 3)
    for i in range(5):
        put(tmp_path / f"{i}.png")
    assert list(mount()) == ["0", "1", "2"]
    assert "holds 5 pictures" in caplog.text
    assert MAX_OWN == 100


def test_a_link_opens_a_picture_of_the_folder_and_no_verdict_is_given(
    tmp_path: Path, mount: Mount, visit: Open
) -> None:
    put(tmp_path / "mine.png")
    mount()
    at = visit("overview", image="mine")
    assert chosen(at).image == "mine"
    assert seen(at)[1] == "mine"
    assert not at.success
    assert not any("pattern" in info.value for info in at.info)
    assert "does not exist" not in words(at)
