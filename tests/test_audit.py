"""Bad filters: each measure against a slow re-derivation and crafted weights, over pictures in any order."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor

from pages.shared import results, texts
from pages.shared.pictures import sample_picture, samples
from pages.shared.selection import Selection
from tests.oracle import PADDED, narrow, random_network, run, sequential, unchanged
from tests.test_pages import drawn, encoded, send, visit
from tests.test_pages import run as render
from zfnet import Cancelled, InferenceSession, SelectionError, crop
from zfnet.__main__ import main
from zfnet.audit import (
    ALIASED,
    ALWAYS_ON,
    COARSE_STRIDE,
    DUPLICATE,
    FLAGS,
    LayerAudit,
    aliasing,
    audit,
    near_duplicates,
)
from zfnet.audit_report import as_records
from zfnet.geometry import CONVOLUTIONS, RECTIFIED, TABLE
from zfnet.model import Trace, ZFNet

__all__ = ["visit"]

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def pictures(x: Tensor) -> list[Tensor]:
    """Three inputs that have little in common."""
    return [x, -x.flip(2), 0.3 * x.flip(3) + 1]


@pytest.fixture
def crafted() -> ZFNet:
    """A network of its own for each test, to be spoilt."""
    return random_network(narrow(TABLE))


def by_layer(found: tuple[LayerAudit, ...]) -> dict[str, LayerAudit]:
    assert [layer.layer for layer in found] == list(RECTIFIED)
    return {layer.layer: layer for layer in found}


def same(found: tuple[LayerAudit, ...], other: tuple[LayerAudit, ...]) -> bool:
    return as_records(found) == as_records(other)


# The measures


def test_a_channels_activity_is_counted_cell_by_cell(network: ZFNet, pictures: list[Tensor]) -> None:
    chain = sequential(network)
    values = [run(chain, picture) for picture in pictures]
    for layer, found in by_layer(audit(network, pictures)).items():
        assert found.pictures == len(pictures)
        for channel in range(found.channels):
            cells = [float(z) for value in values for z in value[layer][0, channel].flatten()]
            above = sum(z > 0 for z in cells)
            assert found.active[channel] == pytest.approx(above / len(cells), abs=1e-12)
            assert (channel in found.flagged("dead")) == (above == 0)
            assert (channel in found.flagged("always_on")) == (above > ALWAYS_ON * len(cells))


def test_near_duplicates_are_all_pairs_of_a_group_with_a_small_angle(network: ZFNet, pictures: list[Tensor]) -> None:
    for layer, found in by_layer(audit(network, pictures[:1])).items():
        if layer not in CONVOLUTIONS:
            assert found.pairs is found.flagged("duplicate") is None
            continue
        weights, groups = network.get_submodule(layer).weight, getattr(network.config, layer).groups
        size, expected = len(weights) // groups, {}
        for i, w in enumerate(weights):
            for j, v in enumerate(weights):
                cosine = float((w * v).sum() / ((w * w).sum() * (v * v).sum()) ** 0.5)
                if i < j and i // size == j // size and cosine > DUPLICATE:
                    expected[i, j] = cosine
        assert {(pair.first, pair.second): pair.cosine for pair in found.pairs or ()} == pytest.approx(expected)


def energy(weights: np.ndarray, stride: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy of filters below the limit of a stride and at all frequencies, by a zero-padded FFT.

    Frequencies that lie on the limit stand for an interval of which one half is below: they count by half.
    """
    spectrum = (np.abs(np.fft.fft2(weights, (cells, cells))) ** 2).sum(1) / cells**2  # (C, cells, cells)
    distance = np.abs(np.fft.fftfreq(cells)) * 2 * stride
    share = np.where(np.isclose(distance, 1), 0.5, distance < 1) if stride > 1 else np.ones(cells)
    return (spectrum * share[:, None] * share).sum((1, 2)), spectrum.sum((1, 2))


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_energy_beyond_the_limit_is_that_of_a_zero_padded_spectrum(size: int, stride: int) -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3, size, size))
    below, whole = energy(weights, stride, 2 * stride * 64)
    np.testing.assert_allclose(whole, (weights**2).sum((1, 2, 3)))  # Parseval
    np.testing.assert_allclose(aliasing(weights, stride).beyond, 1 - below / whole, atol=1e-4)


