"""Bombs of every format: refused, or decoded within bounds of time and memory."""

from collections.abc import Iterator

import pytest

from tests.fuzz import uploads
from tests.fuzz.bombs import BOMBS
from tests.fuzz.worker import Worker
from zfnet.decoding import FORMATS

# What is decoded has all pixels that are allowed, or is the small picture that it pretends not to be.
TAKEN = (
    *(name for name in BOMBS if " of 64 MP" in name),
    *("JPEG of 90 scans", "JPEG of endless comments", "JPEG of EXIF in EXIF", "JPEG of EXIF in itself"),
    *("WEBP of 2,000 frames", "AVIF of 300 frames", "GIF of 150,000 frames", "TIFF of a million pages"),
    *("TIFF of 60,000 long entries", "TIFF of a broken fax", "PNG of EXIF with a number of two million parts"),
)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(uploads.make_trial, tmp_path_factory.mktemp("bombs") / "standard-error.txt") as running:
        yield running


def test_every_format_has_a_bomb() -> None:
    assert {name.split()[0] for name in BOMBS} == set(FORMATS)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_no_harm(worker: Worker, name: str) -> None:
    outcome = worker.attempt(BOMBS[name]())
    assert not outcome.fault
    assert (outcome.word == "picture") == (name in TAKEN), outcome
    if outcome.word != "picture":
        assert outcome.seconds < 3
        assert outcome.memory < 256 * 2**20
