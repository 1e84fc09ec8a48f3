"""Recipes of what looks at a class: evidence by every method, fine lines, occlusion, grid pointing."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pages.shared.exhibits import Recipe
from pages.shared.recipes.script import Source, flags, keywords, literal, named, opened, path, recipe
from pages.shared.recipes.units import permuted
from zfnet.classification import HEADS
from zfnet.occlusion import Square

if TYPE_CHECKING:
    from pages.shared.evidence import Asked, Paint
    from pages.shared.occlusion_runs import Asked as Covered

_SIDE = 448
_GUIDED, _INTEGRATED = "guided gradcam", "integrated"
_WHERE = 'trial = found.trials[list(QUADRANTS).index("{quadrant}")]'
_LABELS = "pixels = render.categorical(values, [index for index, {count} in maps.labels])"
OCCLUSIONS = ("picture", "probability", "activation", "label")


def evidence(source: Source, class_index: int, asked: "Asked", paint: "Paint", *, top: Sequence[int] = ()) -> Recipe:
    """Write the evidence for a class, laid on the picture.

    Args:
        source: the picture.
        class_index: the class.
        asked: by which method, and where.
        paint: how it is laid on the picture.
        top: the most probable classes. The pages compute them together; to the last bit that is another sum than that
            of each alone.
    """
    return _laid(
        source, "evidence", evidence_values(class_index, asked, top), asked, paint=paint, classes=[class_index]
    )


def evidence_cells(
    source: Source, class_index: int, asked: "Asked", paint: "Paint", *, top: Sequence[int] = ()
) -> Recipe:
    """Write the evidence for a class in its own cells."""
    return recipe(
        source,
        "evidence_cells",
        [*evidence_values(class_index, asked, top), f"pixels = drawing.cells(values, {literal(paint.colormap)})"],
        cam(source, [class_index], asked, paint, "--out", "evidence_cells"),
    )


def scorecam(source: Source, class_index: int, asked: "Asked", paint: "Paint") -> Recipe:
    """Write the evidence for a class by Score-CAM, which centring makes no difference to."""
    of = replace(asked, method="scorecam", centred=False)
    return _laid(source, "scorecam", evidence_values(class_index, of), of, paint=paint, classes=[class_index])


def rivals(
    source: Source, classes: tuple[int, int], asked: "Asked", paint: "Paint", *, top: Sequence[int] = ()
) -> Recipe:
    """Write the evidence for the first of two classes, on the scale of both."""
    own, rival = (
        evidence_values(i, asked, top, name=name) for i, name in zip(classes, ("values", "rival"), strict=True)
    )
    # What both are in is computed once.
    body = [*own, *(rival[1:] if rival[0] == own[0] else rival), "end = max(values.max(), rival.max())"]
    return _laid(source, "rivals", body, asked, paint=paint, classes=classes, end=", end=end")


def evidence_parts(
    source: Source, class_index: int, asked: "Asked", paint: "Paint", *, count: int, top: Sequence[int] = ()
) -> Recipe:
    """Write the sum of the channels that count most, on the scale of all of them."""
    of = replace(asked, method="gradcam")
    body = [
        f"parts = session.channel_evidence(view, {class_index}{_options(of)})",
        f"values = parts.partial({count})",
        *evidence_values(class_index, of, top, name="whole"),
        "end = max(whole.max(), 0)",
    ]
    more = ["--channels", str(count)]
    return _laid(source, "evidence_parts", body, of, paint=paint, classes=[class_index], end=", end=end", more=more)


def randomised_evidence(source: Source, class_index: int, asked: "Asked", *, until: str, seed: int) -> Recipe:
    """Write the Grad-CAM of a class before its ReLU with the weights permuted down to a layer, "" for none."""
    head, of = HEADS[asked.head], replace(asked, method="gradcam", layer="conv5")
    how = f"{literal(until)}{keywords(from_layer=(head, 'fc8'), seed=(seed, 0))}"
    twin = [f"twin = session.randomised({how})"] if until else []
    return recipe(
        source,
        "randomised_evidence",
        [
            *twin,
            *evidence_values(class_index, of, by="twin" if until else "session"),
            "pixels = render.signed_heat(values)",
        ],
        [
            "cam",
            *named(source),
            "--classes",
            str(class_index),
            *_shell_options(of),
            *permuted(until, seed),
            "--before-relu",
            "--out",
            "randomised_evidence",
        ],
    )


def lines(source: Source, class_index: int, asked: "Asked", method: str) -> Recipe:
    """Write how each pixel moves a class, or how much of its score each accounts for."""
    unit, centred = f"{HEADS[asked.head]}:{class_index}", keywords(centred=(asked.centred, False))
    if method == _GUIDED:
        call = f"guided_gradcam(view, {class_index}{keywords(head=(asked.head, 'fc'))}{centred})"
    elif method == _INTEGRATED:
        call = f"integrated_gradients(view, {literal(unit)}{centred})"
    else:
        call = f"saliency(view, {literal(unit)}{keywords(method=(method, 'gradient'))}{centred})"
    by = flags(method=(method.replace(" ", "-"), "gradient"), centred=(asked.centred, False))
    return recipe(
        source,
        "lines",
        [f"found = session.{call}", "pixels, limit = render.projection(found.pixels, (0, 0, 224, 224))"],
        ["saliency", *named(source), unit, *by, "--out", "lines"],
    )


def covered(source: Source, place: tuple[int, int], square: Square) -> Recipe:
    """Write what the network sees with the square at a place, framed."""
    top, left = place
    box = (top, left, top + square.size, left + square.size)
    return recipe(
        source,
        "covered",
        [
            f"values = session.covered(view, {place}{_square(square)})",
            f"pixels = render.enlarge(render.draw_box(values, {box}), {_SIDE})",
        ],
        ["occlude", *named(source), *_square_flags(square), "--place", str(top), str(left), "--out", "covered"],
    )


def occlusion(source: Source, shown: str, asked: "Covered", colormap: str) -> Recipe:
    """Write one of ``OCCLUSIONS``: the probability on the picture or alone, the activation, or the label."""
    head = keywords(head=(asked.head, "fc"))
    lines = [f"maps = session.occlusion(view, {asked.class_index}{_square(asked.square)}{head})"]
    if shown == "picture":
        laid = f"drawing.occlusion(maps, np.asarray(view), {literal(colormap)})"
        lines += ["values = maps.probability", f"pixels = render.enlarge({laid}, {_SIDE})"]
    elif shown == "label":
        lines += ["values = maps.label", _LABELS.format(count="count")]
    else:
        ends = f"drawing.occlusion_ends(values, maps.whole[{OCCLUSIONS.index(shown) - 1}])"
        lines += [f"values = maps.{shown}", f"pixels = render.heat(values, {literal(colormap)}, {ends})"]
    of = ["--class", str(asked.class_index), *_square_flags(asked.square), *flags(head=(asked.head, "fc"))]
    colours = flags(colours=(colormap, "viridis"))
    return recipe(source, "occlusion", lines, ["occlude", *named(source), *of, *colours, "--out", "occlusion"])


def pointing(source: Source, second: str, quadrant: str, asked: "Asked", *, paint: "Paint") -> Recipe:
    """Write the picture with a second one, a file, in a quadrant, and on it the map for the second one's class."""
    method = literal(asked.method)
    field = f"receptive_field(session.info.config, {literal(asked.layer)})"
    look = keywords(colormap=(paint.colormap, "viridis"), opacity=(paint.opacity, 0.7))
    return recipe(
        source,
        "pointing",
        [
            f"second = {opened(second)}",
            f"found = session.pointing(view, second{keywords(methods=([asked.method], ['gradcam']))}{_options(asked)})",
            _WHERE.format(quadrant=quadrant),
            f"values = trial.maps[{method}]",
            "composed = np.asarray(compose(view, second, trial.quadrant))",
            f"pixels = drawing.pointing(composed, trial, {method}, {field}{look})",
        ],
        [
            "pointing",
            *named(source),
            path(second),
            *flags(method=(asked.method, "gradcam")),
            *_shell_options(asked),
            *flags(colours=(paint.colormap, "viridis"), opacity=(paint.opacity, 0.7)),
            "--out",
            "pointing",
        ],
    )


