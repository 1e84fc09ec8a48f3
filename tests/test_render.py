"""Arrays to pictures: scales, colours, placement on the picture, overlays, mosaics and boxes."""

import colorsys
import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from zfnet import render
from zfnet.errors import SelectionError
from zfnet.geometry import (
    ALEXNET,
    GEOMETRIES,
    LAYERS,
    NETWORKS,
    PAPER,
    SPATIAL,
    TABLE,
    WIDE,
    ReceptiveField,
    ZFNetConfig,
    layer_table,
    receptive_field,
    shapes,
)

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8)
CONV5 = receptive_field(TABLE, "conv5")
SCALE = np.linspace(0, 1, 256)


def lightness(pixels: np.ndarray) -> np.ndarray:
    """Return CIE L*, 0 to 100, of sRGB pixels."""
    linear = np.where(pixels > 10, ((pixels / 255 + 0.055) / 1.055) ** 2.4, pixels / 255 / 12.92)
    y = linear @ (0.2126, 0.7152, 0.0722)
    return np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * (29 / 3) ** 3)


# Scales


def test_normalising_clips_to_the_given_range() -> None:
    scaled = render.normalise(np.array([-1.0, 0.0, 1.0, 2.0, 9.0]), 0, 4)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [0, 0, 0.25, 0.5, 1]


@pytest.mark.parametrize("value", [0.0, 3.5, -2.0])
def test_a_range_without_extent_gives_zeros(value: float) -> None:
    constant = np.full((3, 4), value, np.float32)
    scaled = render.normalise(constant, value, value)
    assert scaled.shape == (3, 4)
    assert not scaled.any()
    assert not render.normalise(constant, 1, 0).any()


def test_a_map_is_shown_from_zero_to_its_maximum() -> None:
    shown = render.heat(np.array([[-1.0, 0.0, 2.0, 4.0]]), "grey")
    assert shown[0, :, 0].tolist() == [0, 0, 128, 255]


def test_a_map_is_shown_within_the_given_limits() -> None:
    shown = render.heat(np.array([[-1.0, 0.0, 2.0, 4.0]]), "grey", limits=(-1, 1))
    assert shown[0, :, 0].tolist() == [0, 128, 255, 255]


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_silent_map_is_shown_in_the_darkest_colour(value: float) -> None:
    assert (render.heat(np.full((2, 2), value)) == render.colour(np.zeros((2, 2)))).all()


# Colours


@pytest.mark.parametrize("name", render.COLORMAPS)
def test_a_colour_map_begins_and_ends_with_its_anchors(name: str) -> None:
    ends = render.colour(np.array([0.0, 1.0]), name)
    assert ends.dtype == np.uint8
    assert [bytes(end).hex() for end in ends] == [render.COLORMAPS[name][0], render.COLORMAPS[name][-1]]


def test_colours_take_any_shape() -> None:
    assert render.colour(np.zeros((2, 3, 4))).shape == (2, 3, 4, 3)


@pytest.mark.parametrize("name", render.UNSIGNED)
def test_an_unsigned_colour_map_gets_ever_lighter(name: str) -> None:
    light = lightness(render.colour(SCALE, name))
    assert (np.diff(light) >= 0).all()
    assert np.diff(light[::16]).min() > 3


@pytest.mark.parametrize("name", ["viridis", "inferno"])
def test_an_unsigned_colour_map_follows_matplotlib(name: str) -> None:
    theirs = colormaps[name](np.arange(256))[:, :3] * 255
    ours = render.colour(SCALE, name)
    assert np.abs(ours - theirs).max() < 18
    assert np.abs(lightness(ours) - lightness(theirs)).max() < 2


def test_the_diverging_map_is_equally_light_on_both_sides_of_a_neutral_middle() -> None:
    light = lightness(render.colour(SCALE, "diverging"))
    assert np.abs(light - light[::-1]).max() < 0.8
    assert (np.diff(light[:128]) > 0).all()
    neutral = render.colour(np.array([0.5]), "diverging")[0]
    assert np.ptp(neutral) <= 1
    assert neutral.min() > 240


