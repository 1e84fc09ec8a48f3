"""The stride lab: maps against a convolution written out, frequencies against the fold-back formula, and the page."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pages.shared import texts
from tests.oracle import random_network, unchanged
from tests.test_pages import Open, chosen, run, visit, words  # noqa: F401
from zfnet import InferenceSession, SelectionError
from zfnet.aliasing import apparent_frequency, fold, grating, share_above_nyquist, wave
from zfnet.geometry import TABLE, Convolution
from zfnet.model import Trace, ZFNet
from zfnet.stride import STRIDES, VERDICTS, StrideLab, filter_answers, fold_back, stride_lab

PERIODS = (3, 3.3, 4.5, 5, 5.8, 6.7, 7.4, 9, 12.5, 16, 24)
ORIENTATIONS = (0, 20, 45, 75, 90, 110, 135, 160)


def ripple(frequency: tuple[float, float], side: int, phase: float = 0.7) -> np.ndarray:
    """Return a sinusoid over a map, its frequency in cycles per cell along columns and along rows."""
    rows, columns = np.mgrid[:side, :side]
    return np.cos(2 * np.pi * (frequency[0] * rows + frequency[1] * columns) + phase)


def both_signs_apart(measured: tuple[float, float], expected: np.ndarray, stride: int) -> float:
    """Return how far a frequency lies from another, in cycles per pixel; a wave has two signs, a spectrum no ends."""
    return min(float(np.abs(fold(sign * np.array(measured) - expected, stride)).max()) for sign in (1, -1))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_answers_are_sums_over_windows_that_lie_a_stride_apart(network: ZFNet, x: Tensor, stride: int) -> None:
    layer, weight = network.config.conv1, network.conv1.weight[2]
    found = filter_answers(network, x, 2, stride)
    assert found.shape == ((224 + 2 * layer.padding - layer.kernel) // stride + 1,) * 2
    for row, column in ((0, 0), (0, found.shape[1] - 1), (11, 30), (found.shape[0] - 1, 7)):
        total = 0.0
        for u in range(layer.kernel):
            for v in range(layer.kernel):
                y, z = row * stride - layer.padding + u, column * stride - layer.padding + v
                if 0 <= y < 224 and 0 <= z < 224:
                    total += sum(float(weight[c, u, v]) * float(x[0, c, y, z]) for c in range(3))
        assert math.isclose(found[row, column], total, abs_tol=1e-11)


def test_a_larger_stride_keeps_every_so_manieth_answer(network: ZFNet, x: Tensor) -> None:
    every = filter_answers(network, x, 1, 1)
    for sampling in stride_lab(network, x, 1, (1, 2, 3, 4)).samplings:
        np.testing.assert_array_equal(sampling.values, every[:: sampling.stride, :: sampling.stride])
        np.testing.assert_allclose(sampling.values, filter_answers(network, x, 1, sampling.stride), atol=1e-12)


def test_at_its_own_stride_the_answers_are_the_networks_own_less_the_bias(
    network: ZFNet, x: Tensor, trace: Trace
) -> None:
    for channel in range(network.config.conv1.filters):
        own = trace.outputs["conv1"][0, channel] - network.conv1.bias[channel]
        (found,) = (s for s in stride_lab(network, x, channel).samplings if s.stride == network.config.conv1.stride)
        np.testing.assert_allclose(found.values, own.numpy(), atol=1e-12)


def test_the_embedded_network_is_sampled_at_its_own_cells(
    session: InferenceSession, embedded: ZFNet, sample: Image.Image
) -> None:
    before = session.feature_maps(sample, "conv1", rectified=False).values
    for channel in (0, 8, 95):
        found = session.stride_lab(sample, channel).samplings[1].values
        own = before[channel] - float(embedded.conv1.bias[channel])
        np.testing.assert_allclose(found, own, atol=1e-5 * np.abs(own).max())


def test_any_kernel_stride_and_padding_of_a_first_layer_will_do() -> None:
    config = replace(TABLE, conv1=Convolution(4, kernel=11, stride=4, padding=5), fc6=8, fc7=8, num_classes=3)
    network = random_network(config)
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    own = network.trace(x, "conv1").outputs["conv1"][0, 3] - network.conv1.bias[3]
    np.testing.assert_allclose(stride_lab(network, x, 3).samplings[2].values, own.numpy(), atol=1e-12)


@pytest.mark.parametrize(("period", "orientation"), [(8, 0), (16, 90), (5, 30)])
def test_a_grating_is_grey_and_has_the_period_it_should(period: float, orientation: float) -> None:
    picture = grating(period, orientation, phase=0.4)
    assert (picture.mode, picture.size) == ("RGB", (224, 224))
    pixels = np.asarray(picture, float)
    assert np.ptp(pixels, axis=2).max() == 0
    down, across = wave(period, orientation)
    expected = 127.5 + 114.75 * ripple((down, across), 224, 0.4 - math.pi / 2)
    assert np.abs(pixels[..., 0] - expected).max() <= 0.5 + 1e-9
    if orientation == 0:
        np.testing.assert_array_equal(pixels[:, :-period], pixels[:, period:])
    assert math.isclose(apparent_frequency(pixels[..., 0], 1).period, period, rel_tol=1e-3)


def test_folding_is_the_nearest_alias_within_the_limit() -> None:
    for stride in (1, 2, 3, 4):
        for f in np.linspace(-0.5, 0.5, 41):
            aliases = f + np.arange(-4, 5) / stride
            nearest = float(np.abs(aliases).min())
            assert math.isclose(abs(float(fold(f, stride))), nearest, abs_tol=1e-12)
            assert abs(float(fold(f, stride))) <= 1 / (2 * stride) + 1e-12
    assert math.isclose(float(fold(0.2, 4)), -0.05)
    assert math.isclose(float(fold(0.2, 2)), 0.2)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_a_sampled_wave_shows_is_what_the_formula_says(orientation: float) -> None:
    for period in PERIODS:
        true = wave(period, orientation)
        for stride in (1, 2, 3, 4):
            values = 3 * ripple(true, 224)[::stride, ::stride] + 10
            found = apparent_frequency(values, stride)
            expected = fold(np.array(true), stride)
            apart = both_signs_apart((found.vertical, found.horizontal), expected, stride)
            # Near zero and near the limit a wave and its mirror image meet, and only the bin is certain.
            cycles = np.abs(expected) * len(values) * stride
            certain = (
                cycles.max() > 4 and (len(values) / 2 - cycles > 4).all() and ((cycles > 4) | (cycles < 1e-6)).all()
            )
            assert apart < (0.02 if certain else 1) / 224, (period, stride)
            if certain:
                assert math.isclose(found.frequency, np.hypot(*expected), abs_tol=0.03 / 224)
                assert math.isclose(found.contrast, 3, rel_tol=0.02)


def test_the_peak_is_that_of_a_fine_fourier_transform_written_out() -> None:
    values = ripple((0.137, -0.0613), 48) + 0.3 * ripple((0.02, 0.31), 48)
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(48) / 48)] * 2)
    fine = np.abs(np.fft.fft2((values - np.average(values, weights=window)) * window, (960, 960)))[:, :480]
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    found = apparent_frequency(values, 1)
    assert abs(found.vertical - np.fft.fftfreq(960)[row]) < 1 / 960
    assert abs(found.horizontal - column / 960) < 1 / 960


def test_real_filters_keep_or_falsify_a_grating_as_the_limit_says(session: InferenceSession) -> None:
    for orientation in (0, 45, 90, 120):
        for period in (3.1, 4.6, 5, 6.1, 9.3, 14):
            lab, true = session.stride_lab(grating(period, orientation)), np.array(wave(period, orientation))
            for sampling, verdict in zip(lab.samplings, lab.verdicts(period, orientation), strict=True):
                within = np.abs(true).max() <= sampling.limit
                assert verdict == ("kept" if within else "false"), (period, orientation, sampling.stride)
                expected = float(np.hypot(*fold(true, sampling.stride)))
                assert math.isclose(sampling.shown.frequency, expected, abs_tol=0.1 / 224)


def test_five_pixels_look_like_twenty_at_stride_four(session: InferenceSession) -> None:
    lab = session.stride_lab(grating(5, 0))
    assert lab.verdicts(5, 0) == ("kept", "kept", "false")
    assert [round(s.shown.period, 1) for s in lab.samplings] == [5, 5, 20]
    assert [s.limit for s in lab.samplings] == [0.5, 0.25, 0.125]


def test_a_grating_with_the_period_of_the_stride_is_gone(session: InferenceSession) -> None:
    lab = session.stride_lab(grating(4, 0))
    assert lab.verdicts(4, 0)[0] == "kept"
    assert lab.verdicts(4, 0)[2] == "gone"
    (measured,) = session.fold_back([4], 0, strides=[4])
    assert np.isnan(measured.shown).all()


def test_a_filter_that_does_not_answer_is_said_to_be_silent(session: InferenceSession) -> None:
    flat = session.stride_lab(Image.new("RGB", (224, 224), (127, 127, 127)), 8)
    assert flat.verdicts(5, 0) == ("silent",) * 3
    # Nor does it count when something else than the grating is seen.
    assert session.stride_lab(grating(12, 90), 8).verdicts(5, 0) == ("silent",) * 3
    assert {"kept", "false", "gone", "silent"} == set(VERDICTS)


def test_the_energy_above_the_limit_is_counted_by_parseval() -> None:
    values = np.random.default_rng(0).normal(size=(60, 50))
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in values.shape])
    tapered = (values - np.average(values, weights=window)) * window
    total = float((tapered**2).sum())
    for stride in (2, 3, 4, 5):
        spectrum = np.fft.fft2(tapered)
        for i, down in enumerate(np.fft.fftfreq(60)):
            for j, across in enumerate(np.fft.fftfreq(50)):
                if max(abs(down), abs(across)) > 1 / (2 * stride):
                    spectrum[i, j] = 0
        kept = float((np.fft.ifft2(spectrum).real ** 2).sum())
        assert math.isclose(share_above_nyquist(values, stride), 1 - kept / total, abs_tol=1e-12)


def test_a_share_is_nothing_below_the_limit_and_all_above_it() -> None:
    assert share_above_nyquist(ripple((0.05, 0.1), 224), 4) < 1e-4
    assert share_above_nyquist(ripple((0.05, 0.2), 224), 4) > 1 - 1e-4
    assert share_above_nyquist(ripple((0.05, 0.2), 224), 2) < 1e-4
    assert share_above_nyquist(np.full((20, 20), 3.0), 2) == 0
    noise = np.random.default_rng(1).normal(size=(224, 224))
    shares = [share_above_nyquist(noise, stride) for stride in (1, 2, 4)]
    assert shares[0] == 0
    np.testing.assert_allclose(shares[1:], [3 / 4, 15 / 16], atol=0.02)


def test_a_flat_map_has_no_frequency() -> None:
    found = apparent_frequency(np.full((56, 56), 2.5), 4)
    assert (found.frequency, found.contrast, found.period) == (0, 0, math.inf)


def test_the_curve_is_the_zigzag_of_the_textbook(session: InferenceSession) -> None:
    periods = (1 / np.linspace(0.04, 0.33, 9)).tolist()
    for orientation in (0, 30):
        for line in session.fold_back(periods, orientation):
            ways = np.outer(wave(1, orientation), 1 / np.array(periods))
            np.testing.assert_allclose(line.frequencies, np.hypot(*ways), atol=1e-12)
            np.testing.assert_allclose(line.shown, np.hypot(*fold(ways, line.stride)), atol=0.5 / 224)


def test_the_default_filter_is_the_one_that_answers_most(session: InferenceSession) -> None:
    picture = grating(6, 45)
    contrasts = [session.stride_lab(picture, channel, (1,)).samplings[0].shown.contrast for channel in range(96)]
    assert session.stride_lab(picture).channel == int(np.argmax(contrasts))


def test_stride_one_comes_first(network: ZFNet, x: Tensor) -> None:
    def strides(lab: StrideLab) -> list[int]:
        return [s.stride for s in lab.samplings]

    assert strides(stride_lab(network, x)) == list(STRIDES)
    assert strides(stride_lab(network, x, strides=(3,))) == [1, 3]


def test_nothing_is_left_behind(network: ZFNet, x: Tensor, trace: Trace) -> None:
    with unchanged(network, trace):
        for sampling in stride_lab(network, x, 1).samplings:
            sampling.values.fill(7)
        fold_back(network, [5.0, 9.0], 30, lambda pixels: pixels)
        with pytest.raises(SelectionError):
            filter_answers(network, x, 99, 2)


def test_what_does_not_exist_is_refused(session: InferenceSession, sample: Image.Image) -> None:
    for channel in (96, -1):
        with pytest.raises(SelectionError, match=rf"conv1 has 96 channels \(0-95\), got {channel}"):
            session.stride_lab(sample, channel)
    for strides in ((1, 0), (-2,)):
        with pytest.raises(SelectionError, match=f"a stride is 1 or more, got {min(strides)}"):
            session.stride_lab(sample, 3, strides)
    for period in (1.9, math.nan):
        with pytest.raises(SelectionError, match=f"periods of 2 pixels and more, got {period}"):
            grating(period, 0)


def captions(at: object) -> list[str]:
    """Return what stands below the pictures of the page, in order."""
    bodies = [html.proto.body for html in at.get("html") if "class='figures'" in html.proto.body]  # type: ignore[attr-defined]
    return [caption for body in bodies for caption in re.findall(r"<figcaption>(.*?)<small>", body)]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_page_says_what_becomes_of_a_grating(visit: Open, language: str) -> None:  # noqa: F811
    def said(stride: int, verdict: str, **values: object) -> str:
        what = texts.text(f"stride.verdict_{verdict}", language, **values)
        return texts.text("stride.map_caption", language, stride=stride, verdict=what)

    at = visit("stride", lang=language)
    assert captions(at)[1:4] == [said(1, "kept"), said(2, "kept"), said(4, "false", period=20)]
    run(at.button(key="preset_coarse").click())
    assert (at.slider(key="choose_period").value, captions(at)[3]) == (16, said(4, "kept"))
    run(at.button(key="preset_finest").click())
    assert captions(at)[2:4] == [said(2, "false", period=6), said(4, "false", period=12)]
    run(at.slider(key="choose_period").set_value(4.0))
    assert captions(at)[3] == said(4, "gone")
    run(at.slider(key="choose_period").set_value(6.0))
    run(at.slider(key="choose_orientation").set_value(45))
    assert captions(at)[3] == said(4, "kept")  # beyond the limit across the stripes, within it along rows and columns
    before = captions(at)
    run(at.toggle(key="stride_zoom").set_value(True))
    assert captions(at) == before
    # The sliders stay where they are while other pages are looked at.
    run(at.switch_page("../architecture.py"))
    run(at.switch_page("../stride.py"))
    assert captions(at) == before


def test_the_selected_filter_of_conv1_stays_until_it_is_given_back(visit: Open) -> None:  # noqa: F811
    at = visit("stride", layer="conv1", channel="15")
    assert "conv1:15" in words(at)
    run(at.slider(key="choose_period").set_value(4.4))
    assert texts.text("stride.filters_kept", "en", unit="conv1:15") in words(at)
    (back,) = (button for button in at.button if button.label == texts.text("stride.back", "en"))
    run(back.click())
    assert (chosen(at).layer, chosen(at).channel) == ("conv1", None)
    assert texts.text("stride.filters_strongest", "en", unit="conv1:8") in words(at)