def _laid(
    source: Source,
    name: str,
    values: Sequence[str],
    asked: "Asked",
    *,
    paint: "Paint",
    classes: Sequence[int],
    end: str = "",
    more: Sequence[str] = (),
) -> Recipe:
    """Write a recipe that lays values on the picture."""
    field = f"field = receptive_field(session.info.config, {literal(asked.layer)})"
    look = keywords(colormap=(paint.colormap, "viridis"), opacity=(paint.opacity, 0.7), contour=(paint.contour, 0.0))
    body = [*values, field, f"pixels = drawing.evidence(np.asarray(view), values, field{look}{end})"]
    return recipe(source, name, body, cam(source, classes, asked, paint, *more, "--out", name))


def evidence_values(
    class_index: int,
    asked: "Asked",
    top: Sequence[int] = (),
    *,
    name: str = "values",
    by: str = "session",
    seen: str = "view",
) -> list[str]:
    """Return the lines that make the evidence for a class before its last ReLU, in the picture ``seen``."""
    classes = list(top) if class_index in top else [class_index]
    methods = keywords(methods=([asked.method], ["gradcam"]))
    call = f"{by}.class_activation({seen}, {classes}{methods}{_options(asked)}, rectified=False)"
    if len(classes) == 1:
        return [f"(found,) = {call}", f"{name} = found.values"]
    return [f"maps = {call}", f"{name} = maps[{classes.index(class_index)}].values  # class {class_index}"]


def _options(asked: "Asked") -> str:
    return keywords(layer=(asked.layer, "conv5"), head=(asked.head, "fc"), centred=(asked.centred, False))


def _shell_options(asked: "Asked") -> list[str]:
    return flags(layer=(asked.layer, "conv5"), head=(asked.head, "fc"), centred=(asked.centred, False))


def cam(source: Source, classes: Sequence[int], asked: "Asked", paint: "Paint", *more: str) -> list[str]:
    """Return the arguments of the shell that lay the evidence for classes on the picture."""
    which = ["--classes", *map(str, classes), *flags(methods=(asked.method, "gradcam")), *_shell_options(asked)]
    scale = ["--one-scale"] if len(classes) > 1 else []
    look = flags(colours=(paint.colormap, "viridis"), opacity=(paint.opacity, 0.6), contour=(paint.contour, 0.0))
    return ["cam", *named(source), *which, *scale, *look, *more]


def _square(square: Square) -> str:
    changed = {name: (value, getattr(Square(), name)) for name, value in asdict(square).items()}
    options = keywords(**changed)[2:]
    return f", square=Square({options})" if options else ""


def _square_flags(square: Square) -> list[str]:
    return flags(**{name: (value, getattr(Square(), name)) for name, value in asdict(square).items()})