def test_an_unknown_colour_map_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SelectionError) as caught:
        render.heat(np.zeros((2, 2)), "jet")
    assert str(caught.value) == "the colour maps are viridis, inferno, grey, diverging, weights, got 'jet'"


def test_a_signed_map_is_blue_below_zero_red_above_and_symmetric() -> None:
    shown = render.signed_heat(np.array([[-2.0, 0.0, 1.0, 2.0]]))[0]
    low, zero, half, high = shown.astype(int)
    assert low[2] > low[0] + 50
    assert high[0] > high[2] + 50
    assert np.ptp(zero) <= 1
    assert lightness(low) == pytest.approx(lightness(high), abs=0.8)
    assert (render.signed_heat(np.array([[1.0]]), limit=2)[0, 0] == half).all()


def test_the_zero_of_a_reconstruction_is_grey() -> None:
    pixels = np.array([[[-2.0, 0.0, 2.0], [0.0, 0.0, 0.0], [1.0, -1.0, 0.0]]])
    assert render.signed_pixels(pixels)[0].tolist() == [[0, 128, 255], [128, 128, 128], [191, 64, 128]]


def test_a_reconstruction_of_nothing_is_grey_all_over() -> None:
    assert (render.signed_pixels(np.zeros((4, 5, 3))) == np.full((4, 5, 3), 128)).all()


def test_a_signed_map_of_nothing_is_neutral_all_over() -> None:
    assert (render.signed_heat(np.zeros((4, 5))) == render.signed_heat(np.array([[-1.0, 0.0, 1.0]]))[0, 1]).all()


def test_reconstructions_can_share_a_scale() -> None:
    weak = np.full((1, 1, 3), 0.5)
    assert render.signed_pixels(weak, limit=1)[0, 0].tolist() == [191, 191, 191]
    assert render.signed_pixels(weak)[0, 0].tolist() == [255, 255, 255]


