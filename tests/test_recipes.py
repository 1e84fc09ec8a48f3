"""Every recipe is run: what its Python draws is what the page shows, and its line of shell writes the same values."""

import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partialmethod
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages.shared import (
    comparison,
    occlusion_runs,
    pointing,
    premade,
    projections,
    recipes,
    results,
    sanity,
    stride_parts,
    unit_parts,
)
from pages.shared import evidence as of
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibits import Recipe
from pages.shared.recipes import RECIPES, Source
from pages.shared.results import Look
from tests.test_house import ROOT
from zfnet import Cancelled, InferenceSession, MaximizationSettings, Unit, crop, decode_image, drawing, render
from zfnet.__main__ import main
from zfnet.classification import HEADS
from zfnet.geometry import NETWORKS, layer_table
from zfnet.geometry import receptive_field as seen_by
from zfnet.maximization_settings import PRESETS
from zfnet.occlusion import Square

FILE, OTHER = "tabby_cat.jpg", "cathedral.jpg"
FOUR_AT_ONCE = 4
UNIT, CELL = Unit("conv5", 17, (6, 9)), Unit("conv3", 289, (8, 2))
PLAIN, SIGNED = Look(), Look(rectified=False, scale="layer", colormap="inferno")
ASKED, LAYERED = Asked(), Asked("layercam", "conv3", "gap", centred=False)
PAINT, LINE = Paint("viridis"), Paint("grey", 0.45, 0.5)
CENTRE = ("centre", 0.5)
MOVED = ("move", 0.2)
NOISE = Square(64, 40, "noise", 3)


@dataclass(frozen=True)
class Page:
    """What a page has in hand."""

    session: InferenceSession
    view: Image.Image

    @property
    def pixels(self) -> np.ndarray:
        return np.asarray(self.view)

    def top(self) -> tuple[int, ...]:
        return tuple(score.index for score in self.session.classify(self.view).classes)


# What a page shows, as PNG or pixels; and the values that the shell must write.
Shown = bytes | np.ndarray
Made = tuple[Recipe, Shown, list[np.ndarray]]


@dataclass(frozen=True)
class Case:
    """A recipe for a selection; ``make`` returns it with what the page shows and with the arrays behind it."""

    kind: str
    make: Callable[[Page, Source], Made]
    crop: tuple[str, float] = CENTRE

    def __str__(self) -> str:
        return f"{self.kind}, {self.crop[0]}"


def view(p: Page, s: Source) -> Made:
    return recipes.view(s), results.plain(p.view), [p.pixels]


