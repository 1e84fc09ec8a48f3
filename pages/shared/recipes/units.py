"""Recipes of what looks at one unit: projections, the way down, saliency, maximization."""

from dataclasses import asdict
from typing import Any

from pages.shared.exhibits import Recipe
from pages.shared.recipes.script import Source, flags, keywords, literal, named, recipe, written
from zfnet import MaximizationSettings, Unit
from zfnet.gallery import Premade
from zfnet.maximization_settings import PRESETS

_SIDE, _LARGE = 336, 448
_NINE = 'found = session.deconvnet(view, [f"{layer}:{{channel}}" for channel in ranked])'
_PREMADE = """made = read_galleries(session.info.checkpoint_id)["{unit}"]
# Made beforehand by session.maximize(["{made}"], made.settings), and kept in a compressed file."""
_OF_LAYER = 'made = [one.pixels() for one in gallery if one.unit.layer == "{layer}"]'
_FOUR = "values = render.mosaic([made.image for made in found], 2, 2)[:{gap}, :{gap}]"


def projection(source: Source, unit: Unit, *, whole_map: bool = False) -> Recipe:
    """Write the projection of a unit within its receptive field, or that of a whole map."""
    way = keywords(whole_map=(whole_map, False))
    return recipe(
        source,
        "projection",
        [
            f"(found,) = session.deconvnet(view, [{literal(str(unit))}]{way})",
            *_patch("found.pixels", "found.box"),
            f"pixels = render.enlarge(patch, {_SIDE})",
        ],
        _deconvnet(source, str(unit), "projection", *flags(whole_map=(whole_map, False))),
    )


def input_patch(source: Source, unit: Unit, *, whole_map: bool = False) -> Recipe:
    """Write what a unit looked at, as large as its projection."""
    way = keywords(whole_map=(whole_map, False))
    return recipe(
        source,
        "input_patch",
        [
            f"(found,) = session.deconvnet(view, [{literal(str(unit))}]{way})",
            f"pixels = render.enlarge(render.cut(np.asarray(view), found.box), {_SIDE})",
        ],
        ["view", *named(source), *([] if whole_map else ["--unit", str(unit)]), "--out", "input_patch"],
    )


def nine(source: Source, layer: str) -> Recipe:
    """Write the nine strongest units of a layer: what they looked at, and their projections."""
    return recipe(
        source,
        "nine",
        [
            f"ranked = session.feature_maps(view, {literal(layer)}).ranked()[:9]",
            _NINE.format(layer=layer),
            "pixels = drawing.pairs(np.asarray(view), found)",
        ],
        _deconvnet(source, layer, "nine"),
    )


def descent(source: Source, unit: Unit, stage: int) -> Recipe:
    """Write what the operation with this number leaves on the way from a unit down to the pixels."""
    return recipe(
        source,
        "descent",
        [
            f"found = session.descent(view, {literal(str(unit))})",
            f"values = found.stages[{stage}].strength",
            f"pixels = drawing.stages(found, session.info.config)[{stage}]",
        ],
        ["descent", *named(source), str(unit), "--out", "descent"],
        png='render.encode_png(pixels, "inferno")',
    )


def switches(source: Source, unit: Unit, number: int) -> Recipe:
    """Write the switches of one pooling on the way down, counted from the unit."""
    return recipe(
        source,
        "switches",
        [
            f"pool = session.descent(view, {literal(str(unit))}).switches[{number}]",
            f"pixels = render.switches(pool.below, pool.cells, pool.signal, {_SIDE})",
        ],
        ["descent", *named(source), str(unit), "--out", "switches"],
    )


def saliency(source: Source, unit: Unit, method: str) -> Recipe:
    """Write how each pixel moves a unit, within its receptive field."""
    box = f"receptive_field(session.info.config, {literal(unit.layer)}).box{unit.position or (0, 0)}"
    way = keywords(method=(method, "gradient"))
    return recipe(
        source,
        "saliency",
        [
            f"found = session.saliency(view, {literal(str(unit))}{way})",
            f"box = {box}",
            *_patch("found.pixels", "box"),
            f"pixels = render.enlarge(patch, {_SIDE})",
        ],
        ["saliency", *named(source), str(unit), *flags(method=(method, "gradient")), "--out", "saliency"],
    )


