"""Recipes of two pictures on one scale: each writes the first of the two, with colours that both share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.shared.exhibits import Recipe
from pages.shared.recipes.classes import cam, evidence_values
from pages.shared.recipes.script import Source, flags, keywords, literal, named, opened, recipe
from zfnet import Unit

if TYPE_CHECKING:
    from pages.shared.evidence import Asked, Paint

Sources = tuple[Source, Source]
_SIDE, _WIDE = 448, 672
_FOUND = 'found, others = (session.deconvnet(seen, ["{unit}"])[0] for seen in (view, other))'
_MAPS = "{values}, {others} = (session.feature_maps(seen, {layer}).values{channel} for seen in (view, other))"


def two_maps(pair: Sources, unit: Unit, end: float, *, colormap: str, on_picture: bool = True) -> Recipe:
    """Write a unit's map, on the picture or in its own cells.

    Args:
        pair: the picture that is shown, and the other one.
        unit: whose map.
        end: the value of full colour that the two have together, for the shell, which sees one of them.
        colormap: of the map.
        on_picture: whether it is laid on the picture.
    """
    found = _MAPS.format(values="values", others="others", layer=literal(unit.layer), channel=f"[{unit.channel}]")
    body = [_other(pair), found, "end = max(values.max(), others.max())"]
    if on_picture:
        body += [
            f"placed = render.place(values, receptive_field(session.info.config, {literal(unit.layer)}))",
            f"laid = render.overlay(np.asarray(view), render.normalise(placed, 0, end), {literal(colormap)})",
            f"pixels = render.enlarge(laid, {_SIDE})",
        ]
    else:
        body += [f"pixels = render.enlarge(render.heat(values, {literal(colormap)}, (0, end)), {_SIDE})"]
    look = flags(colours=(colormap, "viridis"), end=(end, 0.0))
    shell = ["maps", *named(pair[0]), f"{unit.layer}:{unit.channel}", *look, "--out", "two_maps"]
    return recipe(pair[0], "two_maps", body, shell)


def two_projections(pair: Sources, unit: Unit, end: float) -> Recipe:
    """Write what the unit's strongest cell saw beside its projection."""
    name = f"{unit.layer}:{unit.channel}"
    return recipe(
        pair[0],
        "two_projections",
        [
            _other(pair),
            _FOUND.format(unit=name),
            "_, own = render.projection(found.pixels, found.box)",
            "_, end = render.projection(others.pixels, others.box)",
            "end = max(own, end)",
            "saw = render.cut(np.asarray(view), found.box)",
            "projected = render.signed_pixels(render.cut(found.pixels, found.box), end)",
            f"pixels = render.enlarge(np.hstack([saw, projected]), {_WIDE})",
        ],
        ["deconvnet", *named(pair[0]), name, *flags(end=(end, 0.0)), "--out", "two_projections"],
    )


def two_classes(
    pair: Sources, class_index: int, end: float, *, asked: "Asked", paint: "Paint", tops: Sequence[Sequence[int]]
) -> Recipe:
    """Write the evidence for a class on the picture; ``tops`` are the most probable classes of both pictures, which
    the pages compute together."""
    own, others = (
        evidence_values(class_index, asked, top, name=name, seen=seen)
        for top, name, seen in zip(tops, ("values", "others"), ("view", "other"), strict=True)
    )
    look = keywords(colormap=(paint.colormap, "viridis"), opacity=(paint.opacity, 0.7), contour=(paint.contour, 0.0))
    return recipe(
        pair[0],
        "two_classes",
        [
            *(_other(pair), *own, *others),
            "end = max(values.max(), others.max(), 0)",
            f"field = receptive_field(session.info.config, {literal(asked.layer)})",
            f"pixels = drawing.evidence(np.asarray(view), values, field{look}, end=end)",
        ],
        cam(pair[0], [class_index], asked, paint, *flags(end=(end, 0.0)), "--out", "two_classes"),
    )


def two_layers(
    pair: Sources, layer: str, channels: Sequence[int], *, end: float, columns: int, colormap: str
) -> Recipe:
    """Write the maps of the same channels on one sheet."""
    return recipe(
        pair[0],
        "two_layers",
        [
            _other(pair),
            _MAPS.format(values="maps", others="others", layer=literal(layer), channel=""),
            "end = max(maps.max(), others.max())",
            f"tiles = render.map_levels(maps, end)[{list(channels)}]",
            f"pixels = render.mosaic(tiles, {columns}, gap=0)",
        ],
        [
            *("maps", *named(pair[0]), layer, "--channels", *map(str, channels), "--columns", str(columns)),
            *flags(colours=(colormap, "viridis"), end=(end, 0.0)),
            *("--out", "two_layers"),
        ],
        png=f"render.encode_png(pixels, {literal(colormap)})",
    )


def _other(pair: Sources) -> str:
    """Return the line that opens the picture that is not shown."""
    return f"other = {opened(pair[1].file, pair[1])}"