def diagram(geometry: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        size = (1120, 170)
        rows = layer_table(NETWORKS[geometry])[:-1] if geometry else None
        return recipes.diagram(s, "conv4", size, geometry), results.diagram(p.session, "conv4", size, rows), []

    return make


def filters(channels: tuple[int, ...] | None, columns: int) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        weights = p.session.filters("conv1")
        shown = results.filters(p.session, "conv1", columns, channels)
        return (
            recipes.filters(s, columns=columns, channels=channels),
            shown,
            [weights if channels is None else weights[list(channels)]],
        )

    return make


def receptive_field(unit: Unit) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        assert unit.position
        box = seen_by(p.session.info.config, unit.layer).box(*unit.position)
        framed = render.draw_box(p.pixels, box)
        return recipes.receptive_field(s, unit), framed, [p.pixels, render.cut(p.pixels, box)]

    return make


def feature_maps(
    layer: str, look: Look, *, order: str = "", first: int = 0, channels: tuple[int, ...] = (), columns: int = 16
) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        shown = channels or results.ranking(p.session, p.view, layer, order).channels[first : first + 96]
        made = recipes.feature_maps(s, layer, shown, look, columns=columns, order=order, first=first)
        png = results.mosaic(p.session, p.view, layer=layer, channels=shown, columns=columns, look=look)
        values = p.session.feature_maps(p.view, layer, rectified=look.rectified).values
        return made, png, [values[list(shown)]]

    return make


def feature_map(unit: Unit, look: Look, *, on_picture: bool = False) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        found = results.feature_map(p.session, p.view, unit, look)
        write = recipes.feature_map_on_picture if on_picture else recipes.feature_map
        return write(s, unit, look), found.overlay if on_picture else found.map, [found.values]

    return make


def projection(unit: Unit, *, whole_map: bool = False, patch: bool = False) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        found = projections.projection(p.session, p.view, unit, whole_map=whole_map)
        (values,) = p.session.deconvnet(p.view, [unit], whole_map=whole_map)
        if patch:
            arrays = [p.pixels] if whole_map else [p.pixels, render.cut(p.pixels, found.box)]
            return recipes.input_patch(s, unit, whole_map=whole_map), found.input_patch, arrays
        return recipes.projection(s, unit, whole_map=whole_map), found.patch, [values.pixels]

    return make


def nine(layer: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        found = projections.nine_strongest(p.session, p.view, layer)
        values = p.session.deconvnet(p.view, [f"{u.layer}:{u.channel}" for u in found.units])
        return recipes.nine(s, layer), found.sheet, [one.pixels for one in values]

    return make


def descent(unit: Unit, stage: int) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        found = p.session.descent(p.view, unit)
        arrays = [*(one.strength for one in found.stages), *(one.cells for one in found.switches)]
        shown = projections.descent(p.session, p.view, unit).stages[stage].strength
        return recipes.descent(s, unit, stage), shown, arrays

    return make


def switches(unit: Unit, number: int) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        _, _, arrays = descent(unit, 0)(p, s)
        return (
            recipes.switches(s, unit, number),
            projections.descent(p.session, p.view, unit).switches[number].drawn,
            arrays,
        )

    return make


def saliency(unit: Unit, method: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        png, _ = projections.saliency(p.session, p.view, unit, method)
        return recipes.saliency(s, unit, method), png, [p.session.saliency(p.view, unit, method=method).pixels]

    return make


def overwriting(unit: Unit) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        (values,) = p.session.overwriting(p.view, [unit])
        return recipes.overwriting(s, unit), sanity.overwritten(p.session, p.view, unit).drawn, [values.pixels]

    return make


def randomised(unit: Unit, number: int, seed: int) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        step = sanity.permuted_projections(p.session, p.view, unit, seed)[number]
        until = step.permuted[-1] if step.permuted else ""
        (own,) = p.session.deconvnet(p.view, [unit])
        if until:
            twin = p.session.randomised(until, from_layer=unit.layer, seed=seed)
            (own,) = twin.deconvnet(p.view, [unit], activation=own.activation)
        return recipes.randomised(s, unit, until, seed), step.drawn, [own.pixels]

    return make


def randomised_evidence(asked: Asked, number: int, seed: int) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        how = {"head": asked.head, "centred": asked.centred}
        step = sanity.permuted_evidence(p.session, p.view, 285, seed=seed, **how)[number]
        until = step.permuted[-1] if step.permuted else ""
        twin = p.session
        if until:
            twin = twin.randomised(until, from_layer="gap" if asked.head == "gap" else "fc8", seed=seed)
        (values,) = twin.class_activation(p.view, [285], rectified=False, **how)
        return recipes.randomised_evidence(s, 285, asked, until=until, seed=seed), step.drawn, [values.values]

    return make


def evidence(index: int | None, asked: Asked, paint: Paint, *, cells: bool = False) -> Callable[[Page, Source], Made]:
    """The evidence for a class, None for the page's third; ``cells`` are shown alone."""

    def make(p: Page, s: Source) -> Made:
        chosen = p.top()[2] if index is None else index
        top = tuple(score.index for score in results.classification(p.session, p.view, asked.head).classes)
        found = of.evidence(p.session, p.view, chosen, asked)
        values = [np.maximum(found.values, 0)]
        if cells:
            png = of.raw(found, paint.colormap, found.high)
            return recipes.evidence_cells(s, chosen, asked, paint, top=top), png, values
        png = of.overlay(p.session, p.view, found, asked.layer, paint=paint, end=found.high)
        return recipes.evidence(s, chosen, asked, paint, top=top), png, values

    return make


def rivals(rival: int, asked: Asked, paint: Paint) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        top = tuple(score.index for score in results.classification(p.session, p.view, asked.head).classes)
        both = [of.evidence(p.session, p.view, index, asked) for index in (top[0], rival)]
        end = max(found.high for found in both)
        png = of.overlay(p.session, p.view, both[0], asked.layer, paint=paint, end=end)
        arrays = [np.maximum(found.values, 0) for found in both]
        return recipes.rivals(s, (top[0], rival), asked, paint, top=top), png, arrays

    return make


def evidence_parts(count: int, asked: Asked, paint: Paint) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        top = tuple(score.index for score in results.classification(p.session, p.view, asked.head).classes)
        some = of.partial(p.session, p.view, top[0], asked, count=count)
        end = of.evidence(p.session, p.view, top[0], asked).high
        png = of.overlay(p.session, p.view, some, asked.layer, paint=paint, end=end)
        made = recipes.evidence_parts(s, top[0], asked, paint, count=count, top=top)
        return made, png, [np.maximum(some.values, 0)]

    return make


def lines(asked: Asked, method: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        unit = Unit(HEADS[asked.head], 281)
        if method == "integrated":
            png = of.integrated(p.session, p.view, 281, head=asked.head, centred=asked.centred).drawn
            found = p.session.integrated_gradients(p.view, unit, centred=asked.centred)
        else:
            png, _ = of.lines(p.session, p.view, 281, asked, method=method)
            guided = {"head": asked.head, "centred": asked.centred}
            found = (
                p.session.guided_gradcam(p.view, 281, **guided)
                if method == of.GUIDED
                else p.session.saliency(p.view, unit, method=method, centred=asked.centred)
            )
        return recipes.lines(s, 281, asked, method), png, [found.pixels]

    return make


def scorecam(asked: Asked, paint: Paint) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        (found,) = p.session.class_activation(
            p.view, [281], methods=["scorecam"], layer=asked.layer, head=asked.head, rectified=False
        )
        values = of.Evidence(found.values)
        png = of.overlay(p.session, p.view, values, asked.layer, paint=paint, end=values.high)
        return recipes.scorecam(s, 281, asked, paint), png, [np.maximum(found.values, 0)]

    return make


def covered(place: tuple[int, int], square: Square) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        top, left = place
        values = p.session.covered(p.view, place, square=square)
        framed = render.draw_box(values, (top, left, top + square.size, left + square.size))
        return recipes.covered(s, place, square), render.enlarge(framed, results.SIDE), [values]

    return make


def occlusion(shown: str, asked: occlusion_runs.Asked, colormap: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        maps = p.session.occlusion(p.view, asked.class_index, square=asked.square, head=asked.head)
        arrays = {"probability": maps.probability, "activation": maps.activation, "label": maps.label}
        drawn = {
            "picture": lambda: render.enlarge(drawing.occlusion(maps, p.pixels, colormap), results.SIDE),
            "label": lambda: render.categorical(maps.label, [index for index, _ in maps.labels]),
        }
        for number, name in enumerate(("probability", "activation")):
            ends = drawing.occlusion_ends(arrays[name], maps.whole[number])
            drawn[name] = lambda name=name, ends=ends: render.heat(arrays[name], colormap, ends)
        return recipes.occlusion(s, shown, asked, colormap), drawn[shown](), list(arrays.values())

    return make


def maximization(name: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        made = results.premade(p.session, Unit.parse(name))
        assert made
        return recipes.maximization(s, made), results.large(made.pixels()), []

    return make


def climb(name: str, settings: MaximizationSettings) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        start = p.view if settings.start == "picture" else None
        found = p.session.maximize([name] * (4 if settings.diversity else 1), settings, picture=start)
        images = [one.image for one in found]
        shown = render.mosaic(images, 2, 2)[:-2, :-2] if len(images) > 1 else images[0]
        return recipes.climb(s, Unit.parse(name), settings), results.large(shown), images

    return make


def stride(step: int, zoom: int, *, grating: tuple[float, float] | None = None) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        if grating:
            shown = stride_parts.on_grating(p.session, *grating, 7, zoom=zoom)
        else:
            shown = stride_parts.on_view(p.session, p.view, 7, zoom=zoom)
        by = {one.sampling.stride: one for one in shown.maps}
        arrays = [by[i].sampling.values for i in dict.fromkeys([1, step])]
        return recipes.stride(s, 7, step, grating=grating, zoom=zoom), by[step].png, arrays

    return make


def grid_pointing(quadrant: int, asked: Asked, paint: Paint) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        second = crop(decode_image((ROOT / "assets/samples" / OTHER).read_bytes()))
        found = pointing.tried(p.session, p.view, second, asked)
        trial = found.trials[quadrant]
        png = pointing.drawn(p.session, p.view, second, trial, asked=asked, paint=paint)
        arrays = [one.maps[asked.method] for one in found.trials]
        return recipes.pointing(s, f"assets/samples/{OTHER}", trial.quadrant, asked, paint=paint), png, arrays

    return make


def other_picture(s: Source) -> tuple[Image.Image, Source]:
    """Return the second of two pictures, moved away from its middle."""
    picture = decode_image((ROOT / "assets/samples" / OTHER).read_bytes())
    return crop(picture, "move", offset=0.3), Source(f"assets/samples/{OTHER}", "move", 0.3, s.checkpoint)


def two_maps(unit: Unit, colormap: str, *, on_picture: bool = True) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        seen, other = other_picture(s)
        found = comparison.maps(p.session, (p.view, seen), unit, colormap)
        side = found.sides[0]
        made = recipes.two_maps((s, other), unit, found.end, colormap=colormap, on_picture=on_picture)
        return made, side.png if on_picture else side.cells, [side.values]

    return make


def two_projections(unit: Unit) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        seen, other = other_picture(s)
        found = comparison.projected(p.session, (p.view, seen), unit)
        (values,) = p.session.deconvnet(p.view, [unit])
        return recipes.two_projections((s, other), unit, found.end), found.sides[0].png, [values.pixels]

    return make


def two_classes(index: int, asked: Asked, paint: Paint) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        seen, other = other_picture(s)
        answers = [results.classification(p.session, one, asked.head) for one in (p.view, seen)]
        tops = [tuple(score.index for score in answer.classes) for answer in answers]
        found = comparison.classes(p.session, (p.view, seen), index, asked=asked, paint=paint)
        made = recipes.two_classes((s, other), index, found.end, asked=asked, paint=paint, tops=tops)
        return made, found.sides[0].png, [np.maximum(found.sides[0].values, 0)]

    return make


def two_layers(layer: str, colormap: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        seen, other = other_picture(s)
        found = comparison.layers(p.session, (p.view, seen), layer, columns=4, colormap=colormap)
        look = {"end": found.end, "columns": 4, "colormap": colormap}
        values = p.session.feature_maps(p.view, layer).values[list(found.channels)]
        return recipes.two_layers((s, other), layer, found.channels, **look), found.sheets[0], [values]

    return make


def gallery(layer: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        return recipes.gallery(s, layer), premade._sheet(p.session, layer).png, []

    return make


def unit_inputs(unit: Unit, colormap: str) -> Callable[[Page, Source], Made]:
    def make(p: Page, s: Source) -> Made:
        found = unit_parts.inputs(p.session, p.view, unit)
        channels, look = tuple(term.channel for term in found.terms), Look(scale="layer", colormap=colormap)
        png = results.mosaic(p.session, p.view, layer=found.below, channels=channels, columns=4, look=look)
        values = p.session.feature_maps(p.view, found.below).values[list(channels)]
        return recipes.unit_inputs(s, unit, found.below, channels, colormap=colormap), png, [values]

    return make


HIRES, UNCENTRED = Asked("hirescam", "conv4"), Asked("gradcam", "pool5", "fc", centred=False)
GAP = Asked("cam", "conv5", "gap")
TUNED = replace(PRESETS["smooth"], steps=3, seed=5, jitter=2.0, start="picture")
FOUR = replace(PRESETS["normal"], steps=2, diversity=1.0, negative=True)
CASES = [
    Case("view", view),
    Case("view", view, MOVED),
    Case("view", view, ("fit", 0.5)),
    Case("diagram", diagram("")),
    Case("diagram", diagram("alexnet")),
    Case("filters", filters(None, 16)),
    Case("filters", filters((3, 90, 17), 2)),
    Case("receptive_field", receptive_field(UNIT)),
    Case("receptive_field", receptive_field(Unit("conv1", 3, (0, 111))), MOVED),
    Case("feature_maps", feature_maps("conv5", PLAIN, order="maximum")),
    Case("feature_maps", feature_maps("conv3", SIGNED, order="sparsity", first=96), MOVED),
    Case("feature_maps", feature_maps("conv2", Look(True, "fixed", "grey"), channels=(4, 250, 17), columns=2)),
    Case("feature_maps", feature_maps("conv2", Look(False, "map"), order="index", first=160)),
    Case("feature_map", feature_map(UNIT, PLAIN)),
    Case("feature_map", feature_map(CELL, SIGNED), MOVED),
    Case("feature_map", feature_map(CELL, Look(False, "fixed"))),
    Case("feature_map_on_picture", feature_map(UNIT, PLAIN, on_picture=True)),
    Case("feature_map_on_picture", feature_map(CELL, SIGNED, on_picture=True), MOVED),
    Case("projection", projection(UNIT)),
    Case("projection", projection(CELL), MOVED),
    Case("projection", projection(Unit("conv4", 20), whole_map=True)),
    Case("input_patch", projection(UNIT, patch=True)),
    Case("input_patch", projection(Unit("conv4", 20), whole_map=True, patch=True)),
    Case("nine", nine("conv5")),
    Case("nine", nine("pool2"), MOVED),
    Case("descent", descent(UNIT, 0)),
    Case("descent", descent(CELL, 3), MOVED),
    Case("switches", switches(UNIT, 1)),
    Case("saliency", saliency(UNIT, "gradient")),
    Case("saliency", saliency(CELL, "guided"), MOVED),
    Case("overwriting", overwriting(UNIT)),
    Case("overwriting", overwriting(CELL), MOVED),
    Case("randomised", randomised(CELL, 0, 0)),
    Case("randomised", randomised(CELL, 2, 3), MOVED),
    Case("randomised_evidence", randomised_evidence(ASKED, 0, 0)),
    Case("randomised_evidence", randomised_evidence(Asked("layercam", "conv3", "gap"), 2, 3), MOVED),
    Case("evidence", evidence(None, ASKED, PAINT)),
    Case("evidence", evidence(7, LAYERED, LINE), MOVED),
    Case("evidence", evidence(7, UNCENTRED, LINE)),
    Case("evidence_cells", evidence(None, HIRES, LINE, cells=True)),
    Case("evidence_methods", evidence(281, GAP, LINE)),
    Case("evidence_methods", evidence(281, Asked("eigencam"), LINE)),
    Case("rivals", rivals(7, ASKED, LINE)),
    Case("rivals", rivals(282, LAYERED, PAINT), MOVED),
    Case("evidence_parts", evidence_parts(64, ASKED, PAINT)),
    Case("evidence_parts", evidence_parts(8, Asked("gradcam", "conv4", "gap", centred=False), LINE), MOVED),
    *(Case("lines", lines(ASKED, method)) for method in of.LINES),
    *(Case("lines", lines(LAYERED, method), MOVED) for method in (*of.LINES, "integrated")),
    Case("scorecam", scorecam(replace(ASKED, method="layercam"), LINE)),
    Case("covered", covered((64, 80), Square())),
    Case("covered", covered((0, 160), NOISE), MOVED),
    Case("occlusion", occlusion("picture", occlusion_runs.Asked(281, Square(64, 70), "fc"), "viridis")),
    *(
        Case("occlusion", occlusion(shown, occlusion_runs.Asked(7, NOISE, "gap"), "inferno"), MOVED)
        for shown in ("probability", "activation", "label")
    ),
    Case("maximization", maximization("conv5:204")),
    Case("climb", climb("conv3:8@7,7", replace(PRESETS["normal"], steps=3))),
    Case("climb", climb("conv5:17", TUNED), MOVED),
    Case("climb", climb("conv2:17@9,9", FOUR)),
    Case("climb", climb("gap:281", replace(PRESETS["none"], steps=2, start="grey"))),
    Case("stride", stride(4, 1)),
    Case("stride", stride(1, 3), MOVED),
    Case("stride", stride(2, 3, grating=(5.0, 30))),
    Case("pointing", grid_pointing(0, ASKED, PAINT)),
    Case("pointing", grid_pointing(3, LAYERED, LINE), MOVED),
    Case("two_maps", two_maps(UNIT, "viridis")),
    Case("two_maps", two_maps(CELL, "inferno"), MOVED),
    Case("two_maps", two_maps(CELL, "grey", on_picture=False)),
    Case("two_projections", two_projections(Unit("conv5", 17))),
    Case("two_projections", two_projections(Unit("pool2", 9)), MOVED),
    Case("two_classes", two_classes(281, ASKED, LINE)),
    Case("two_classes", two_classes(7, LAYERED, PAINT), MOVED),
    Case("two_layers", two_layers("conv5", "viridis")),
    Case("two_layers", two_layers("conv2", "inferno"), MOVED),
    Case("gallery", gallery("conv1")),
    Case("gallery", gallery("conv4")),
    Case("unit_inputs", unit_inputs(UNIT, "viridis")),
    Case("unit_inputs", unit_inputs(Unit("fc6", 3), "inferno"), MOVED),
]


# Of these the shell writes other pictures from the same values: with frames, in their own cells, in other sizes, uncut.
OTHERWISE = {
    *("projection", "input_patch", "nine", "switches", "saliency", "overwriting", "randomised"),
    *("evidence_cells", "stride", "maximization", "two_projections"),
}


@pytest.fixture(autouse=True)
def _at_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session: InferenceSession) -> None:
    """Stand in an empty folder with the samples, and do not load the checkpoint again and again."""
    (tmp_path / "assets/samples").mkdir(parents=True)
    for file in (FILE, OTHER):
        shutil.copy(ROOT / "assets/samples" / file, tmp_path / "assets/samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZFNET_GALLERY", raising=False)
    monkeypatch.setattr(InferenceSession, "load", lambda *_, **__: session)
    # What takes long: 3 maps of 256, and 2 steps of 32.
    monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [3, 17, 250])
    few = partialmethod(InferenceSession.integrated_gradients, steps=2)
    monkeypatch.setattr(InferenceSession, "integrated_gradients", few)


def page(session: InferenceSession, crop_: tuple[str, float] = CENTRE) -> tuple[Page, Source]:
    mode, offset = crop_
    shown = crop(decode_image((ROOT / "assets/samples" / FILE).read_bytes()), mode, offset=offset)
    return Page(session, shown), Source(f"assets/samples/{FILE}", mode, offset, session.info.checkpoint_id)


def pixels(shown: Shown | Path) -> np.ndarray:
    if isinstance(shown, np.ndarray):
        return shown
    with Image.open(io.BytesIO(shown) if isinstance(shown, bytes) else shown) as picture:
        return np.asarray(picture.convert("RGB"))


def run_python(made: Recipe) -> np.ndarray:
    """Run a script; return the pixels of the one picture that it writes."""
    before = set(Path().glob("*.png"))
    exec(compile(made.python, "recipe", "exec"), {"__name__": "__main__"})
    (written,) = set(Path().glob("*.png")) - before
    return pixels(written)


def run_shell(made: Recipe, *more: str) -> Path:
    """Run a line of shell; return the folder or file that it writes to."""
    words = shlex.split(made.shell)
    assert words[:3] == ["python", "-m", "zfnet"]
    assert main([*words[3:], *more]) == 0
    (out,) = (Path(after) for word, after in pairwise(words) if word in ("--out", "--draw"))
    return out


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two pictures are the same, but for repeated pixels and a rounding here and there."""
    sides = [(a, b, gcd(a, b)) for a, b in zip(one.shape[:2], other.shape[:2], strict=True)]
    if min(side for *_, side in sides) == 1:
        return False
    small, same = (
        picture[:: sides[0][i] // sides[0][2], :: sides[1][i] // sides[1][2]] for i, picture in enumerate((one, other))
    )
    return bool((small != same).mean() < 1e-3)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_lines_of_python_draw_what_the_page_shows(case: Case, session: InferenceSession) -> None:
    made, shown, _ = case.make(*page(session, case.crop))
    np.testing.assert_array_equal(run_python(made), pixels(shown))


@pytest.mark.parametrize("case", [case for case in CASES if case.kind != "maximization"], ids=str)
def test_the_line_of_shell_writes_what_the_page_shows(case: Case, session: InferenceSession) -> None:
    made, shown, arrays = case.make(*page(session, case.crop))
    out = run_shell(made, *(["--npz"] if arrays else []))
    folder = out if out.is_dir() else out.parent
    if arrays:
        with np.load(folder / "arrays.npz") as held:
            values = list(held.values())
        assert len(values) == len(arrays)
        for own, expected in zip(values, arrays, strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    if case.kind not in OTHERWISE and len(arrays) != FOUR_AT_ONCE:
        assert any(alike(pixels(path), pixels(shown)) for path in folder.glob("*.png"))


def test_every_kind_has_a_recipe_that_is_run() -> None:
    assert {case.kind for case in CASES} == RECIPES.keys()


def test_every_script_says_which_checkpoint_made_the_picture(session: InferenceSession) -> None:
    hand, source = page(session)
    for case in {case.kind: case for case in CASES}.values():
        made, *_ = case.make(hand, replace(source, checkpoint="0123abcd"))
        assert "\n# made with checkpoint 0123abcd\n" in made.python
        assert "\n" not in made.shell


def test_a_picture_of_the_gallery_is_made_again_with_its_settings(
    session: InferenceSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, MaximizationSettings]] = []

    def maximize(self: InferenceSession, units: object, settings: MaximizationSettings, **_: object) -> None:
        asked.append((units, settings))
        raise Cancelled("seen enough")

    monkeypatch.setattr(InferenceSession, "maximize", maximize)
    _, source = page(session)
    for name in ("conv5:204", "conv1:3"):
        held = results.premade(session, Unit.parse(name))
        assert held
        made = recipes.maximization(source, held)
        assert main(shlex.split(made.shell)[3:]) == 2
        assert asked.pop() == ([held.unit], held.settings)
        assert f'session.maximize(["{held.unit}"], made.settings)' in made.python


@pytest.mark.parametrize("name", ["그림 1.jpg", "it's.jpg", 'a "b" $(c) `d`.jpg', "-x.jpg", "a\\n{b}.jpg", "a\nb.jpg"])
def test_a_file_may_have_any_name(name: str, session: InferenceSession) -> None:
    shutil.copy(f"assets/samples/{FILE}", name)
    hand, source = page(session)
    made = recipes.view(replace(source, file=name))
    np.testing.assert_array_equal(run_python(made), hand.pixels)
    out = run_shell(made)
    assert alike(pixels(out / "view.png"), hand.pixels)


def test_both_run_by_themselves(session: InferenceSession) -> None:
    hand, source = page(session)
    made, shown, _ = projection(UNIT)(hand, source)
    again, *_ = view(hand, source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ZFNET_DEVICE": "cpu"}
    environment.pop("ZFNET_CHECKPOINT", None)
    _, *words = shlex.split(again.shell)
    for arguments in (["-c", made.python], words):
        subprocess.run([sys.executable, "-W", "error", *arguments], env=environment, check=True, capture_output=True)
    np.testing.assert_array_equal(pixels(Path("projection.png")), pixels(shown))
    assert alike(pixels(Path("view/view.png")), hand.pixels)