def test_without_a_stride_all_of_the_energy_is_kept() -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3, 7, 7))
    np.testing.assert_allclose(aliasing(weights, 1).beyond, 0, atol=1e-12)


def test_a_coarser_stride_loses_more() -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3, 7, 7))
    lost = [aliasing(weights, stride).beyond for stride in (1, 2, 4)]
    assert (lost[0] < lost[1]).all()
    assert (lost[1] < lost[2]).all()


def test_a_checkerboard_is_aliased_and_a_blur_is_not(crafted: ZFNet, pictures: list[Tensor]) -> None:
    y, x = torch.meshgrid(*[torch.arange(7, dtype=torch.float64)] * 2, indexing="ij")
    crafted.conv1.weight[0] = 1 - 2 * ((x + y) % 2)
    crafted.conv1.weight[1] = torch.exp(-((x - 3) ** 2 + (y - 3) ** 2) / 8)
    crafted.conv1.weight[2] = 1 - 2 * (x % 2)  # high on one axis is enough
    crafted.conv1.weight[3] = torch.cos(torch.pi * x / 3)  # a period of 6 cells: a stride of 2 keeps it, one of 4 not
    found = by_layer(audit(crafted, pictures[:1]))["conv1"]
    assert found.coarse is not None
    assert {0, 1, 2, 3} & set(found.flagged("aliased") or ()) == {0, 2}
    assert {0, 1, 2, 3} & set(found.coarse.aliased) == {0, 2, 3}


def test_only_layers_with_a_stride_can_be_aliased(network: ZFNet, pictures: list[Tensor]) -> None:
    found = by_layer(audit(network, pictures[:1]))
    assert [layer for layer in RECTIFIED if found[layer].flagged("aliased") is not None] == ["conv1", "conv2"]
    assert [(layer, f.coarse.stride) for layer, f in found.items() if f.coarse] == [("conv1", COARSE_STRIDE)]
    assert COARSE_STRIDE == 4
    for layer in ("conv1", "conv2"):
        weights = network.get_submodule(layer).weight.numpy()
        below, whole = energy(weights, 2, 256)
        measured = found[layer].aliasing
        assert measured is not None
        np.testing.assert_allclose(measured.beyond, 1 - below / whole, atol=1e-3)
        assert measured.aliased == tuple(np.flatnonzero(measured.beyond > ALIASED))


def test_spoilt_filters_are_found(crafted: ZFNet, pictures: list[Tensor]) -> None:
    before = by_layer(audit(crafted, pictures))
    assert all(f.flagged(flag) == () for f in before.values() if f.pairs is not None for flag in ("dead", "duplicate"))
    crafted.conv2.weight[6] = 2.5 * crafted.conv2.weight[1]
    crafted.conv2.weight[5] = -crafted.conv2.weight[1]  # the opposite is not alike
    crafted.conv3.bias[2] = -1e4
    crafted.conv4.bias[1] = 1e4
    crafted.fc7.bias[7] = -1e4
    crafted.conv5.weight[3] = crafted.conv5.bias[3] = 0  # zero is not above zero
    after = by_layer(audit(crafted, pictures))
    (pair,) = after["conv2"].pairs or ()
    assert (pair.first, pair.second, pair.cosine) == (1, 6, pytest.approx(1))
    assert after["conv2"].flagged("duplicate") == (1, 6)
    assert after["conv3"].flagged("dead") == (2,)
    assert 1 in after["conv4"].flagged("always_on")
    assert 7 in after["fc7"].flagged("dead")
    assert after["conv5"].flagged("dead") == (3,)


def test_filters_of_different_groups_are_not_compared() -> None:
    model = random_network(narrow(PADDED))
    assert (len(model.conv2.weight), model.config.conv2.groups) == (8, 2)
    model.conv2.weight[4] = model.conv2.weight[0]
    assert near_duplicates(model.conv2.weight.numpy(), 2) == ()
    model.conv2.weight[7] = model.conv2.weight[4]
    (pair,) = near_duplicates(model.conv2.weight.numpy(), 2)
    assert (pair.first, pair.second) == (4, 7)


