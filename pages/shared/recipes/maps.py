"""Recipes of the picture itself, the network, its filters and its feature maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.shared.exhibits import Recipe
from pages.shared.recipes.script import Source, flags, keywords, literal, named, recipe
from zfnet import Unit

if TYPE_CHECKING:
    from pages.shared.results import Look

_SIDE = 448
_FIXED = 'end = session.fixed_limit([sample.picture for sample in sample_views()], "{layer}")'
_INPUTS = 'channels = [term.channel for term in session.contributions(view, "{unit}", top={count}).terms]'
_PERIOD = "picture = grating({period!r}, {orientation!r})"
# The stride lab: so many pixels in the middle of the picture are shown.
_MIDDLE = 216


def view(source: Source) -> Recipe:
    """Write the picture that the network sees."""
    return recipe(source, "view", ["pixels = np.asarray(view)"], ["view", *named(source), "--out", "view"])


def diagram(source: Source, layer: str, size: tuple[int, int], geometry: str = "") -> Recipe:
    """Write the drawing of a network, by default the loaded one, with one layer marked."""
    rows = f"layer_table(NETWORKS[{literal(geometry)}])" if geometry else "session.architecture()"
    shell = ["architecture", *flags(geometry=(geometry, "")), "--layer", layer, "--size", *map(str, size)]
    return recipe(
        source,
        "diagram",
        [f"rows = {rows}", f"pixels = render.diagram(rows, {literal(layer)}, {size!r})"],
        [*shell, "--draw", "diagram.png"],
        picture=False,
    )


def filters(source: Source, *, columns: int = 16, channels: Sequence[int] | None = None) -> Recipe:
    """Write the filters of conv1, by default all, on one sheet."""
    chosen = "" if channels is None else f"[{list(channels)!r}]"
    return recipe(
        source,
        "filters",
        [
            f'weights = session.filters("conv1"){chosen}',
            f"pixels = render.mosaic(render.filter_tiles(weights), {columns}, gap=0)",
        ],
        ["filters", *flags(columns=(columns, 16)), *_channels(channels), "--out", "filters"],
        picture=False,
    )


def receptive_field(source: Source, unit: Unit) -> Recipe:
    """Write the picture with a frame around what a unit's cell sees."""
    return recipe(
        source,
        "receptive_field",
        [
            f"box = receptive_field(session.info.config, {literal(unit.layer)}).box{unit.position or (0, 0)}",
            "pixels = render.draw_box(np.asarray(view), box)",
        ],
        ["view", *named(source), "--unit", str(unit), "--out", "receptive_field"],
    )


def feature_maps(
    source: Source,
    layer: str,
    channels: Sequence[int],
    look: "Look",
    *,
    columns: int = 16,
    order: str = "",
    first: int = 0,
) -> Recipe:
    """Write the maps of several channels on one sheet.

    Args:
        source: the picture.
        layer: one that has maps.
        channels: in the order in which they are shown.
        look: how they are coloured.
        columns: in a row.
        order: the order of ``zfnet.feature_maps.ORDERS`` that the channels come from, where they are one stretch of
            it; the script then says so instead of naming each.
        first: where in that order the stretch begins.
    """
    last, found = first + len(channels), f"session.feature_maps(view, {literal(layer)})"
    ranked = f"{found}.ranked({keywords(by=(order, 'maximum'))[5:]})[{first or ''}:{last}]"
    stretch = [*flags(order=(order, "maximum"), first=(first, 0)), "--count", str(len(channels))]
    chosen = stretch if order else _channels(channels)
    return recipe(
        source,
        "feature_maps",
        [
            *_maps(layer, look),
            f"channels = {ranked if order else list(channels)}",
            f"tiles = render.map_levels(maps, end{keywords(signed=(not look.rectified, False))})[channels]",
            f"pixels = render.mosaic(tiles, {columns}, gap=0)",
        ],
        ["maps", *named(source), layer, *chosen, *flags(columns=(columns, 16)), *_look(look), "--out", "feature_maps"],
        png=f"render.encode_png(pixels, {literal(look.colours)})",
    )


