"""Occlusion maps, shown with what each place says."""

from typing import Any

import numpy as np
import streamlit as st

from pages.shared import exhibition, recipes, results
from pages.shared.exhibits import Exhibit
from pages.shared.occlusion_runs import Asked
from pages.shared.probe import pane, probe
from pages.shared.results import Look
from pages.shared.state import t, view
from pages.shared.widgets import class_name
from zfnet import drawing, render
from zfnet.images import digest
from zfnet.occlusion import OcclusionMaps
from zfnet.plate import Scale

# What is worth a sentence when covering raises the probability.
_RAISED = 0.01
# Below this a probability is told with more digits.
_RARE = 0.001
_range, _flat, _ends = drawing.occlusion_range, drawing.occlusion_flat, drawing.occlusion_ends
_TOLD = ("top", "bottom", "left", "right", "probability", "change", "activation", "label")


def show_covered(maps: OcclusionMaps) -> None:
    """Show what the network sees where covering costs most, or at the place that was clicked."""
    clicked = _clicked(maps)
    row, column = clicked or maps.lowest
    box, value = maps.box(row, column), percent(maps.probability[row, column])
    covered = results.session().covered(view(), box[:2], square=maps.square, cancel=results.abandoned)
    exhibition.show(
        Exhibit(
            "covered",
            f"covered-{box[0]}-{box[1]}",
            render.encode_png(render.enlarge(render.draw_box(covered, box), results.SIDE)),
            t("occlusion.covered_alt", **_sides(maps, row, column)),
            t("occlusion.covered_clicked" if clicked else "occlusion.covered_lowest", value=value),
            recipes.covered(exhibition.source(), box[:2], maps.square),
        )
    )


def sum_up(maps: OcclusionMaps) -> None:
    """Say in sentences what covering does to the class, and to the answer."""
    values, (whole, _, answer) = maps.probability, maps.whole
    low, high = float(values.min()), float(values.max())
    known = {"name": class_name(maps.class_index), "whole": percent(whole), "low": percent(low), "high": percent(high)}
    if _flat(values, whole):
        st.markdown(t("occlusion.flat", **known))
    elif low < whole:
        st.markdown(t("occlusion.falls", **known, **_sides(maps, *maps.lowest)))
    else:
        st.markdown(t("occlusion.never_falls", **known))
    if high >= whole + _RAISED:
        row, column = np.unravel_index(values.argmax(), values.shape)
        st.markdown(t("occlusion.rises", **known, **_sides(maps, int(row), int(column))))
    lost = values.size - maps.labels[0][1]
    said = {"answer": class_name(answer), "places": values.size}
    st.markdown(t("occlusion.changes", count=lost, **said) if lost else t("occlusion.stays", **said))