def test_what_is_most_alike_stands_first() -> None:
    w = np.zeros((4, 1, 3, 3))
    w[:, 0, 0, 0], w[:, 0, 1, 1] = 1, (0, 0.1, 0.3, 0.31)
    pairs = near_duplicates(w)
    assert [(pair.first, pair.second) for pair in pairs[:2]] == [(2, 3), (0, 1)]
    assert [pair.cosine for pair in pairs] == sorted((pair.cosine for pair in pairs), reverse=True)


def test_a_filter_without_weights_is_like_no_other_and_not_aliased() -> None:
    weights = np.zeros((3, 2, 5, 5))
    assert near_duplicates(weights) == ()
    assert aliasing(weights, 2).aliased == ()
    assert (aliasing(weights, 2).beyond == 0).all()


# Many pictures


def test_a_channel_that_another_picture_wakes_is_not_dead(crafted: ZFNet, pictures: list[Tensor]) -> None:
    first, second = ([set(f.flagged("dead")) for f in audit(crafted, [picture])] for picture in pictures[:2])
    both = [set(f.flagged("dead")) for f in audit(crafted, pictures[:2])]
    assert both == [a & b for a, b in zip(first, second, strict=True)]
    assert both != first


def test_the_order_of_the_pictures_does_not_matter(network: ZFNet, pictures: list[Tensor]) -> None:
    assert same(audit(network, pictures), audit(network, pictures[::-1]))
    assert not same(audit(network, pictures), audit(network, pictures[:2]))


def test_nothing_is_changed(network: ZFNet, trace: Trace, pictures: list[Tensor]) -> None:
    with unchanged(network, trace):
        audit(network, pictures)
    with unchanged(network, trace), pytest.raises(Cancelled):
        audit(network, pictures, cancel=lambda: True)


def test_pictures_are_taken_one_at_a_time_and_each_holds_the_slot_alone(network: ZFNet, pictures: list[Tensor]) -> None:
    told: list[str | int] = []

    def taken() -> Iterator[Tensor]:
        for picture in pictures[:2]:
            told.append("taken")
            yield picture

    @contextmanager
    def slot() -> Iterator[None]:
        told.append("in")
        yield
        told.append("out")

    audit(network, taken(), slot=slot, progress=told.append)
    # The weights take the slot once more.
    assert told == ["taken", "in", "out", 1, "taken", "in", "out", 2, "in", "out"]


def test_it_stops_between_two_pictures_when_told_so(network: ZFNet, pictures: list[Tensor]) -> None:
    done: list[int] = []
    with pytest.raises(Cancelled, match=r"^stopped after 2 pictures$"):
        audit(network, pictures, progress=done.append, cancel=lambda: len(done) == 2)
    assert done == [1, 2]


def test_without_a_picture_there_is_no_audit(network: ZFNet) -> None:
    with pytest.raises(SelectionError, match=r"^an audit needs at least one picture, got none$"):
        audit(network, [])


def test_every_flag_is_known_and_another_is_refused(network: ZFNet, pictures: list[Tensor]) -> None:
    assert list(FLAGS) == ["dead", "always_on", "duplicate", "aliased"]
    with pytest.raises(SelectionError) as caught:
        audit(network, pictures[:1])[0].flagged("ugly")
    assert str(caught.value) == "the flags are dead, always_on, duplicate, aliased, got 'ugly'"


def test_the_session_keeps_no_traces_and_leaves_its_places_in_between(
    session: InferenceSession, sample: Image.Image
) -> None:
    fresh = [Image.fromarray(np.roll(np.asarray(sample), 7 * i, 1)) for i in (1, 2)]
    before, free = len(session._traces._held), []
    found = session.audit(iter(fresh), progress=lambda done: free.append(session._places._free))
    assert free == [session.slots] * 2
    assert len(session._traces._held) == before
    maps = [session.feature_maps(view, "conv3").values for view in fresh]
    expected = np.mean([(values > 0).mean((1, 2)) for values in maps], 0)
    np.testing.assert_allclose(by_layer(found)["conv3"].active, expected, atol=1e-3)


