"""Results as pictures: cut where they should be, in full colour where they should be."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from zfnet import InferenceSession, drawing, render
from zfnet.geometry import ReceptiveField, receptive_field
from zfnet.occlusion import Square
from zfnet.pointing import Trial

VIEW = np.full((224, 224, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def field(session: InferenceSession) -> ReceptiveField:
    return receptive_field(session.info.config, "conv5")


def test_maps_are_in_full_colour_at_the_end_of_their_scale() -> None:
    maps = np.array([[[0, 1], [2, 4]], [[-8, 0], [0, 8]]], np.float32)
    own = maps.max((1, 2), keepdims=True)
    assert render.map_levels(maps, own)[0].tolist() == [[0, 64], [128, 255]]
    assert render.map_levels(maps[0], 8.0).tolist() == [[0, 32], [64, 128]]
    assert render.map_levels(maps[1], 8.0, signed=True).tolist() == [[0, 128], [128, 255]]
    assert not render.map_levels(-maps[0], 0.0).any()


def test_a_box_is_cut_out_and_an_empty_one_is_everything() -> None:
    pixels = np.arange(16).reshape(4, 4)
    assert render.cut(pixels, (1, 2, 3, 4)).tolist() == [[6, 7], [10, 11]]
    np.testing.assert_array_equal(render.cut(pixels, (0, 0, 0, 0)), pixels)


def test_what_speaks_against_a_class_leaves_the_picture_without_a_mark(field: ReceptiveField) -> None:
    against = -np.ones((14, 14), np.float32)
    nothing = drawing.evidence(VIEW, 0 * against, field, contour=0.5)
    np.testing.assert_array_equal(drawing.evidence(VIEW, against, field, contour=0.5), nothing)
    assert len(np.unique(nothing)) == 1


def test_evidence_on_a_wider_scale_is_paler(field: ReceptiveField) -> None:
    values = np.zeros((14, 14), np.float32)
    values[7, 7] = 1
    own, wider = (drawing.evidence(VIEW, values, field, end=end) for end in (None, 4.0))
    away = [np.abs(shown.astype(int) - own[0, 0]).max() for shown in (own, wider)]
    assert away[0] > away[1] > 0
    assert (drawing.cells(values)[7, 7] == render.palette("viridis")[255]).all()
    np.testing.assert_array_equal(drawing.cells(-values), render.signed_heat(-values))


def test_a_box_at_the_edge_lies_in_a_square_within_the_picture() -> None:
    pixels = np.arange(100).reshape(10, 10)
    assert drawing.square(pixels, (2, 7, 7, 10)).tolist() == pixels[2:7, 5:10].tolist()
    np.testing.assert_array_equal(drawing.square(pixels, (0, 0, 0, 0)), pixels)


def test_the_middle_has_a_sample_for_every_stride() -> None:
    for stride in (1, 2, 4):
        every = np.tile(np.arange(0, 224, stride), (224 // stride, 1))
        shown = drawing.middle(every, 72, stride)
        assert shown.shape == (72 // stride, 72 // stride)
        assert shown[0, 0] == 76


def test_nine_pairs_stand_in_three_rows(session: InferenceSession, sample: Image.Image) -> None:
    found = session.deconvnet(sample, [f"conv2:{channel}" for channel in range(9)])
    sheet = drawing.pairs(np.asarray(sample), found)
    assert sheet.shape == (3 * drawing.PAIR, 6 * drawing.PAIR, 3)


def test_every_stage_has_its_brightest_cell_in_full_colour(session: InferenceSession, sample: Image.Image) -> None:
    found = session.descent(sample, "conv3:9")
    shown = drawing.stages(found, session.info.config)
    assert len(shown) == len(found.stages) > 3
    assert {levels.max() for levels in shown} == {255}


def test_a_map_that_nothing_changes_is_as_bright_as_can_be() -> None:
    assert drawing.occlusion_ends(np.full((2, 2), 0.5, np.float32), 0.5) == (-0.5, 0.5)
    assert drawing.occlusion_ends(np.array([[0.25, 0.5]], np.float32), 0.75) == (0.25, 0.75)


def test_what_covering_costs_is_laid_on_the_picture(session: InferenceSession, sample: Image.Image) -> None:
    maps = session.occlusion(sample, 281, square=Square(96, 64))
    whole, probabilities = np.full_like(maps.whole_probabilities, 0.5), np.full_like(maps.probabilities, 0.5)
    probabilities[1, 1] = 0.1
    shown = drawing.occlusion(replace(maps, probabilities=probabilities, whole_probabilities=whole), VIEW)
    row, column = (int(maps.centre(1)) for _ in range(2))
    assert (shown[0, 0] == shown[-1, -1]).all()
    assert (shown[row, column] != shown[0, 0]).any()


def test_a_map_that_points_nowhere_is_not_ringed(field: ReceptiveField) -> None:
    values = np.zeros((14, 14), np.float32)
    trial = Trial("top_left", 0.1, 5, 3, {"gradcam": None}, {"gradcam": None}, {"gradcam": values})
    plain = drawing.pointing(VIEW, trial, "gradcam", field)
    ringed = drawing.pointing(VIEW, replace(trial, points={"gradcam": (60.0, 70.0)}), "gradcam", field)
    assert plain.shape == ringed.shape == (448, 448, 3)
    rows, columns = np.nonzero((plain != ringed).any(2))
    assert abs(rows.mean() - 121) < 1
    assert abs(columns.mean() - 141) < 1


def test_a_gallery_has_equal_tiles_and_repeats_the_pixels_of_small_pictures() -> None:
    small = np.zeros((7, 7, 3), np.uint8)
    small[3, 3] = 255
    sheet = drawing.gallery([small, VIEW, VIEW], columns=2)
    assert sheet.shape == (2 * drawing.TILE, 2 * drawing.TILE, 3)
    tile, other = sheet[: drawing.TILE, : drawing.TILE], sheet[: drawing.TILE, drawing.TILE :]
    assert np.unique(tile).tolist() == [0, 255]
    assert (other == VIEW[0, 0]).all()
    assert (sheet[drawing.TILE :, drawing.TILE :] == 255).all()