def show_maps(maps: OcclusionMaps, look: Look) -> None:
    """Show the maps, to be pointed at and clicked: probability, on the picture and alone, activation, and label."""
    name, (whole, total, answer) = class_name(maps.class_index), maps.whole
    ends = _ends(maps.probability, whole)
    on_picture = drawing.occlusion(maps, np.asarray(view()), look.colormap)
    bar = results.colour_bar(look.colormap)
    rarest, likeliest = map(percent, _range(maps.probability, whole))
    weakest, strongest = (f"{value:.1f}" for value in _range(maps.activation, total))
    likely, strong = (bar, rarest, likeliest), (bar, weakest, strongest)
    of = {"name": name, "whole": percent(whole)}
    unit = {"unit": str(maps.unit), "whole": total}
    end, asked = _ends(maps.activation, total), Asked(maps.class_index, maps.square, maps.head)
    shown = {
        "picture": Exhibit(
            *("occlusion", "occlusion-on-picture", results.large(on_picture)),
            *(t("occlusion.overlay_alt", **of), t("occlusion.overlay_caption", **of)),
            recipes.occlusion(exhibition.source(), "picture", asked, look.colormap),
            Scale(look.colormap, *ends, t("occlusion.probability_scale", name=name)),
        ),
        "probability": Exhibit(
            *("occlusion", "occlusion-probability"),
            render.encode_png(render.heat(maps.probability, look.colormap, ends)),
            *(t("occlusion.probability_alt", **of), t("occlusion.probability_caption", **of)),
            recipes.occlusion(exhibition.source(), "probability", asked, look.colormap),
            Scale(look.colormap, *ends, t("occlusion.probability_scale", name=name)),
            lambda: {"probability": maps.probability, "activation": maps.activation, "label": maps.label},
        ),
        "activation": Exhibit(
            *("occlusion", "occlusion-activation"),
            render.encode_png(render.heat(maps.activation, look.colormap, end)),
            *(t("occlusion.activation_alt", **unit), t("occlusion.activation_caption", **unit)),
            recipes.occlusion(exhibition.source(), "activation", asked, look.colormap),
            Scale(look.colormap, *end, t("feature_maps.value")),
        ),
        "label": Exhibit(
            *("occlusion", "occlusion-label"),
            render.encode_png(render.categorical(maps.label, [index for index, _ in maps.labels])),
            *(t("occlusion.label_alt", answer=class_name(answer)), t("occlusion.label_caption")),
            recipes.occlusion(exhibition.source(), "label", asked, look.colormap),
        ),
    }
    looks: dict[str, dict[str, Any]] = {
        "picture": {"seen": True, "smooth": True, "tip": "{probability}", "scale": likely},
        "probability": {"seen": False, "tip": "{probability}", "scale": likely},
        "activation": {"seen": False, "tip": "{activation}", "scale": strong},
        "label": {"seen": False, "tip": "{label}", "legend": _legend(maps)},
    }
    panes = [pane(one.png, one.alt, one.caption, **looks[key]) for key, one in shown.items()]

    def click(cell: tuple[int, int]) -> None:
        """Keep a place; a second click lets go of it."""
        st.session_state.covered = None if cell == _clicked(maps) else (_about(maps), cell)

    probe(
        maps.probability,
        panes,
        field=maps,
        side=results.session().info.config.input_size,
        told=t("occlusion.told", unit=maps.unit, **{key: f"{{{key}}}" for key in _TOLD}),
        help=t("occlusion.help"),
        key="occlusion",
        on_click=click,
        kept=_clicked(maps),
        words={
            "probability": [percent(value) for value in maps.probability.flat],
            "change": [points(value - whole) for value in maps.probability.flat],
            "activation": [f"{value:.1f}" for value in maps.activation.flat],
            "label": [class_name(index) for index in maps.label.flat],
        },
    )
    exhibition.under(*shown.values())


def percent(share: float) -> str:
    """Return a probability in words: with more digits where it is small."""
    return f"{share:.1%}" if share >= _RARE else f"{share:.3%}"


def points(change: float) -> str:
    """Return a change of a probability in points of a hundredth, with its sign."""
    return f"{100 * change:+.1f}".replace("-", "−") if abs(change) >= _RARE / 2 else "±0.0"


def _clicked(maps: OcclusionMaps) -> tuple[int, int] | None:
    """Return the place that was clicked in these maps."""
    about, cell = st.session_state.get("covered") or (None, None)
    return cell if about == _about(maps) else None


def _about(maps: OcclusionMaps) -> tuple[str, Asked]:
    """Return what tells these maps from all others."""
    return digest(view()), Asked(maps.class_index, maps.square, maps.head)


def _sides(maps: OcclusionMaps, row: int, column: int) -> dict[str, int]:
    """Return the first and the last row and column that the square covers."""
    (top, bottom), (left, right) = maps.span(row), maps.span(column)
    return {"top": top, "bottom": bottom, "left": left, "right": right}


def _legend(maps: OcclusionMaps) -> list[tuple[str, str]]:
    """Return the colours of the labels with names and counts; the last one stands for all that have none."""
    most = len(render.CATEGORIES) - 1
    named, others = maps.labels[:most], maps.labels[most:]
    entries = [
        (render.category(rank), t("occlusion.legend", name=class_name(index), count=count))
        for rank, (index, count) in enumerate(named)
    ]
    if others:
        count = sum(count for _, count in others)
        entries.append((render.category(len(named)), t("occlusion.legend_others", classes=len(others), count=count)))
    return entries