def test_the_session_takes_the_centre_of_any_picture(session: InferenceSession, sample: Image.Image) -> None:
    wide = sample.resize((400, 300))
    assert same(session.audit([wide]), session.audit([crop(wide)]))


# The shell


@pytest.fixture
def folder(tmp_path: Path, sample: Image.Image) -> Path:
    """Two pictures, one of them further down, and two files that are none."""
    (tmp_path / "set" / "속").mkdir(parents=True)
    sample.resize((400, 300)).save(tmp_path / "set" / "a.png")
    sample.rotate(90).save(tmp_path / "set" / "속" / "b.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "tiny.png")
    (tmp_path / "set" / "속" / "letter.txt").write_text("Dear Sir or Madam")
    return tmp_path / "set"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command that must succeed; return what it prints."""
    monkeypatch.delenv("ZFNET_CHECKPOINT", raising=False)
    monkeypatch.setenv("ZFNET_DEVICE", "cpu")

    def succeed(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return succeed


def test_the_shell_finds_what_the_session_finds_and_names_what_is_no_picture(
    shell: Callable[..., str], folder: Path, session: InferenceSession
) -> None:
    with Image.open(folder / "a.png") as a, Image.open(folder / "속" / "b.png") as b:
        expected = session.audit([a, b])
    told = json.loads(shell("audit", folder, "--json"))
    assert told["skipped"] == {"tiny.png": "too small", "속/letter.txt": "not a picture"}
    assert told["layers"] == json.loads(json.dumps(as_records(expected)))
    (only,) = json.loads(shell("audit", folder, "--json", "--layer", "conv4"))["layers"]
    assert only == told["layers"][3]


def test_the_shell_prints_a_table_and_the_channels(
    shell: Callable[..., str], folder: Path, session: InferenceSession
) -> None:
    lines = shell("audit", folder).splitlines()
    assert lines[:2] == ["skipped tiny.png: too small", "skipped 속/letter.txt: not a picture"]
    heading, *rows = lines[2:10]
    assert [row.split()[0] for row in rows] == list(RECTIFIED)
    assert len({len(line) for line in (heading, *rows)}) == 1
    assert lines[10].startswith("over 2 pictures")
    assert max(map(len, lines)) <= 110
    with Image.open(folder / "a.png") as a, Image.open(folder / "속" / "b.png") as b:
        found = by_layer(session.audit([a, b]))
    for row in rows:
        layer, channels, *counts, pairs = row.split()
        flagged = [found[layer].flagged(flag) for flag in FLAGS]
        assert int(channels) == found[layer].channels
        assert counts == ["-" if f is None else str(len(f)) for f in flagged]
        assert pairs == ("-" if found[layer].pairs is None else str(len(found[layer].pairs or ())))
    dead = found["fc6"].flagged("dead") or ()
    said = " ".join(lines)
    assert f"fc6 dead: {', '.join(map(str, dead[:3]))}" in said
    assert f"and {len(dead) - 24} more" in re.sub(r"\s+", " ", said)
    alone = re.sub(r"\s+", " ", shell("audit", folder, "--layer", "fc6"))
    assert ", ".join(map(str, dead)) in alone


def test_progress_is_shown_on_a_terminal_only(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["audit", str(folder), "--layer", "conv1", "--device", "cpu"]) == 0
    assert capsys.readouterr().err == "".join(f"\rfile {n} of 4" for n in range(1, 5)) + "\n"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("empty", "empty is a picture (files: 0); choose another folder"),
        ("letters", "letters is a picture (files: 1); choose another folder"),
        ("letters/a.txt", "a.txt is not a folder, expected one with pictures"),
        ("nothing", "nothing is not a folder, expected one with pictures"),
    ],
)
def test_a_folder_without_pictures_is_refused_in_one_sentence(
    inside: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("Dear Sir or Madam")
    assert main(["audit", str(tmp_path / inside), "--device", "cpu"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"zfnet: .*{re.escape(said)}\n", err)


# The page


def opened(at: AppTest, language: str = "en") -> AppTest:
    """Turn to the tab of the bad filters."""
    at.session_state[f"tabs_{language}"] = texts.text("architecture.tab_audit", language)
    return render(at)


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.main.caption)


def counts(at: AppTest) -> list[list[str]]:
    (shown,) = (table.value for table in at.main.table if table.value.shape == (len(RECTIFIED), 2 + len(FLAGS)))
    return [list(map(str, row)) for row in shown.to_numpy().tolist()]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_page_counts_what_the_session_finds_over_the_samples(
    visit: Open, session: InferenceSession, language: str
) -> None:
    at = opened(visit("architecture", lang=language), language)
    found = by_layer(session.audit(crop(sample_picture(name)) for name in samples()))
    for layer, channels, *told in counts(at):
        assert channels == f"{found[layer].channels:,}"
        flagged = [found[layer].flagged(flag) for flag in FLAGS]
        assert [cell.strip("*") for cell in told] == ["–" if f is None else f"{len(f):,}" for f in flagged]
    said = captions(at)
    count = len(samples())
    assert texts.text("audit.over", language, pictures=count, samples=count, own=0) in said
    coarse = found["conv1"].coarse
    assert coarse is not None
    words = {"stride": 4, "count": len(coarse.aliased), "channels": 96, "own": len(found["conv1"].flagged("aliased"))}
    assert texts.text("audit.coarse", language, **words) in said
    for flag in FLAGS:
        assert texts.text(f"audit.what_{flag}", language, limit="|").split("|")[0] in said


def test_nothing_is_audited_before_the_tab_is_opened(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    measured = results.audit
    monkeypatch.setattr(results, "audit", lambda session, own: asked.append(len(own)) or measured(session, own))
    at = visit("architecture", lang="en")
    assert asked == []
    opened(at)
    assert asked == [0]


def test_the_open_tab_outlives_the_page_and_the_language(visit: Open) -> None:
    at = opened(visit("architecture", lang="en"))
    render(at.switch_page("../overview.py"))
    render(at.switch_page("../architecture.py"))
    assert len(counts(at)) == len(RECTIFIED)
    render(at.segmented_control(key="choose_language").set_value("ko"))
    assert len(counts(at)) == len(RECTIFIED)


def test_a_flagged_channel_is_chosen_everywhere(visit: Open, session: InferenceSession) -> None:
    at = opened(visit("architecture", lang="en"))
    for layer in RECTIFIED[1:]:
        render(at.segmented_control(key="audit_layer_en").set_value(layer))
        keys = [button.key for button in at.main.button if str(button.key).startswith("audit_")]
        assert all(re.fullmatch(rf"audit_\w+_{layer}_\d+", key) for key in keys)
        assert len(keys) <= 24 * len(FLAGS)
    found = by_layer(session.audit(crop(sample_picture(name)) for name in samples()))
    dead = found["fc7"].flagged("dead") or ()
    assert texts.text("audit.more", "en", count=len(dead) - 24) in captions(at)
    render(at.button(key=f"audit_dead_fc7_{dead[1]}").click())
    selection: Selection = at.session_state["selection"]
    assert (selection.layer, selection.channel) == ("fc7", dead[1])


def test_a_visitors_own_pictures_count_for_him_alone(visit: Open) -> None:
    count = len(samples())
    mine, theirs = visit("architecture", lang="en"), visit("architecture", lang="en")
    send(mine, ("1.png", encoded(drawn(1))), ("2.png", encoded(drawn(2))))
    assert texts.text("audit.over", "en", pictures=count + 2, samples=count, own=2) in captions(opened(mine))
    assert texts.text("audit.over", "en", pictures=count, samples=count, own=0) in captions(opened(theirs))
    dead = [[int(row[2].strip("*").replace(",", "")) for row in counts(at)] for at in (mine, theirs)]
    assert all(a <= b for a, b in zip(*dead, strict=True))
    assert dead[0] != dead[1]