def feature_map(source: Source, unit: Unit, look: "Look") -> Recipe:
    """Write one channel's map, in its own cells."""
    signed = keywords(signed=(not look.rectified, False))
    return recipe(
        source,
        "feature_map",
        [*_maps(unit.layer, look, unit.channel), f"pixels = render.map_levels(values, end{signed})"],
        ["maps", *named(source), f"{unit.layer}:{unit.channel}", *_look(look), "--out", "feature_map"],
        png=f"render.encode_png(pixels, {literal(look.colours)})",
    )


def feature_map_on_picture(source: Source, unit: Unit, look: "Look") -> Recipe:
    """Write one channel's map, laid on the picture."""
    return recipe(
        source,
        "feature_map_on_picture",
        [
            *_maps(unit.layer, look, unit.channel),
            f"placed = render.place(values, receptive_field(session.info.config, {literal(unit.layer)}))",
            "fractions = render.normalise(placed, 0, end)",
            f"laid = render.overlay(np.asarray(view), fractions, {literal(look.colormap)})",
            f"pixels = render.enlarge(laid, {_SIDE})",
        ],
        ["maps", *named(source), f"{unit.layer}:{unit.channel}", *_look(look), "--out", "feature_map_on_picture"],
    )


def unit_inputs(source: Source, unit: Unit, below: str, channels: Sequence[int], *, colormap: str) -> Recipe:
    """Write the maps of the layer below that contribute most to a unit, on the scale of that layer.

    Args:
        source: the picture.
        unit: of a layer above one that has maps.
        below: that layer.
        channels: the strongest, in their order.
        colormap: of the maps.
    """
    look = flags(columns=(4, 16), scale=("layer", "map"), colours=(colormap, "viridis"))
    return recipe(
        source,
        "unit_inputs",
        [
            _INPUTS.format(unit=unit, count=len(channels)),
            f"maps = session.feature_maps(view, {literal(below)}).values",
            "tiles = render.map_levels(maps, maps.max())[channels]",
            "pixels = render.mosaic(tiles, 4, gap=0)",
        ],
        ["maps", *named(source), below, *_channels(channels), *look, "--out", "unit_inputs"],
        png=f"render.encode_png(pixels, {literal(colormap)})",
    )


def stride(
    source: Source, channel: int, stride: int, *, grating: tuple[float, float] | None = None, zoom: int = 1
) -> Recipe:
    """Write what one filter of conv1 answers at a stride, as the stride lab shows it.

    Args:
        source: the picture.
        channel: of conv1.
        stride: 1 or more.
        grating: the period and the orientation of the grating that is looked at instead of the picture.
        zoom: so many times as large.
    """
    looked, side = "picture" if grating else "view", _MIDDLE // zoom
    drawn = [_PERIOD.format(period=grating[0], orientation=grating[1])] if grating else []
    picture = ["--period", str(grating[0]), "--orientation", str(grating[1])] if grating else named(source)
    strides = list(dict.fromkeys([1, stride]))
    return recipe(
        source,
        "stride",
        [
            *drawn,
            f"lab = session.stride_lab({looked}, {channel}, {strides})",
            "end = abs(lab.samplings[0].values).max()",
            f"values = drawing.middle(lab.samplings[-1].values, {side}, {stride})",
            "pixels = render.levels(render.normalise(values, -end, end))",
        ],
        ["stride", *picture, "--channel", str(channel), "--strides", *map(str, strides), "--out", "stride"],
        png='render.encode_png(pixels, "diverging")',
        picture=not grating,
    )


def _maps(layer: str, look: "Look", channel: int | None = None) -> list[str]:
    """Return the lines that make the maps of a layer, or of one channel, and the value of full colour."""
    found = f"session.feature_maps(view, {literal(layer)}{keywords(rectified=(look.rectified, True))}).values"
    lines = [f"maps = {found}"]
    if channel is not None:
        lines.append(f"values = maps[{channel}]")
    own = "maps" if channel is None or look.scale == "layer" else "values"
    sized = own if look.rectified else f"abs({own})"
    each = "(1, 2), keepdims=True" if channel is None and look.scale == "map" else ""
    return [*lines, _FIXED.format(layer=layer) if look.scale == "fixed" else f"end = {sized}.max({each})"]


def _look(look: "Look") -> list[str]:
    return flags(before_relu=(not look.rectified, False), scale=(look.scale, "map"), colours=(look.colormap, "viridis"))


def _channels(channels: Sequence[int] | None) -> list[str]:
    return [] if channels is None else ["--channels", *map(str, channels)]