# Sizes and places


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3)])
def test_enlarging_repeats_pixels_by_a_whole_factor(shape: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    large = render.enlarge(pixels, 14)
    assert large.shape[:2] == (8, 12)
    assert (large == np.kron(pixels, np.ones((4, 4) + (1,) * (len(shape) - 2), np.uint8))).all()


def test_nothing_is_ever_made_smaller() -> None:
    assert (render.enlarge(NOISE, 10) == NOISE).all()


@pytest.mark.parametrize(("count", "columns", "gap"), [(7, 3, 2), (6, 3, 0), (2, 5, 1)])
def test_a_mosaic_is_a_grid_of_equal_cells(count: int, columns: int, gap: int) -> None:
    tiles = [RNG.integers(0, 255, (4, 5, 3), dtype=np.uint8) for _ in range(count)]
    sheet = render.mosaic(tiles, columns, gap=gap)
    rows = -(-count // columns)
    assert sheet.shape == (rows * (4 + gap), columns * (5 + gap), 3)
    rest = sheet.astype(int)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (4 + gap), (i % columns) * (5 + gap)
        assert (sheet[top : top + 4, left : left + 5] == tile).all()
        rest[top : top + 4, left : left + 5] = 255
    assert (rest == 255).all()


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("layer", SPATIAL)
def test_a_placed_map_has_the_values_of_its_cells_at_their_centres(geometry: str, layer: str) -> None:
    config = GEOMETRIES[geometry]
    field, side = receptive_field(config, layer), shapes(config)[layer][1]
    values = RNG.normal(size=(side, side)).astype(np.float32)
    placed = render.place(values, field)
    assert placed.shape == (224, 224)
    assert placed.dtype == np.float32
    # Every kernel is odd, so that every centre is a pixel; some of the outermost lie outside of the picture.
    centres = np.array([field.centre(u) for u in range(side)], int)
    cells = np.flatnonzero((centres >= 0) & (centres < 224))
    assert len(cells) >= side - 2
    assert np.abs(placed[np.ix_(centres[cells], centres[cells])] - values[np.ix_(cells, cells)]).max() < 1e-6


def test_the_cells_of_conv5_lie_on_every_sixteenth_pixel() -> None:
    values = RNG.normal(size=(14, 14)).astype(np.float32)
    assert np.abs(render.place(values, CONV5)[0:209:16, 0:209:16] - values).max() == 0


def test_rows_and_columns_are_not_mixed_up() -> None:
    values = np.zeros((14, 14), np.float32)
    values[2, 9] = 1
    assert np.argwhere(render.place(values, CONV5) == 1).tolist() == [[32, 144]]


@pytest.mark.parametrize("field", [CONV5, receptive_field(PAPER, "conv5"), receptive_field(TABLE, "pool1")])
def test_a_linear_ramp_stays_linear_between_the_outermost_centres(field: ReceptiveField) -> None:
    side = 1 + int((223 - field.centre(0)) // field.jump)
    centres = np.array([field.centre(u) for u in range(side)])
    placed = render.place(3 * centres[:, None] - 2 * centres[None, :] + 5, field)
    inside = np.arange(max(0, int(np.ceil(centres[0]))), int(centres[-1]) + 1)
    expected = 3 * inside[:, None] - 2 * inside[None, :] + 5
    assert np.abs(placed[np.ix_(inside, inside)] - expected).max() < 2e-3


def test_a_constant_map_stays_constant_up_to_the_edges() -> None:
    assert (render.place(np.full((14, 14), 0.3), CONV5) == np.float32(0.3)).all()
    assert (render.place(np.full((1, 1), 0.3), CONV5) == np.float32(0.3)).all()


def test_beyond_the_outermost_centres_the_nearest_cell_goes_on() -> None:
    placed = render.place(RNG.normal(size=(14, 14)), CONV5)
    assert (placed[208:] == placed[208]).all()
    assert (placed[:, 208:] == placed[:, 208:209]).all()


class Uneven:
    """Cells whose last two are nearer to each other than the others, as where a square ends flush with the edge."""

    def centre(self, cell: int) -> float:
        return (20, 90, 160, 193)[cell]


def test_uneven_cells_lie_at_their_centres_too() -> None:
    values = RNG.normal(size=(4, 4)).astype(np.float32)
    placed = render.place(values, Uneven())
    at = [20, 90, 160, 193]
    np.testing.assert_allclose(placed[np.ix_(at, at)], values, atol=1e-6)
    assert placed[20, 55] == pytest.approx((values[0, 0] + values[0, 1]) / 2, abs=1e-6)
    assert (placed[194:] == placed[193]).all()


def test_what_is_not_known_is_light_grey() -> None:
    values = np.array([[np.nan, 1.0], [3.0, np.nan]], np.float32)
    shown = render.heat(values, limits=(1, 3))
    assert shown[0, 0].tolist() == shown[1, 1].tolist() == [225, 225, 225]
    assert (shown[[0, 1], [1, 0]] == render.colour(np.array([0.0, 1.0]))).all()


def test_classes_have_colours_by_their_order_and_the_rest_share_one() -> None:
    values = np.arange(10, 22).reshape(3, 4)
    order = list(range(21, 9, -1))
    shown = render.categorical(values, order)
    assert shown.dtype == np.uint8
    for value, pixel in zip(values.flat, shown.reshape(-1, 3), strict=True):
        assert "#" + bytes(pixel.tolist()).hex() == render.category(order.index(value))
    assert len({render.category(rank) for rank in range(12)}) == len(render.CATEGORIES) == 8
    assert (render.categorical(values, [10])[0, 0] == render.categorical(values, range(10, 22))[0, 0]).all()


# On the picture


def test_an_overlay_without_opacity_is_the_picture() -> None:
    assert (render.overlay(NOISE, RNG.random((224, 224)), opacity=0) == NOISE).all()


def test_an_opaque_overlay_shows_the_map_where_it_is_strongest() -> None:
    shown = render.overlay(NOISE, np.ones((224, 224)), "inferno", opacity=1)
    assert (shown == render.colour(np.ones(1), "inferno")).all()


def test_an_overlay_can_show_the_map_where_it_is_weakest() -> None:
    fractions = np.tile(np.linspace(0, 1, 224, dtype=np.float32), (224, 1))
    shown = render.overlay(NOISE, fractions, opacity=1, strength=1 - fractions)
    assert (shown[:, 0] == render.colour(np.zeros(1))).all()
    assert (shown[:, -1] == render.overlay(NOISE, np.zeros((224, 224)), opacity=1)[:, -1]).all()


def test_under_a_zero_map_the_picture_keeps_its_hue_and_loses_half_of_its_colour() -> None:
    view = np.array([[[220, 40, 40], [30, 160, 90], [60, 60, 200], [128, 128, 128]]], np.uint8)
    shown = render.overlay(view, np.zeros((1, 4)), opacity=1)
    for before, after in zip(view[0], shown[0], strict=True):
        assert np.ptp(after) == pytest.approx(np.ptp(before) / 2, abs=1.5)
        if np.ptp(before):
            hues = [colorsys.rgb_to_hsv(*(pixel / 255))[0] for pixel in (before, after)]
            assert hues[0] == pytest.approx(hues[1], abs=0.01)


def test_more_opacity_means_more_of_the_map() -> None:
    target = render.colour(np.ones(1)).astype(int)
    distances = [
        np.abs(render.overlay(NOISE, np.ones((224, 224)), opacity=opacity) - target).mean()
        for opacity in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert all(after < before for before, after in pairwise(distances))


def test_a_box_is_framed_from_outside() -> None:
    framed = render.draw_box(NOISE, (50, 60, 90, 120))
    changed = (framed != NOISE).any(2)
    assert not changed[50:90, 60:120].any()
    red, white = np.array([214, 39, 40]), np.array([255, 255, 255])
    for distance, colour in ((1, red), (2, white)):
        assert (framed[50 - distance, 60 - distance : 120 + distance] == colour).all()
        assert (framed[89 + distance, 60 - distance : 120 + distance] == colour).all()
        assert (framed[50 - distance : 90 + distance, 60 - distance] == colour).all()
        assert (framed[50 - distance : 90 + distance, 119 + distance] == colour).all()
    outside = changed.copy()
    outside[48:92, 58:122] = False
    assert not outside.any()


@pytest.mark.parametrize("box", [(0, 0, 224, 224), (0, 0, 40, 30), (190, 200, 224, 224), (1, 222, 3, 224)])
def test_a_box_at_the_border_is_framed_within_the_picture(box: tuple[int, int, int, int]) -> None:
    framed = render.draw_box(NOISE, box)
    assert framed.shape == NOISE.shape
    top, left, bottom, right = box
    changed = (framed != NOISE).any(2)
    assert not changed[top + 1 : bottom - 1, left + 1 : right - 1].any()
    assert changed[max(top - 1, 0)].sum() >= min(right + 1, 224) - max(left - 1, 0)


def test_the_diagram_has_one_block_for_each_layer_and_marks_one() -> None:
    for geometry in GEOMETRIES.values():
        drawing = render.diagram(layer_table(geometry), marked="conv3")
        assert drawing.shape == (240, 960, 3)
        inked = (drawing[105] != 255).any(1)
        starts = np.flatnonzero(inked & ~np.roll(inked, 1))
        assert len(starts) == len(LAYERS)
        marked = (drawing == render.diagram(layer_table(geometry))).all((0, 2))
        assert starts[LAYERS.index("conv3")] <= np.flatnonzero(~marked)[0] < starts[LAYERS.index("conv3") + 1]
        assert not inked[[0, -1]].any()


def test_the_diagram_draws_every_network_to_one_scale() -> None:
    def block(config: ZFNetConfig, layer: str) -> tuple[int, int]:
        """Return height and width of a layer's block, found by marking it."""
        rows = layer_table(config)
        changed = (render.diagram(rows, layer, (1120, 400)) != render.diagram(rows, "", (1120, 400))).any(2)
        return int(changed.any(1).sum()), int(changed.any(0).sum())

    assert block(ALEXNET, "conv1")[0] == block(PAPER, "pool1")[0]  # both have 55 cells
    assert block(TABLE, "conv1")[0] == pytest.approx(block(ALEXNET, "conv1")[0] * (112 / 55) ** 0.5, abs=2)
    for layer in ("conv1", "conv2", "fc6"):
        assert len({block(config, layer)[1] for config in NETWORKS.values()}) == 1
    assert block(WIDE, "conv4")[1] == pytest.approx(block(PAPER, "conv2")[1] * 10 / 8, abs=2)


def test_a_filter_is_grey_where_it_is_zero_and_has_one_scale_for_its_colours() -> None:
    weights = np.zeros((2, 3, 7, 7), np.float32)
    weights[0, 0, 1, 2], weights[0, 2, 1, 2] = 0.5, -0.25
    weights[1, 1] = -0.01
    first, second = render.filter_tiles(weights)
    assert first.shape == second.shape == (7, 7, 3)
    assert first[1, 2].tolist() == [255, 128, 64]  # the strongest weight is full, half of it on the other side is half
    assert (first[3] == 128).all()
    assert second[0, 0].tolist() == [128, 0, 128]  # weak, but on a scale of its own
    assert (render.filter_tiles(weights * 7)[0] == first).all()


def test_drawing_leaves_the_arguments_alone() -> None:
    pixels, values = NOISE.copy(), RNG.random((224, 224))
    before = values.copy()
    render.draw_box(pixels, (50, 60, 90, 120))
    render.overlay(pixels, values)
    render.heat(values)
    render.signed_heat(values)
    assert (pixels == NOISE).all()
    assert (values == before).all()


def test_a_picture_survives_encoding() -> None:
    data = render.encode_png(NOISE)
    assert data.startswith(b"\x89PNG")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "RGB"
        assert (np.asarray(picture) == NOISE).all()


def test_a_projection_is_scaled_by_what_most_of_its_box_holds() -> None:
    pixels = np.zeros((40, 40, 3), np.float32)
    pixels[10:30, 10:30] = np.linspace(-1, 1, 1200, dtype=np.float32).reshape(20, 20, 3)
    pixels[20, 20] = 50
    shown, limit = render.projection(pixels, (10, 10, 30, 30))
    inside = np.abs(pixels[10:30, 10:30])
    assert 0.002 < (inside > limit).mean() <= 0.005
    assert (shown[:10] == shown[0, 0, 0]).all()
    assert (shown[20, 20] == 255).all()
    assert render.projection(np.zeros((8, 8, 3)), (0, 0, 0, 0))[1] == 0


def test_numbers_of_colours_are_encoded_in_a_third_of_the_bytes_and_look_the_same() -> None:
    fractions = RNG.random((30, 40)).astype(np.float32)
    small = render.encode_png(render.levels(fractions), "viridis")
    full = render.encode_png(render.colour(fractions))
    assert len(small) < 0.7 * len(full)
    with Image.open(io.BytesIO(small)) as one, Image.open(io.BytesIO(full)) as other:
        assert one.mode == "P"
        assert (np.asarray(one.convert("RGB")) == np.asarray(other)).all()


def test_a_mosaic_can_be_made_of_numbers_of_colours() -> None:
    sheet = render.mosaic([np.full((2, 3), i, np.uint8) for i in range(3)], 2, gap=0)
    assert sheet.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 255, 255, 255]] * 2


def test_a_contour_runs_around_what_reaches_its_level_and_leaves_the_rest() -> None:
    picture, fractions = np.full((9, 9, 3), 100, np.uint8), np.zeros((9, 9), np.float32)
    fractions[2:7, 3:6] = 0.5
    drawn = render.contour(picture, fractions, 0.5)
    inside = np.zeros((9, 9), bool)
    inside[2:7, 3:6] = True
    assert (drawn[2, 3:6] == 255).all()
    assert (drawn[2:7, [3, 5]] == 255).all()
    assert (drawn[1, 3:6] == 0).all()
    assert (drawn[2:7, 2] == 0).all()
    assert (drawn[4, 4] == 100).all()
    assert (drawn[0] == 100).all()
    assert not (drawn[~inside] == 255).any()
    assert (picture == 100).all()


@pytest.mark.parametrize("values", [0.0, 1.0])
def test_where_everything_or_nothing_reaches_the_level_there_is_no_contour(values: float) -> None:
    drawn = render.contour(NOISE, np.full(NOISE.shape[:2], values, np.float32), 0.5)
    assert (drawn == NOISE).all()


def test_weights_have_other_colours_than_activations_and_the_same_zero() -> None:
    values = np.array([[-1.0, 0.0, 1.0]])
    activations, weights = (
        render.signed_heat(values, colormap=name)[0].astype(int) for name in ("diverging", "weights")
    )
    assert np.abs(activations[1] - weights[1]).max() <= 1
    assert (np.abs(activations[[0, 2]] - weights[[0, 2]]).max(1) > 40).all()


def dots(sheet: np.ndarray, colour: str) -> set[tuple[int, int]]:
    """Return the centres of the dots of a colour, in pixels."""
    rgb = np.array(tuple(bytes.fromhex(colour[1:])))
    rows, columns = np.nonzero((sheet == rgb).all(-1))
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


def test_switches_are_drawn_where_the_windows_found_their_maxima() -> None:
    below = np.zeros((40, 40), np.float32)
    cells = np.stack(np.meshgrid(np.arange(0, 40, 2), np.arange(0, 40, 2), indexing="ij"), -1)
    signal = np.zeros((20, 20))
    signal[10, 12] = -3.0
    sheet = render.switches(below, cells, signal, 200)
    extent = 1 + 2 * 3  # the cell itself and a margin
    factor = len(sheet) // extent
    assert sheet.shape == (factor * extent, factor * extent, 3)
    middle = factor * 3 + factor // 2  # of the cell (20, 24), the middle one of what is drawn
    assert (middle, middle) in dots(sheet, render._ARRIVING)
    assert (middle, middle - 2 * factor) in dots(sheet, render._CHOSEN)
    assert (middle, middle - factor) not in dots(sheet, render._CHOSEN) | dots(sheet, render._ARRIVING)


@pytest.mark.parametrize("cell", [(0, 0), (0, 9), (9, 0), (9, 9), (4, 5)])
def test_switches_at_the_edge_are_drawn_within_the_map(cell: tuple[int, int]) -> None:
    cells = np.array([[cell]])
    sheet = render.switches(np.ones((10, 10), np.float32), cells, np.ones((1, 1)))
    assert len(sheet) == len(sheet[0])
    assert dots(sheet, render._ARRIVING)


@pytest.mark.parametrize("point", [(50.0, 60.5), (0.0, 99.0), (-8.0, 40.0)])
def test_a_point_is_ringed_in_red_and_the_ring_stays_in_the_picture(point: tuple[float, float]) -> None:
    plain = np.zeros((100, 100, 3), np.uint8)
    ringed = render.draw_point(plain, point, 10)
    changed = np.argwhere((ringed != plain).any(2))
    middle = np.clip(point, 10, 89)
    distances = np.hypot(*(changed - middle).T)
    assert 3 < distances.min() < distances.max() < 12
    assert {tuple(rgb) for rgb in ringed[tuple(changed.T)].tolist()} == {(255, 255, 255), (214, 39, 40)}
    assert np.abs(changed.mean(0) - middle).max() < 0.6
    assert not plain.any()


def test_a_drawing_on_dark_reverses_its_greys_and_keeps_its_colours() -> None:
    drawing = np.array([[[255, 255, 255], [51, 51, 51], [59, 82, 139]]], np.uint8)
    assert render.on_dark(drawing).tolist() == [[[0, 0, 0], [204, 204, 204], [59, 82, 139]]]
    np.testing.assert_array_equal(render.on_dark(render.on_dark(drawing)), drawing)
