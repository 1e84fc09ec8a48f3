"""The sample pictures: complete, licensed, small, and of use for every lens."""

import re
import runpy
import tomllib

import numpy as np
import pytest
from PIL import Image

from pages.shared.pictures import FOLDER, Sample, sample_picture, samples
from zfnet import InferenceSession, crop, decode_image
from zfnet.images import VIEW_SIDE

PATTERNS = {"gratings", "colours", "shapes"}
BESIDES = {"samples.toml", "LICENSES.md", "make_patterns.py"}
KINDS = {"animal", "food", "building", "vehicle", "object", "pattern"}
HANGUL = re.compile("[가-힣]")
SAMPLES = list(samples().values())
PHOTOGRAPHS = [sample for sample in SAMPLES if sample.kind != "pattern"]


def name(sample: Sample) -> str:
    return sample.name


def test_there_are_a_dozen_photographs_and_the_three_patterns() -> None:
    assert len(PHOTOGRAPHS) >= 12
    assert {sample.name for sample in SAMPLES} - {sample.name for sample in PHOTOGRAPHS} == PATTERNS
    assert SAMPLES[0] in PHOTOGRAPHS  # the first view


def test_no_two_samples_have_the_same_name_file_or_caption() -> None:
    entries = tomllib.loads((FOLDER / "samples.toml").read_text("utf-8"))["sample"]
    assert len(entries) == len(SAMPLES)  # no name twice
    for field in ("file", "english", "korean"):
        assert len({getattr(sample, field) for sample in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_a_sample_is_complete(sample: Sample) -> None:
    assert re.fullmatch("[a-z][a-z0-9_]*", sample.name)  # stands in addresses
    assert sample.english == sample.title("en").strip()
    assert not HANGUL.search(sample.english)
    assert HANGUL.search(sample.title("ko"))
    assert sample.kind in KINDS
    with Image.open(FOLDER / sample.file) as picture:
        assert min(picture.size) >= VIEW_SIDE
    assert min(sample_picture(sample.name).size) >= VIEW_SIDE


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_a_photograph_has_classes_and_a_pattern_has_none(sample: Sample, session: InferenceSession) -> None:
    assert bool(sample.classes) == (sample.kind != "pattern")
    assert all(0 <= index < session.info.config.num_classes for index in sample.classes)
    assert len(set(sample.classes)) == len(sample.classes)


def test_some_sample_shows_two_classes() -> None:
    assert any(len(sample.classes) >= 2 for sample in SAMPLES)


def test_the_network_knows_most_photographs_but_not_all_at_first_sight(session: InferenceSession) -> None:
    ranks = []
    for sample in PHOTOGRAPHS:
        order = session.classify(crop(sample_picture(sample.name))).probabilities.argsort()[::-1].tolist()
        ranks.append(min(order.index(index) for index in sample.classes))
    assert sum(rank < 5 for rank in ranks) > len(ranks) / 2
    assert any(rank > 0 for rank in ranks)  # one to learn from


def test_every_file_is_listed_and_every_listed_file_is_there() -> None:
    there = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert there == {sample.file for sample in SAMPLES} | BESIDES


def test_every_file_is_named_with_its_licence() -> None:
    licences = (FOLDER / "LICENSES.md").read_text("utf-8")
    assert [sample.file for sample in SAMPLES if not re.search(rf"\b{re.escape(sample.file)}\b", licences)] == []
    entries = tomllib.loads((FOLDER / "samples.toml").read_text("utf-8"))["sample"]
    assert [entry["name"] for entry in entries if not (entry.get("licence") and entry.get("author"))] == []
    assert [e["name"] for e in entries if e["licence"] not in licences or e["author"] not in licences] == []


def test_samples_carry_no_metadata() -> None:
    for sample in SAMPLES:
        with Image.open(FOLDER / sample.file) as picture:
            assert not picture.getexif(), sample.file


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 3 * 2**20


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_a_pattern_is_drawn_again_exactly(pattern: str) -> None:
    drawn = runpy.run_path(str(FOLDER / "make_patterns.py"))[pattern]()
    held = decode_image((FOLDER / samples()[pattern].file).read_bytes())
    np.testing.assert_array_equal(np.asarray(drawn), np.asarray(held))