def overwriting(source: Source, unit: Unit) -> Recipe:
    """Write the projection that overwrites where windows overlap, in the colours of the one that adds."""
    return recipe(
        source,
        "overwriting",
        [
            f"(right,) = session.deconvnet(view, [{literal(str(unit))}])",
            f"(wrong,) = session.overwriting(view, [{literal(str(unit))}])",
            "_, limit = render.projection(right.pixels, right.box)",
            "patch = render.signed_pixels(render.cut(wrong.pixels, right.box), limit)",
            f"pixels = render.enlarge(patch, {_SIDE})",
        ],
        _deconvnet(source, str(unit), "overwriting", "--overwriting"),
    )


def randomised(source: Source, unit: Unit, until: str, seed: int) -> Recipe:
    """Write the projection of a unit from the same value with the weights permuted down to a layer, "" for none."""
    lines = [f"(own,) = session.deconvnet(view, [{literal(str(unit))}])"]
    if until:
        how = f"{literal(until)}, from_layer={literal(unit.layer)}{keywords(seed=(seed, 0))}"
        lines += [
            f"twin = session.randomised({how})",
            f"(other,) = twin.deconvnet(view, [{literal(str(unit))}], activation=own.activation)",
        ]
    return recipe(
        source,
        "randomised",
        [*lines, *_patch("other.pixels" if until else "own.pixels", "own.box")],
        _deconvnet(source, str(unit), "randomised", *permuted(until, seed)),
        png="render.encode_png(patch)",
    )


def permuted(until: str, seed: int) -> list[str]:
    """Return the options of a command that permutes weights."""
    return ["--randomise", until, "--seed", str(seed)] if until else []


def maximization(source: Source, made: Premade) -> Recipe:
    """Write a picture of the gallery."""
    key = f"{made.unit.layer}:{made.unit.channel}"
    return recipe(
        source,
        "maximization",
        [
            _PREMADE.format(unit=key, made=made.unit),
            "values = made.pixels()",
            f"pixels = render.enlarge(values, {_LARGE})",
        ],
        _maximize(source, made.unit, made.settings, "maximization"),
        picture=False,
    )


def gallery(source: Source, layer: str) -> Recipe:
    """Write the sheet of a layer's pictures in the gallery."""
    return recipe(
        source,
        "gallery",
        [
            "gallery = read_galleries(session.info.checkpoint_id).values()",
            _OF_LAYER.format(layer=layer),
            "pixels = drawing.gallery(made)",
        ],
        ["gallery", "--layer", layer, "--draw", "gallery.png"],
        picture=False,
    )


def climb(source: Source, unit: Unit, settings: MaximizationSettings) -> Recipe:
    """Write what a unit or class wants to see, made live; four pictures where diversity is asked for."""
    preset, changes = _nearest(settings)
    changed = "".join(f", {name}={written(value)}" for name, value in changes.items())
    how = f"replace(PRESETS[{literal(preset)}]{changed})" if changed else f"PRESETS[{literal(preset)}]"
    start = settings.start == "picture"
    asked, options = f"[{literal(str(unit))}]", "settings" + (", picture=view" if start else "")
    lines = [f"(made,) = session.maximize({asked}, {options})", "values = made.image"]
    if settings.diversity:
        lines = [f"found = session.maximize({asked} * 4, {options})", _FOUR.format(gap=-2)]
    return recipe(
        source,
        "climb",
        [f"settings = {how}", *lines, f"pixels = render.enlarge(values, {_LARGE})"],
        _maximize(source, unit, settings, "climb"),
        picture=start,
    )


def _nearest(settings: MaximizationSettings) -> tuple[str, dict[str, Any]]:
    """Return the preset that settings differ from least, and what is different."""
    asked = asdict(settings)
    differing = {
        name: {key: asked[key] for key, value in asdict(preset).items() if asked[key] != value}
        for name, preset in PRESETS.items()
    }
    return min(differing.items(), key=lambda entry: len(entry[1]))


def _maximize(source: Source, unit: Unit, settings: MaximizationSettings, name: str) -> list[str]:
    preset, changes = _nearest(settings)
    changed = ["--set", *(f"{key}={value}" for key, value in changes.items() if (key, value) != ("start", "picture"))]
    start = ["--picture", *named(source)] if settings.start == "picture" else []
    units = [str(unit)] * (4 if settings.diversity else 1)
    out = name if settings.diversity else f"{name}.png"
    return ["maximize", *units, "--preset", preset, *(changed if changed[1:] else []), *start, "--out", out]


def _patch(values: str, box: str) -> list[str]:
    return [f"shown, limit = render.projection({values}, {box})", f"patch = render.cut(shown, {box})"]


def _deconvnet(source: Source, unit: str, name: str, *more: str) -> list[str]:
    return ["deconvnet", *named(source), unit, *more, "--out", name]
